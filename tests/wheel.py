"""
Use a built wheel alone, as `make wheel-test` installs it: no checkout, no development tools.

The argument says which of the two it should be, as `bff --version` calls it: `interpreted` or `compiled`.
"""

import asyncio
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from pydantic import BaseModel

import bff
from bff import BFF, ClientProfile, Shape, Upstream, call, endpoint
from bff.testing import Fakes, run_virtual


class Product(BaseModel):
    id: int
    name: str
    secret: str


class Catalog(Upstream):
    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...


class Card(Shape):
    id: int
    name: str


class Mobile(ClientProfile):
    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        return Card.of(Catalog.product(product_id))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"id": 7, "name": "Kettle", "secret": "margin"}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep quiet: what counts is what the client got."""


async def ask(base_url: str) -> httpx.Response:
    """Return what a phone gets."""
    app = BFF(Mobile, upstreams={Catalog: base_url})
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bff") as client,
    ):
        return await client.get("/products/7")


async def ask_fakes() -> httpx.Response:
    """Return what a phone gets without a catalog."""
    fakes = Fakes()
    fakes.on(Catalog.product).returns(Product(id=7, name="Fake kettle", secret="none"))
    async with fakes.client(BFF(Mobile, upstreams={Catalog: "http://catalog.test"})) as client:
        return await client.get("/products/7")


def main() -> None:
    """Check what was installed, then use it."""
    installed = Path(bff.__file__).parent
    assert installed.is_relative_to(sys.prefix), f"{installed} is not the wheel's"
    assert (installed / "py.typed").exists(), "the wheel is not typed"
    files = importlib.metadata.files("bff-framework") or []
    tops = {file.parts[0] for file in files if not file.parts[0].endswith(".dist-info")} - {".."}
    assert tops == {"bff"}, f"the wheel brings {tops}"
    assert [name for name in bff.__all__ if not hasattr(bff, name)] == []
    version = [sys.executable, "-I", "-m", "bff", "--version"]
    said = subprocess.run(version, check=True, capture_output=True, text=True).stdout
    assert said == f"bff {importlib.metadata.version('bff-framework')} ({sys.argv[1]})\n", said
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-I", "-m", "bff", "new", f"{folder}/corner-shop"], check=True)
        assert Path(folder, "corner-shop", "corner_shop", "app.py").exists(), "the wheel lacks the templates"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    response = asyncio.run(ask(f"http://127.0.0.1:{server.server_port}"))
    server.shutdown()
    assert (response.status_code, response.json()) == (200, {"id": 7, "name": "Kettle"}), response.text
    faked = run_virtual(ask_fakes())
    assert (faked.status_code, faked.json()) == (200, {"id": 7, "name": "Fake kettle"}), faked.text
    assert "pytest" not in sys.modules, "what is for tests asks for pytest"
    print(f"{said.strip()}: the wheel works")


if __name__ == "__main__":
    main()
