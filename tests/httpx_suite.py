"""
Hold `AmbassadorTransport` against httpx's own test suite: it must pass and fail what it does without.

The suite comes with httpx's source distribution, of exactly the version that is installed. It runs three times: as it
is, with our transport around every transport that an `AsyncClient` has, and with our default wire instead of those that
a client makes for itself. `make httpx-suite` runs this; without a network it is skipped, except in CI. Loaded by pytest
(`-p httpx_suite`) this file is the plugin that does the wrapping.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

VERSION = version("httpx")
CACHE = Path(sys.prefix) / "httpx-suite" / VERSION
PORT = 8000  # of the server in httpx's conftest
PATIENCE = 120.0  # seconds

# What the suite needs, in the versions of its time: warnings of later ones are errors to it.
NEEDED = (
    "pytest<9", "anyio", "trio<0.28", "trustme<2", "cryptography", "chardet<6", "click<8.2", "rich<14", "pygments<3",
    "uvicorn<0.33", "h11<1", "websockets<14", "zstandard", "brotli", "h2<5", "socksio<2",
)  # fmt: skip

# What the default wire does otherwise: its connections are not httpx's, and neither are their timeouts.
NOT_HTTPX_POOL = frozenset(
    {"tests/test_timeouts.py::test_write_timeout[asyncio]", "tests/test_timeouts.py::test_pool_timeout[asyncio]"}
)

# How the suite runs, and which differences are as they should be.
WAYS = {
    "as it is": frozenset[str](),
    "with our transport around httpx's": frozenset[str](),
    "with our transport and its default wire": NOT_HTTPX_POOL,
}
PLAIN, AROUND, INSTEAD = WAYS

# The plugin: what became of each test, and which transport it ran on.

WAY = os.environ.get("HTTPX_SUITE_WAY", PLAIN)
outcomes: dict[str, str] = {}
sent: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test ended: one whose set-up or end fails has failed."""
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.nodeid] = report.outcome


def pytest_sessionstart() -> None:
    """Put our transport around each one that an `AsyncClient` is given or makes."""
    from uvicorn.config import HTTP_PROTOCOLS

    # The suite expects the headers of a uvicorn that parses with h11; our wire needs the other parser.
    HTTP_PROTOCOLS["auto"] = HTTP_PROTOCOLS["h11"]
    if WAY == PLAIN:
        return
    import httpx

    client: Any = httpx.AsyncClient
    client._init_transport = wrapping(client._init_transport, is_replaced=WAY == INSTEAD)
    client._init_proxy_transport = wrapping(client._init_proxy_transport, is_replaced=False)


def pytest_sessionfinish() -> None:
    """Hand the results to whoever started this."""
    Path(os.environ["HTTPX_SUITE_RESULTS"]).write_text(json.dumps([outcomes, sent]))


def wrapping(original: Any, *, is_replaced: bool) -> Any:
    """Return what makes a client's transport, with our layers around what it makes, or instead of httpx's own."""
    import httpx

    from bff.ambassador import AmbassadorTransport

    class Wrapped(AmbassadorTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            super().__init__(None if is_replaced and type(inner) is httpx.AsyncHTTPTransport else inner)
            self.inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            # Our layers need asyncio: of what the suite does under trio they are no part.
            if has_asyncio():
                sent["asyncio"] += 1
                return await super().handle_async_request(request)
            sent["trio"] += 1
            return await self.inner.handle_async_request(request)

        async def aclose(self) -> None:
            await super().aclose()
            if self._inner is None:
                await self.inner.aclose()  # which served what ran under trio

        # The suite looks at the private parts of a transport that a client has made, and at its class.
        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    def looks(transport: Wrapped) -> type:
        return type(transport.inner)

    wrapped = type("Wrapped", (Wrapped,), {"__class__": property(looks)})

    def init(client: object, *arguments: Any, **settings: Any) -> Any:
        return wrapped(original(client, *arguments, **settings))

    return init


def has_asyncio() -> bool:
    """Say whether asyncio runs what is running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


# The script.


def main() -> None:
    """Run the suite in all ways and compare; what differs ends this with a status of 1."""
    folder = prepared()
    if folder is None:
        if os.environ.get("CI"):
            raise SystemExit("httpx's suite could not be had")
        print("skipped: httpx's suite could not be had, is there a network?")
        return
    plain, _ = results(folder, PLAIN)
    print(f"httpx {VERSION} {PLAIN}: {told(plain)}")
    is_as_it_should_be = [compared(folder, way, plain) for way in (AROUND, INSTEAD)]
    if not all(is_as_it_should_be):
        raise SystemExit(f"this is told at length in {CACHE}/*.log")


def compared(folder: Path, way: str, plain: dict[str, str]) -> bool:
    """Run the suite in another way; print what came of it, and say whether it is what it should be."""
    outcomes, sent = results(folder, way)
    differing = {test for test in {*plain, *outcomes} if plain.get(test) != outcomes.get(test)}
    print(f"httpx {VERSION} {way}: {told(outcomes)}")
    print(f"    {sent.get('asyncio', 0)} requests went through it, {sent.get('trio', 0)} under trio past it")
    for test in sorted(differing):
        mark = " (as it should)" if test in WAYS[way] else ""
        print(f"    {test}: {plain.get(test, 'not run')} without, {outcomes.get(test, 'not run')} with it{mark}")
    return sorted(differing) == sorted(WAYS[way]) and sent.get("asyncio", 0) > 0


def told(outcomes: dict[str, str]) -> str:
    """Return how many tests ended how."""
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(Counter(outcomes.values()).items()))


def prepared() -> Path | None:
    """Return the folder of the unpacked source, fetched and with all that its tests need where it was not there."""
    folder, ready = CACHE / f"httpx-{VERSION}", CACHE / "ready"
    if ready.exists() and ready.read_text() == repr(NEEDED):
        return folder
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    source = ["download", "--no-deps", "--no-binary", "httpx", "--dest", str(CACHE), f"httpx=={VERSION}"]
    if not (pip(*source) and pip("install", "--target", str(CACHE / "packages"), *NEEDED)):
        return None
    with tarfile.open(CACHE / f"httpx-{VERSION}.tar.gz") as archive:
        archive.extractall(CACHE, filter="data")
    ready.write_text(repr(NEEDED))
    return folder


def pip(*arguments: str) -> bool:
    """Run pip, which knows where packages come from; say whether it did what it should."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    # It warns that what is put into a folder of its own does not go with what is installed.
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def results(folder: Path, way: str) -> tuple[dict[str, str], dict[str, int]]:
    """Run the suite; return how each test ended, and how many requests went through our transport and past it."""
    wait_for_port()
    found = CACHE / "results.json"
    found.unlink(missing_ok=True)
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (CACHE / "packages", here, here.parent))),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "HTTPX_SUITE_RESULTS": str(found),
        "HTTPX_SUITE_WAY": way,
    }
    # Those of the tests that need the open network fail one way here and another there.
    command = [sys.executable, "-m", "pytest", "-p", "anyio", "-p", "httpx_suite", "-p", "no:cacheprovider", "-q"]
    command += ["-m", "not network", "--tb=short", "tests"]
    run = subprocess.run(
        command, cwd=folder, env=environment, check=False, timeout=PATIENCE, capture_output=True, text=True
    )
    if not found.exists():
        raise SystemExit(f"the suite did not run:\n{run.stdout}\n{run.stderr}")
    (CACHE / f"{way}.log").write_text(run.stdout)
    outcomes, sent = json.loads(found.read_text())
    return outcomes, sent


def wait_for_port() -> None:
    """Wait until nobody listens where the suite's server will."""
    end = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT)) != 0:
                return
        if time.monotonic() > end:
            raise SystemExit(f"httpx's suite needs port {PORT}, and somebody else has it")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
