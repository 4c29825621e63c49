"""The door to FastAPI: routes that its OpenAPI documents, with our own handler behind them."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from bff.declare._endpoint import Endpoint
from bff.declare._scope import RequestScope
from bff.rest._page import Page, send_reply
from bff.rest._parameters import is_plain, reader
from bff.rest._reply import BODILESS, Reply

_SCOPE = "bff.scope"


class PageRoute(APIRoute):
    """
    Serves a page; `declared` is the endpoint that it stands for.

    FastAPI reads the parameters, as it does for any route of its own. Where they are in path and query alone its
    machinery for dependencies and bodies has nothing to do, and is left out.
    """

    def __init__(self, endpoint: Callable[..., Any], *, page: Page, declared: Endpoint, **options: Any) -> None:
        super().__init__(page.path, endpoint, **options)
        self.page = page
        self.declared = declared
        self._read = reader(self.dependant) if is_plain(self.dependant) else None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path is this route's."""
        page = self.page
        began = scope[_SCOPE] = page.begin(scope)
        if self._read is not None and scope["method"] == page.method and not _is_included(scope):
            values = self._read(scope)
            if values is not None:
                reply = await page.reply(scope, receive, values, began)
                if reply is not None:
                    await send_reply(reply, send)
                return
        await super().handle(scope, receive, _signing(send, page, scope, began))


class _Written(Response):
    """Sends a reply that is written already; nothing where there is nobody to get one."""

    def __init__(self, reply: Reply | None) -> None:
        super().__init__()
        self._reply = reply

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the reply."""
        if self._reply is not None:
            await send_reply(self._reply, send)


def page_route(
    endpoint: Endpoint, page: Page, *, hidden: Sequence[str], responses: Mapping[int | str, Any], app: object
) -> PageRoute:
    """
    Return the route for a page.

    `hidden` are the parameters that come from us and not from the client; `responses` are documented besides the
    success; `app` is whose `dependency_overrides` count.
    """

    async def answer(**values: Any) -> Response:
        request: Request = values[request_name] if request_name in own else values.pop(request_name)
        response: Response = values[response_name] if response_name in own else values.pop(response_name)
        reply = await route.page.reply(request.scope, request.receive, values, request.scope[_SCOPE])
        if reply is not None:
            # What the endpoint or a dependency set on FastAPI's own response goes along.
            reply.headers.extend(response.headers.raw)
        return _Written(reply)

    shown = [parameter for parameter in endpoint.parameters if parameter.name not in hidden]
    own = {parameter.name for parameter in shown}
    request_name, response_name = _named(shown, Request), _named(shown, Response)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=tp)
        for name, tp in ((request_name, Request), (response_name, Response))
        if name not in own
    ]
    ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in shown]
    answer.__signature__ = inspect.Signature([*ordered, *added])  # type: ignore[attr-defined]
    answer.__name__ = endpoint.name
    answer.__doc__ = inspect.getdoc(endpoint.function)
    options = endpoint.route.options
    route = PageRoute(
        answer,
        page=page,
        declared=endpoint,
        methods=[endpoint.route.method],
        name=endpoint.name,
        response_model=None if options.get("status_code") in BODILESS else endpoint.returns,
        status_code=options.get("status_code"),
        tags=[*options.get("tags", (page.profile,))],
        summary=options.get("summary"),
        responses=dict(responses),
        dependency_overrides_provider=app,
    )
    return route


def _named(parameters: Sequence[inspect.Parameter], tp: type) -> str:
    """Return the name of the parameter that takes FastAPI's request or response, of ours where there is none."""
    found = (p.name for p in parameters if isinstance(p.annotation, type) and issubclass(p.annotation, tp))
    return next(found, f"bff_{tp.__name__.lower()}")


def _is_included(scope: Scope) -> bool:
    """Say whether another router included this route, and may have put dependencies before it."""
    return "effective_route_context" in scope.get("fastapi", {})


def is_personal(dependant: Dependant) -> bool:
    """Say whether who is asking takes part in an answer: by a cookie, a dependency, a credential."""
    headers = set(header_names(dependant))
    return bool(dependant.dependencies or dependant.cookie_params or headers & {"authorization", "cookie"})


def header_names(dependant: Dependant) -> Iterator[str]:
    """Yield the headers that the parameters of a route read, in lower case."""
    for field in dependant.header_params:
        yield (field.validation_alias or field.alias).lower()
    for inner in dependant.dependencies:
        yield from header_names(inner)


def _signing(send: Send, page: Page, scope: Scope, began: RequestScope) -> Send:
    """Put the request id on whatever FastAPI answers instead of us: a 422, a 405, a user's own exception handler."""

    async def sign(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", [])]
            if not any(name.lower() == b"x-request-id" for name, _ in headers):
                headers.append((b"x-request-id", began.request_id.encode()))
                page.report_other(scope, began, message["status"])
            message = {**message, "headers": headers}
        await send(message)

    return sign
