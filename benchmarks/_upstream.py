"""The upstreams: nginx serving files, so that they cost next to nothing and count what they are asked."""

import re
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks._documents import write_documents
from benchmarks._tools import NGINX
from examples._processes import free_port

__all__ = ["Counter", "Upstream", "upstreams"]

_CONFIG: Final = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 10000000;
    keepalive_timeout 75s;
    large_client_header_buffers 4 16k;
    open_file_cache max=10000 inactive=10m;
    open_file_cache_valid 10m;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder}/files;
        add_header Cache-Control "max-age=60";
        location ~ ^/products/(?<id>[0-9]+)/reviews$ {{ try_files /reviews/$id-$arg_limit =404; }}
        location ~ ^/items/(?<item>[0-9]+)/ {{ try_files /items/$item =404; }}
        location ~ ^/boxes/(?<size>[0-9]+)/ {{ try_files /boxes/$size =404; }}
        location ~ ^/stock/T- {{ try_files /thing =404; }}
        location = /stock {{ try_files /stocks/$arg_skus =404; }}
        location = /requests {{ stub_status; }}
    }}
}}
"""
_PAUSE: Final = 0.03
_PATIENCE: Final = 10.0


class Counter:
    """How many calls the upstreams have answered by their own count, in which our looking does not appear."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, trust_env=False)
        self._looks = 0

    def calls(self) -> int:
        """Return the count."""
        status = self._client.get("/requests").text
        counts = re.search(r"\n\s*\d+ \d+ (\d+)", status)
        assert counts is not None, status
        self._looks += 1
        return int(counts[1]) - self._looks


@dataclass(frozen=True)
class Upstream:
    """Where all upstreams are."""

    port: int
    counter: Counter

    @property
    def address(self) -> str:
        """Where to send calls."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def upstreams(folder: Path) -> Generator[Upstream]:
    """Serve the upstreams from one address."""
    write_documents(folder / "files")
    port = free_port(9100)
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port))
    command = [NGINX.path(), "-e", f"{folder}/start.log", "-c", str(config)]
    server = subprocess.Popen(command)  # noqa: S603 - our own file
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address)
        yield Upstream(port, Counter(address))
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            httpx.get(f"{address}/products/1", trust_env=False).raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
        else:
            return
