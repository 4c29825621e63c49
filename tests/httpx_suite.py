"""
Hold `AmbassadorTransport` against httpx's own test suite: it must pass and fail what it does without.

The suite comes with httpx's source distribution, of exactly the version that is installed. It runs twice: as it is, and
with our transport around every transport that an `AsyncClient` has. `make httpx-suite` runs this; without a network it
is skipped, except in CI. Loaded by pytest (`-p httpx_suite`) this file is the plugin that does the wrapping.
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
    "uvicorn<0.33", "websockets<14", "zstandard", "brotli", "h2<5", "socksio<2",
)  # fmt: skip

# The plugin: what became of each test, and which transport it ran on.

IS_WRAPPED = os.environ.get("HTTPX_SUITE_WRAPPED") == "1"
outcomes: dict[str, str] = {}
sent: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test ended: one whose set-up or end fails has failed."""
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.nodeid] = report.outcome


def pytest_sessionstart() -> None:
    """Put our transport around each one that an `AsyncClient` is given or makes."""
    if not IS_WRAPPED:
        return
    import httpx

    for name in ("_init_transport", "_init_proxy_transport"):
        setattr(httpx.AsyncClient, name, wrapping(getattr(httpx.AsyncClient, name)))


def pytest_sessionfinish() -> None:
    """Hand the results to whoever started this."""
    Path(os.environ["HTTPX_SUITE_RESULTS"]).write_text(json.dumps([outcomes, sent]))


def wrapping(original: Any) -> Any:
    """Return what makes a client's transport, with our layers around what it makes."""
    import httpx

    from bff.ambassador import AmbassadorTransport

    class Wrapped(AmbassadorTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            super().__init__(inner)
            self.inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            # Our layers need asyncio: of what the suite does under trio they are no part.
            if has_asyncio():
                sent["asyncio"] += 1
                return await super().handle_async_request(request)
            sent["trio"] += 1
            return await self.inner.handle_async_request(request)

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
    """Run the suite twice and compare; what differs ends this with a status of 1."""
    folder = prepared()
    if folder is None:
        if os.environ.get("CI"):
            raise SystemExit("httpx's suite could not be had")
        print("skipped: httpx's suite could not be had, is there a network?")
        return
    before, _ = results(folder, is_wrapped=False)
    after, sent = results(folder, is_wrapped=True)
    differing = sorted(test for test in {*before, *after} if before.get(test) != after.get(test))
    if differing:
        print(f"what differs, and is told at length in {CACHE}/*.log:")
    for test in differing:
        print(f"{test}: {before.get(test, 'not run')} without our transport, {after.get(test, 'not run')} with it")
    print(f"httpx {VERSION}, as it is:       {told(before)}")
    print(f"httpx {VERSION}, with our transport: {told(after)}")
    print(f"{sent.get('asyncio', 0)} requests went through it, {sent.get('trio', 0)} under trio past it")
    if differing or not sent.get("asyncio"):
        raise SystemExit(1)


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
    # The suite expects the headers of a uvicorn that parses with h11.
    (CACHE / "packages" / "httptools.py").write_text('raise ImportError("not here")\n')
    ready.write_text(repr(NEEDED))
    return folder


def pip(*arguments: str) -> bool:
    """Run pip, which knows where packages come from; say whether it did what it should."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    # It warns that what is put into a folder of its own does not go with what is installed.
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def results(folder: Path, *, is_wrapped: bool) -> tuple[dict[str, str], dict[str, int]]:
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
        "HTTPX_SUITE_WRAPPED": str(int(is_wrapped)),
    }
    # Those of the tests that need the open network fail one way here and another there.
    command = [sys.executable, "-m", "pytest", "-p", "anyio", "-p", "httpx_suite", "-p", "no:cacheprovider", "-q"]
    command += ["-m", "not network", "--tb=short", "tests"]
    run = subprocess.run(
        command, cwd=folder, env=environment, check=False, timeout=PATIENCE, capture_output=True, text=True
    )
    if not found.exists():
        raise SystemExit(f"the suite did not run:\n{run.stdout}\n{run.stderr}")
    (CACHE / ("wrapped.log" if is_wrapped else "plain.log")).write_text(run.stdout)
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
