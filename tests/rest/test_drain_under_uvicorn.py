"""Draining as a real server, a real signal and real connections see it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = """
from bff.rest._drain import Drain

drain = Drain({seconds})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        drain.install()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        drain.restore()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    while (await receive()).get("more_body"):
        pass
    status = 503 if drain.is_draining and scope["path"] == "/readyz" else 200
    await send({{"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]}})
    await send({{"type": "http.response.body", "body": b"ok"}})
"""


def until(holds: Callable[[], bool]) -> None:
    """Ask until it holds; a test that never gets there fails."""
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


class Running:
    """A server process on a socket in a folder."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self._path = str(path)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        return connection

    def get(self, path: str) -> int:
        """Return the status of a GET."""
        with self.connect() as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            return status_of(connection)

    def is_listening(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def terminate(self) -> None:
        os.kill(self.process.pid, signal.SIGTERM)


def status_of(connection: socket.socket) -> int:
    answer = b""
    while chunk := connection.recv(4096):
        answer += chunk
    return int(answer.split()[1]) if answer.endswith(b"ok") else 0


@contextmanager
def serving(folder: Path, *, seconds: float, loop: str) -> Generator[Running]:
    (folder / "draining_app.py").write_text(APP.format(seconds=seconds))
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "draining_app:app",
        "--uds",
        str(folder / "s"),
        "--app-dir",
        str(folder),
    ]
    with subprocess.Popen([*command, "--loop", loop], env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        running = Running(process, folder / "s")
        try:
            until(running.is_listening)
            yield running
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the test's server listens on a Unix socket")
@pytest.mark.parametrize("loop", ["asyncio", "auto"])
class TestDraining:
    def test_a_first_sigterm_turns_ready_off_and_serves_on_until_a_second_lets_requests_in_flight_finish(
        self, tmp_path: Path, loop: str
    ) -> None:
        with serving(tmp_path, seconds=60, loop=loop) as server:
            assert server.get("/readyz") == 200
            with server.connect() as slow:
                slow.sendall(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nconnection: close\r\n\r\nha")

                server.terminate()
                until(lambda: server.get("/readyz") == 503)
                assert server.get("/products/7") == 200

                server.terminate()
                until(lambda: not server.is_listening())
                slow.sendall(b"lf")
                assert status_of(slow) == 200
            assert server.process.wait(timeout=20) == -signal.SIGTERM

    def test_one_sigterm_ends_the_server_when_the_drain_is_over(self, tmp_path: Path, loop: str) -> None:
        with serving(tmp_path, seconds=0.1, loop=loop) as server:
            server.terminate()

            assert server.process.wait(timeout=20) == -signal.SIGTERM
