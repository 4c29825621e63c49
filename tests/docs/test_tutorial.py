"""The tutorial's code runs, and gives the answers that the tutorial prints."""

import asyncio
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from examples._processes import Server, free_port, running

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "index.md"
BLOCK = re.compile(r'^```(\w+) title="(.+?)"\n(.*?)^```', re.MULTILINE | re.DOTALL)
UPSTREAMS = ("catalog", "reviews", "inventory", "orders")


@dataclass(frozen=True)
class Step:
    """A file as it stands at one point of the tutorial, and what is asked and answered there."""

    source: str
    path: str
    answer: Any
    header: tuple[str, str] | None


def steps() -> Iterator[Step]:
    source, header = "", None
    for language, title, text in re.findall(
        r'^```(\w+) title="(.+?)"\n(.*?)^```', TUTORIAL.read_text(), re.MULTILINE | re.DOTALL
    ):
        match language:
            case "python":
                source, header = text, None
            case "http":
                name, _, value = text.strip().partition(": ")
                header = (name, value)
            case _:
                yield Step(source, title.removeprefix("GET "), json.loads(text), header)


def load(source: str, folder: Path) -> ModuleType:
    """Import `source` from a file of its own, as tracing reads it."""
    path = folder / "phone.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("phone", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["phone"] = module
    spec.loader.exec_module(module)
    return module


async def ask(step: Step, folder: Path, shop: Server) -> httpx.Response:
    async with running([shop]), httpx.AsyncClient() as client:
        if step.header is not None:
            reviews = shop.probes[UPSTREAMS.index("reviews")].removesuffix("/_stats")
            await client.put(f"{reviews}/_knobs", json={"dark": True})
        app = load(step.source, folder).app
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://phone") as phone,
        ):
            return await phone.get(step.path)


@pytest.mark.parametrize("step", [*steps()], ids=["one call", "an image", "three services", "one is dark"])
def test_the_tutorial_tells_the_truth(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = {name: free_port(0) for name in UPSTREAMS}
    for name, port in ports.items():
        monkeypatch.setenv(f"BFF_{name.upper()}__BASE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setitem(sys.modules, "phone", ModuleType("phone"))
    arguments = [part for name, port in ports.items() for part in (f"--{name}", str(port))]
    probes = [f"http://127.0.0.1:{port}/_stats" for port in ports.values()]
    response = asyncio.run(ask(step, tmp_path, Server("upstreams", "examples.upstreams", arguments, probes)))
    assert (200, step.answer) == (response.status_code, response.json())
    if step.header is not None:
        name, value = step.header
        assert value == response.headers[name]
