"""Bring a request to its page past everything that would do nothing for it."""

from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi._body_limit import AppBodyLimitMiddleware
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.telemetry._asgi import ExceptionTelemetryMiddleware
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from bff.rest._route import PageRoute
from bff.rest._table import Found, Table
from bff.rest._telemetry import Telemetry

__all__ = ["Routes", "Shortcut"]

_FASTAPIS: Final = (
    ServerErrorMiddleware,
    ExceptionTelemetryMiddleware,
    AppBodyLimitMiddleware,
    ExceptionMiddleware,
    AsyncExitStackMiddleware,
)
"""What stands before the router of every app: it does something for errors, bodies and open files alone."""


class Routes(list[BaseRoute]):
    """A list of routes that counts its changes."""

    changes = 0


def _counting(method: Callable[..., Any]) -> Callable[..., Any]:
    def counted(self: Routes, *args: Any, **options: Any) -> Any:
        self.changes += 1
        return method(self, *args, **options)

    return counted


for _name in (
    *("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"),
    *("__setitem__", "__delitem__", "__iadd__", "__imul__"),
):
    setattr(Routes, _name, _counting(getattr(list, _name)))


class Shortcut:
    """
    The way to an app's own pages, wherever it is the one that the app would take.

    What decides about that may change at any time, and is looked at again when it has: routes, middleware, telemetry.
    """

    def __init__(self, app: FastAPI, is_observed: Callable[[], bool]) -> None:
        self._app = app
        self._telemetry = Telemetry(is_observed)
        self._table = Table(())
        self._routes: list[BaseRoute] | None = None
        self._changes: int | None = None
        self._stack: ASGIApp | None = None
        self._is_bare = False

    def straight(self, scope: MutableMapping[str, Any]) -> PageRoute | None:
        """Return the page of a request for which nothing else has anything to do, if it is for one."""
        stack = self._app.middleware_stack
        if stack is not self._stack or stack is None:
            self._look_at(stack)
        if not self._is_bare or self._telemetry.is_on or _is_inner(scope):
            return None
        found = self._find(scope)
        if found is None or not found[0].is_plain:
            return None
        scope["app"] = self._app
        return self._entered(scope, found)

    def before(self, router: ASGIApp) -> Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]:
        """Return a router that finds our pages at once, and everything else as `router` does."""

        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            is_ours = scope["type"] == "http" and not _is_inner(scope)
            found = self._find(scope) if is_ours and not self._app.router.form_limits else None
            if found is None:
                await router(scope, receive, send)
                return
            await self._entered(scope, found).handle(scope, receive, send)

        return route

    def _find(self, scope: MutableMapping[str, Any]) -> Found | None:
        routes = self._app.router.routes
        if routes is not self._routes or getattr(routes, "changes", None) != self._changes:
            self._routes, self._changes = routes, getattr(routes, "changes", None)
            # A list that somebody else has put there may change without our noticing.
            self._table = Table(routes if isinstance(routes, Routes) else ())
        return self._table.find(scope)

    def _entered(self, scope: MutableMapping[str, Any], found: Found) -> PageRoute:
        """Put on a request what the router puts on it, and return its page."""
        route, values = found
        scope.setdefault("router", self._app.router)
        scope["route"] = route
        scope["endpoint"] = route.endpoint
        outer = scope.get("path_params")
        scope["path_params"] = {**outer, **values} if outer else values
        return route

    def _look_at(self, stack: ASGIApp | None) -> None:
        if stack is None:
            stack = self._app.middleware_stack = self._app.build_middleware_stack()
        self._stack, self._is_bare = stack, True
        inner: Any = stack
        for kind in _FASTAPIS:
            self._is_bare = self._is_bare and type(inner) is kind
            inner = getattr(inner, "app", None)
        self._is_bare = self._is_bare and inner is self._app.router


def _is_inner(scope: MutableMapping[str, Any]) -> bool:
    """Say whether a request came through another app, which sees to some of it and wants to be told of it."""
    return "fastapi" in scope or "fastapi.telemetry" in scope or MAX_BODY_SIZE_SCOPE_KEY in scope
