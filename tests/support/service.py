"""A service for tests that is written as functions, and notes what it is asked, from when to when, in virtual time."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

from bff import Upstream

__all__ = ["Asked", "Failure", "Service", "ask"]

Failure: TypeAlias = "int | Exception"
Handler: TypeAlias = Callable[..., Any]


@dataclass
class Asked:
    """One request that came in; `end` is when it was answered, `None` where it was cut off."""

    method: str
    target: str
    headers: httpx.Headers
    body: Any
    start: float
    end: float | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


@dataclass
class Service(httpx.AsyncBaseTransport):
    """
    Answer by `routes`: patterns like `"GET /products/(.*)"`, and functions of their groups, the query and `body`.

    `delays` are seconds and `failures` statuses or exceptions, by the beginning of a request: `"POST /orders"`.
    """

    routes: dict[str, Handler]
    delays: dict[str, float] = field(default_factory=dict[str, float])
    failures: dict[str, Failure] = field(default_factory=dict[str, Failure])
    asked: list[Asked] = field(default_factory=list[Asked])

    def __str__(self) -> str:
        return "\n".join(map(str, self.asked))

    @property
    def log(self) -> list[str]:
        """What was asked, in order."""
        return [str(request) for request in self.asked]

    def upstreams(self, *upstreams: type[Upstream], **settings: object) -> dict[type[Upstream], dict[str, object]]:
        """Return what `BFF(upstreams=...)` takes to put upstreams on this service, without retries unless asked for."""
        return {upstream: {"transport": self, "retry": None, **settings} for upstream in upstreams}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = asyncio.get_running_loop()
        body = await request.aread()
        target = request.url.raw_path.decode()
        asked = Asked(request.method, target, request.headers, json.loads(body or b"null"), loop.time())
        self.asked.append(asked)
        await asyncio.sleep(self._of(self.delays, str(asked)) or 0.0)
        asked.end = loop.time()
        failure = self._of(self.failures, str(asked))
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return httpx.Response(failure)
        return self._answer(asked, request.url)

    def _answer(self, asked: Asked, url: httpx.URL) -> httpx.Response:
        for pattern, handler in self.routes.items():
            match = re.fullmatch(pattern, f"{asked.method} {url.path}")
            if match:
                query = {name: url.params.get_list(name) for name in url.params}
                given = {**query, **({} if asked.body is None else {"body": asked.body})}
                return httpx.Response(200, json=handler(*match.groups(), **given))
        return httpx.Response(404)

    @staticmethod
    def _of(table: dict[str, Any], request: str) -> Any:
        return next((value for beginning, value in table.items() if request.startswith(beginning)), None)


async def ask(app: Any, method: str, path: str, *, leave: float | None = None, **options: Any) -> httpx.Response | None:
    """Ask an app; with `leave` the client goes away after so many seconds, and gets nothing."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        asking = asyncio.create_task(client.request(method, path, **options))
        if leave is not None:
            await asyncio.sleep(leave)
            asking.cancel()
        try:
            response = await asking
        except asyncio.CancelledError:
            response = None
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        return response
