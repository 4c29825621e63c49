"""A real DNS server, Debian's dnsmasq, on a port of its own, that answers what a test tells it to."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

__all__ = ["Dnsmasq", "needs_dnsmasq"]

_PATIENCE: Final = 20.0  # seconds
_BINARY: Final = shutil.which("dnsmasq", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

# Where CI runs it is installed, and its absence is a failure.
needs_dnsmasq = pytest.mark.skipif(
    _BINARY is None and not os.environ.get("CI"), reason="dnsmasq is not installed: apt-get install dnsmasq-base"
)


class Dnsmasq:
    """
    Answer for names below `test`, and say of any other below it that there is none such (NXDOMAIN).

    Records hold `ttl` seconds. Those of names below `dead.test` are to be had from a server that does not exist.
    """

    def __init__(self, folder: Path, records: Mapping[str, Sequence[str]], *, ttl: int = 1) -> None:
        self._file = folder / "records"
        self._ttl = ttl
        self._write(records)
        self._process: asyncio.subprocess.Process | None = None
        self.port = _free_port()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, on the same port as before, and wait until it has read its records."""
        assert _BINARY is not None, "dnsmasq is missing: apt-get install dnsmasq-base"
        options = [
            "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--no-hosts", "--no-resolv",
            "--pid-file", "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={self.port}", "--cache-size=0",
            "--local=/test/", "--server=/dead.test/127.0.0.1#1", f"--addn-hosts={self._file}",
            f"--local-ttl={self._ttl}", f"--user={os.environ.get('USER', 'root')}",
        ]  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(_BINARY, *options, stderr=asyncio.subprocess.PIPE)
        await self._until_it_has_read()

    async def stop(self) -> None:
        """End it: nobody answers any more."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            await process.communicate()

    async def answer(self, records: Mapping[str, Sequence[str]]) -> None:
        """Let these be its records from now on."""
        assert self._process is not None
        self._write(records)
        self._process.send_signal(signal.SIGHUP)
        await self._until_it_has_read()

    def _write(self, records: Mapping[str, Sequence[str]]) -> None:
        lines = [f"{address} {name}\n" for name, addresses in records.items() for address in addresses]
        self._file.write_text("".join(lines))

    async def _until_it_has_read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async with asyncio.timeout(_PATIENCE):
            while line := await self._process.stderr.readline():
                if f"read {self._file}".encode() in line:
                    return
        raise AssertionError("dnsmasq ended by itself")


def _free_port() -> int:
    """Return a port that nobody uses, neither for UDP nor for TCP."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            with contextlib.suppress(OSError):
                datagram.bind(("127.0.0.1", port))
                return port
