"""The upstreams: nginx serving files, so that they cost next to nothing and count what they are asked."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from examples._processes import free_port
from examples.upstreams import catalog, inventory, reviews

PRODUCTS = range(1, 251)
LIMITS = {"web": 10, "mobile": 3}

_CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 10000000;
    keepalive_timeout 75s;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        add_header Cache-Control "max-age=60";
        location ~ ^/products/(?<id>[0-9]+)/reviews$ {{ try_files /reviews/$id-$arg_limit =404; }}
        location = /requests {{ stub_status; }}
    }}
}}
"""


def nginx() -> str | None:
    """Return where nginx is, `None` where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def upstreams(folder: Path) -> Generator[str]:
    """Serve the three upstreams from one address, which is given."""
    for name, content in asyncio.run(_documents()).items():
        file = folder / "files" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    port = free_port(9100)
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port))
    program = nginx()
    assert program is not None
    server = subprocess.Popen([program, "-e", f"{folder}/start.log", "-c", str(config)])  # noqa: S603 - our own file
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def requests_served(address: str) -> int:
    """Return how many requests the upstreams have answered, by their own count."""
    status = httpx.get(f"{address}/requests").text
    counts = re.search(r"\n\s*\d+ \d+ (\d+)", status)
    assert counts is not None
    return int(counts[1])


async def _documents() -> dict[str, bytes]:
    """Return what the example services answer, by the name of the file that it goes to."""
    found: dict[str, bytes] = {}
    for product_id in PRODUCTS:
        product = await _fetch(catalog.app, f"/products/{product_id}")
        found[f"products/{product_id}"] = product.content
        sku: str = product.json()["sku"]
        found[f"stock/{sku}"] = (await _fetch(inventory.app, f"/stock/{sku}")).content
        for limit in LIMITS.values():
            path = f"/products/{product_id}/reviews?limit={limit}"
            found[f"reviews/{product_id}-{limit}"] = (await _fetch(reviews.app, path)).content
    return found


async def _fetch(app: object, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://upstream") as client:
        return (await client.get(path)).raise_for_status()
