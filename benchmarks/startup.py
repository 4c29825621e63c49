"""What it costs to start: imports, building apps of several sizes, and the memory of a worker that waits."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

from benchmarks._generated import write_app
from examples._processes import free_port

IMPORTS = {
    "fastapi": "import fastapi",
    "bff": "import fastapi, bff",
    "its names": "import fastapi; from bff import BFF, ClientProfile, Shape, Upstream, call, each, endpoint, optional",
    "web example, built": "import fastapi, examples.web_bff.app",
}
IMPORTS_MOST: Final = 0.150  # seconds over importing FastAPI

SIZES = (10, 100, 1000)
BUILD_MOST: Final = 2.0  # seconds for the largest

MEMORY_MOST: Final = 25.0  # megabytes over a bare FastAPI app
REQUESTS = 5
PATIENCE = 60.0

_BARE = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello() -> str:
    return "hello"
"""
_WEB = "from examples.web_bff.app import app\n"
_MANY = "from bff import BFF\nfrom made import profiles\n\napp = BFF(*profiles)\n"


@dataclass(frozen=True)
class Served:
    """An app in a folder of its own, as `served:app`; `path` is what is asked of it."""

    text: str
    path: str
    endpoints: int = 0


SERVED = {
    "bare FastAPI": Served(_BARE, "/"),
    "web example": Served(_WEB, "/products/1"),
    **{f"{size} endpoints": Served(_MANY, "/profile0/pages-0/1", size) for size in SIZES[1:]},
}


def alternately(names: list[str], measure: Callable[[str], float], rounds: int) -> Mapping[str, float]:
    """Return the median for each name; all take their turns in every round, in no order."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            found[name].append(measure(name))
    return {name: median(values) for name, values in found.items()}


def child(code: str, *folders: Path) -> str:
    """Run Python in a process of its own, and return what it printed."""
    path = os.pathsep.join([*map(str, folders), str(Path.cwd())])
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603


def measure_imports(rounds: int) -> None:
    """Print what imports cost, over the start of the interpreter."""
    timed = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
    found = alternately([*IMPORTS], lambda name: float(child(timed.format(IMPORTS[name]))), rounds)
    print(f"\nimports, CPU time, median of {rounds}")
    for name, seconds in found.items():
        over = seconds - found["fastapi"]
        print(f"{name:20} {seconds * 1e3:7.0f} ms   {over * 1e3:+7.0f} ms over FastAPI")
    over = found["its names"] - found["fastapi"]
    print(f"importing bff costs {over * 1e3:.0f} ms over FastAPI, of {IMPORTS_MOST * 1e3:.0f} that it may")


_BUILD = """
import time
import made
from bff import BFF
began = time.process_time()
BFF(*made.profiles)
print(time.process_time() - began)
"""
_PLAIN = """
import time
from fastapi import FastAPI
import plain
began = time.process_time()
app = FastAPI()
for number, (page, model) in enumerate(plain.pages):
    app.add_api_route(f"/pages-{number}/{{item_id}}", page, response_model=model)
print(time.process_time() - began)
"""
_PLAIN_PAGE = """
class Page{n}(BaseModel):
    id: int
    name: str


def page_{n}(item_id: int) -> Page{n}: ...


pages.append((page_{n}, Page{n}))
"""


def measure_builds(rounds: int, scratch: Path) -> None:
    """Print what it costs to build apps, from declarations to routes, beside FastAPI's own share of it."""
    cases: dict[str, tuple[str, Path]] = {}
    for size in SIZES:
        folder = scratch / f"built-{size}"
        folder.mkdir()
        write_app(folder, size)
        cases[f"bff, {size}"] = _BUILD, folder
        pages = "".join(_PLAIN_PAGE.format(n=n) for n in range(size))
        head = "from pydantic import BaseModel\n\npages: list = []\n"
        (folder / "plain.py").write_text(head + pages)
        cases[f"FastAPI, {size}"] = _PLAIN, folder
    found = alternately([*cases], lambda name: float(child(*cases[name])), rounds)
    print(f"\nbuilding an app of so many endpoints, CPU time, median of {rounds}")
    for name, seconds in found.items():
        size = int(name.rpartition(" ")[2])
        print(f"{name:20} {seconds * 1e3:7.0f} ms   {seconds / size * 1e3:7.2f} ms an endpoint")
    print(f"the largest takes {found[f'bff, {SIZES[-1]}']:.2f} s, of {BUILD_MOST:g} that it may")


def measure_memory(rounds: int, scratch: Path) -> None:
    """Print what a worker holds that has answered a few requests and waits."""
    folders: dict[str, Path] = {}
    for name, served in SERVED.items():
        folder = folders[name] = scratch / name.replace(" ", "-")
        folder.mkdir()
        (folder / "served.py").write_text(served.text)
        if served.endpoints:
            write_app(folder, served.endpoints)
    found = alternately([*SERVED], lambda name: held(folders[name], SERVED[name].path), rounds)
    print(f"\nmemory of an idle worker, resident, median of {rounds}")
    for name, megabytes in found.items():
        print(f"{name:20} {megabytes:7.1f} MB   {megabytes - found['bare FastAPI']:+7.1f} MB over bare")
    over = found["web example"] - found["bare FastAPI"]
    print(f"a worker takes {over:.1f} MB over bare FastAPI, of {MEMORY_MOST:g} that it may")


def held(folder: Path, path: str) -> float:
    """Return how many megabytes are resident in a worker that serves `served:app` of a folder."""
    port = free_port(8900)
    command = [sys.executable, "-m", "uvicorn", "served:app", "--port", str(port), "--log-level", "critical"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait(process, f"http://127.0.0.1:{port}")
        for _ in range(REQUESTS):
            _ask(f"http://127.0.0.1:{port}{path}")
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        return int(rollup.partition("Rss:")[2].split()[0]) / 1024
    finally:
        process.kill()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", address: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            _ask(f"{address}/nowhere")
        except OSError:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return


def _ask(address: str) -> None:
    """Ask for a page; that its upstreams are not there, and so it fails, is no matter here."""
    try:
        with urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310 - our own worker
            answer.read()
    except HTTPError as error:
        error.close()


def main() -> None:
    """Print all three; `--smoke` takes one round, to see that it works."""
    rounds = 1 if "--smoke" in sys.argv else 5
    print(f"Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory(prefix="bff-startup-") as name:
        measure_imports(4 * rounds - 3)
        measure_builds(rounds, Path(name))
        measure_memory(rounds, Path(name))


if __name__ == "__main__":
    main()
