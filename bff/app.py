"""`BFF`: put profiles, plans, upstreams and routes together into one ASGI app."""

import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from bff._collector import uncollected
from bff._frames import user_frame
from bff._logging import LoggingObserver
from bff.declare._endpoint import Endpoint
from bff.declare._profile import Profile, endpoints_of, selector_of
from bff.declare._scope import RequestScope
from bff.declare._source import forget_sources
from bff.declare._upstream import Upstream
from bff.errors import DeclarationError, Problem
from bff.events import Emitter, Observer
from bff.plan._plan import Plan, plan
from bff.rest._build import Prepared, build_route
from bff.rest._choice import Choice, choices, indistinct, prefixes
from bff.rest._drain import Drain
from bff.rest._health import health_router
from bff.rest._openapi import joined, told_apart
from bff.rest._parameters import Analyses
from bff.rest._problems import internal_error
from bff.rest._reply import failure
from bff.rest._route import RAISED, SCOPE, SENT, PageRoute
from bff.rest._router import ProfileRouter, absent
from bff.rest._shortcut import Routes, Shortcut

__all__ = ["BFF", "ClientProfile"]

UpstreamsArgument: TypeAlias = Mapping[type[Upstream], str | Sequence[str] | Mapping[str, object]]
_Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[None]]


class ClientProfile(Profile):
    """
    What one kind of client gets.

    A subclass declares endpoints as methods and settings as attributes; any other attribute is its own, for its
    endpoints to read. `prefix`, `host` and `header` say which requests are its own, `identify` who is calling;
    `deadline` is in seconds, for the whole request; `forward_headers` may travel to upstreams that accept them.
    `naming`, `omit_none` and `max_items` say how answers are written, `on_partial` whether they may be partial. What is
    taken from the client has an end at `max_request_body` bytes, and one request at `max_calls` calls; a `trusted_peer`
    may shorten the deadline. `expose` shows `Server-Timing` and the names of upstreams to this client.
    """

    @classmethod
    def router(
        cls, *, upstreams: UpstreamsArgument | None = None, observers: Sequence[Observer] | None = None
    ) -> APIRouter:
        """
        Return this profile's endpoints for an existing FastAPI app: `app.include_router(Mobile.router())`.

        `upstreams` and `observers` mean what they mean for `BFF`. The router closes its connections when the app
        shuts down.
        """
        with uncollected():
            service = _Service((cls,), upstreams or {}, _observers(observers))
            pages = service.routes({cls: ""})
        router = ProfileRouter(Choice((cls,)) if selector_of(cls) else None, lifespan=service.lifespan)
        router.routes.extend(pages)
        return router


class BFF(FastAPI):
    """
    Serve client profiles: an ASGI app, and a FastAPI app with all that belongs to one.

    One profile is served at `/`, several each under its `prefix`, or on the same paths by their `host` and `header`.
    `upstreams` says where upstreams are, or how they are called, in place of what their classes say: an address or a
    mapping of settings for each. `drain` is how long, in seconds, the app goes on serving after SIGTERM, not ready any
    more. `observers` are told of events; without any a `LoggingObserver` is. Everything else is FastAPI's. Raises
    `DeclarationError` with all problems at once.
    """

    def __init__(
        self,
        *profiles: type[ClientProfile],
        upstreams: UpstreamsArgument | None = None,
        drain: float = 5.0,
        observers: Sequence[Observer] | None = None,
        **fastapi: Any,
    ) -> None:
        with uncollected():
            self._service = service = _Service(profiles, upstreams or {}, _observers(observers))
            pages = service.routes(prefixes(profiles), self)
        self._drain = Drain(drain)
        outer: _Lifespan | None = fastapi.pop("lifespan", None)
        fastapi.setdefault("title", " and ".join(profile.__name__ for profile in profiles))
        super().__init__(lifespan=self._lifespan(outer), **fastapi)
        # Pages come before /docs and /openapi.json: routes are tried one after the other.
        self.router.routes = Routes([*pages, *self.router.routes])
        self.router.default = absent(self.router.default)
        self._shortcut = Shortcut(self, self._native_telemetry.enabled)
        self.router.middleware_stack = self._shortcut.before(self.router.app)  # type: ignore[assignment] # it is called as any
        self.include_router(health_router(lambda: self._drain.is_draining))
        self.add_exception_handler(Exception, _unexpected)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; one for a page goes there at once where nobody else has a say in it."""
        if scope["type"] == "http":
            if self.root_path:
                scope["root_path"] = self.root_path
            page = self._shortcut.straight(scope)
            if page is not None:
                try:
                    if await page.answer(scope, receive, send):
                        return
                except Exception as error:  # noqa: BLE001 - it is raised again, where there are handlers for it
                    scope[RAISED] = error
                    send = _unsent if SENT in scope else send
        await super().__call__(scope, receive, send)

    def plan_of(self, page: PageRoute) -> Plan | None:
        """Return the plan of a page; an `async def` endpoint has none."""
        return next(prepared.plan for prepared in self._service.prepared if prepared.endpoint is page.declared)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of all traced endpoints, in the order of their declaration."""
        return tuple(prepared.plan for prepared in self._service.prepared if prepared.plan is not None)

    @property
    def upstreams(self) -> Mapping[type[Upstream], Upstream]:
        """The upstreams that this app calls, connected."""
        return self._service.upstreams

    @property
    def pages(self) -> tuple[PageRoute, ...]:
        """The routes of all endpoints."""
        return tuple(route for route in self.router.routes if isinstance(route, PageRoute))

    @override
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document; a path that several clients share is described for all of them at once."""
        with told_apart(self.pages):
            return joined(super().openapi())

    def _lifespan(self, outer: _Lifespan | None) -> _Lifespan:
        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncGenerator[None]:
            self._drain.install()
            try:
                async with self._service.lifespan(app):
                    if outer is None:
                        yield
                    else:
                        async with outer(app) as state:
                            yield state
            finally:
                self._drain.restore()

        return lifespan


class _Service:
    """Profiles with their plans, on upstreams of their own."""

    def __init__(
        self, profiles: Sequence[type[ClientProfile]], upstreams: UpstreamsArgument, observers: Sequence[Observer]
    ) -> None:
        _check_arguments(profiles, upstreams)
        problems: list[Problem] = indistinct(profiles)
        self.prepared: list[Prepared] = []
        mentioned: list[type[Upstream]] = []
        for profile in profiles:
            endpoints, wrong = endpoints_of(profile)
            problems += wrong
            for endpoint in endpoints:
                try:
                    self.prepared.append(_prepare(endpoint))
                except DeclarationError as error:
                    problems += error.problems
                    mentioned += _mentioned(endpoint)
        self._emitter = Emitter(observers)
        self.upstreams: dict[type[Upstream], Upstream] = {}
        called = [cls for prepared in self.prepared for cls in prepared.upstream_classes()]
        for cls in dict.fromkeys([*called, *mentioned, *upstreams]):
            try:
                self.upstreams[cls] = cls.connected(app=upstreams.get(cls), observers=observers)
            except DeclarationError as error:
                problems += error.problems
        forget_sources()
        if problems:
            raise DeclarationError([*dict.fromkeys(problems)])

    def routes(self, prefixes: Mapping[type[Profile], str], app: FastAPI | None = None) -> list[PageRoute]:
        """Return the routes of all endpoints, each under the prefix of its profile."""
        chosen, analyses = choices(prefixes), Analyses()
        return [
            build_route(
                prepared,
                prefix=prefixes[prepared.endpoint.profile],
                connected=self.upstreams,
                emitter=self._emitter,
                app=app,
                analyses=analyses,
                choice=chosen.get(prepared.endpoint.profile),
            )
            for prepared in self.prepared
        ]

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncGenerator[None]:
        """Close the upstreams' connections in the end."""
        try:
            yield
        finally:
            for upstream in self.upstreams.values():
                await upstream.aclose()


def _prepare(endpoint: Endpoint) -> Prepared:
    if endpoint.is_traced:
        return Prepared(endpoint, plan(endpoint), {})
    upstreams = {
        parameter.name: parameter.annotation
        for parameter in endpoint.parameters
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Upstream)
    }
    return Prepared(endpoint, None, upstreams)


def _mentioned(endpoint: Endpoint) -> list[type[Upstream]]:
    """Return the upstreams that the text of an endpoint names, for one that has no plan to ask."""
    names = inspect.getclosurevars(inspect.unwrap(endpoint.function))
    values = [*names.globals.values(), *names.nonlocals.values()]
    return [value for value in values if _is_a(value, Upstream)]


def _check_arguments(profiles: Sequence[object], upstreams: Mapping[Any, object]) -> None:
    """Raise where what an app is made of is something else altogether."""
    problems = [
        _misplaced(f"`{_called(profile)}` is no client profile", "give subclasses of ClientProfile")
        for profile in profiles
        if not _is_a(profile, Profile)
    ]
    problems += [
        _misplaced(f"`{_called(profile)}` is given twice", "give each profile once")
        for profile in dict.fromkeys(profiles)
        if profiles.count(profile) > 1
    ]
    problems += [
        _misplaced(f"`upstreams` has a key `{_called(key)}`, which is no upstream", "use the class as the key")
        for key in upstreams
        if not _is_a(key, Upstream)
    ]
    if problems:
        raise DeclarationError(problems)


def _is_a(value: Any, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base)


def _called(value: object) -> str:
    return str(getattr(value, "__name__", repr(value)))


def _misplaced(what: str, mend: str) -> Problem:
    file, line = user_frame()
    return Problem(what, mend, "BFF", file, line)


def _observers(observers: Sequence[Observer] | None) -> Sequence[Observer]:
    return (LoggingObserver(),) if observers is None else observers


async def _unsent(_: object) -> None:
    """Send nothing: an answer was begun before."""


async def _unexpected(request: Request, _: Exception) -> Response:
    """Answer what nobody expected with a problem document; the server logs the exception with its traceback."""
    scope: RequestScope | None = request.scope.get(SCOPE)
    committed = scope.committed_names if scope else ()
    reply = failure(replace(internal_error(request.url.path), committed=committed))
    return Response(reply.body, reply.status, {name.decode(): value.decode() for name, value in reply.headers})
