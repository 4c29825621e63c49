"""What the four services have in common: answers with validators, and knobs that make them misbehave."""

import asyncio
import os
from collections import Counter
from hashlib import sha256
from random import Random
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Knobs", "Stats", "answer", "service"]


class Knobs(BaseModel):
    """How a service misbehaves: seconds before every answer, the share of 500s, no answer at all."""

    model_config = ConfigDict(extra="forbid")

    latency: float = Field(default=0.0, ge=0)
    jitter: float = Field(default=0.0, ge=0, description="up to so many seconds more, by chance")
    error_rate: float = Field(default=0.0, ge=0, le=1)
    dark: bool = Field(default=False, description="take requests and never answer")


class Stats(BaseModel):
    """What a service has been asked since it started."""

    requests: int = 0
    in_flight: int = 0
    abandoned: int = Field(default=0, description="requests whose client left a dark service")
    paths: Counter[str] = Field(default_factory=Counter)


class Knobbed:
    """Apply the knobs to every request but the ones about the knobs; pure ASGI."""

    def __init__(self, app: ASGIApp, *, knobs: Knobs, stats: Stats) -> None:
        self.app = app
        self.knobs = knobs
        self.stats = stats
        self._random = Random(0)  # noqa: S311 - decides which answers fail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_"):
            await self.app(scope, receive, send)
            return
        self.stats.requests += 1
        self.stats.paths[scope["path"]] += 1
        self.stats.in_flight += 1
        try:
            await self._misbehave(scope, receive, send)
        finally:
            self.stats.in_flight -= 1

    async def _misbehave(self, scope: Scope, receive: Receive, send: Send) -> None:
        knobs = self.knobs
        if knobs.dark:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.stats.abandoned += 1
            return
        delay = knobs.latency + self._random.uniform(0, knobs.jitter)
        if delay:
            await asyncio.sleep(delay)
        is_failing = self._random.random() < knobs.error_rate
        app = Response("Internal Server Error", status_code=500) if is_failing else self.app
        await app(scope, receive, send)


def service(title: str) -> FastAPI:
    """Return an app with `PUT /_knobs`, `GET /_knobs` and `GET /_stats`; the environment gives the first knobs."""
    app = FastAPI(title=title)
    variables = {"latency": "LATENCY", "jitter": "JITTER", "error_rate": "ERROR_RATE"}
    knobs = Knobs.model_validate({knob: os.environ[name] for knob, name in variables.items() if name in os.environ})
    stats = Stats()
    app.add_middleware(Knobbed, knobs=knobs, stats=stats)

    @app.put("/_knobs")
    async def turn(wanted: Knobs) -> Knobs:
        """Set all knobs; one that is left out goes back to harmless."""
        for name in Knobs.model_fields:
            setattr(knobs, name, getattr(wanted, name))
        return knobs

    @app.get("/_knobs")
    async def show() -> Knobs:
        return knobs

    @app.get("/_stats")
    async def count() -> Stats:
        return stats

    return app


def answer(request: Request, content: object, *, max_age: int) -> Response:
    """Encode `content` and let clients keep it for `max_age` seconds and ask again by its `ETag` (RFC 9110)."""
    body = _adapter.dump_json(content)
    etag = f'"{sha256(body).hexdigest()[:20]}"'
    headers = {"etag": etag, "cache-control": f"max-age={max_age}"}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


_adapter = TypeAdapter[Any](Any)
