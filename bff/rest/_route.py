"""The door to FastAPI: routes that its OpenAPI documents, with our own handler behind them."""

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any, Never

from fastapi import Request, Response
from fastapi._compat import ModelField
from fastapi.routing import APIRoute
from fastapi.utils import generate_unique_id
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from bff.declare._endpoint import Endpoint
from bff.declare._scope import RequestScope
from bff.plan._style import style_of
from bff.rest._answer import Answer
from bff.rest._body import Limited, declares_more, has_body
from bff.rest._choice import Choice
from bff.rest._openapi import chosen_parameters
from bff.rest._page import Page, send_reply
from bff.rest._parameters import CALLER, Analyses, Analysis, identified, name_of, signature_of
from bff.rest._reply import BODILESS, Reply, with_vary

SCOPE = "bff.scope"
"""Where a request's scope has ours."""
RAISED = "bff.raised"
"""Where a request's scope has the exception that is to be raised for it."""
SENT = "bff.sent"
"""Where it says that an answer of ours is on its way."""
_BODY = "bff.body"
NOT_CHOSEN = "bff.not_chosen"
"""Where a request's scope has the headers by which it came to no page, though there is one for other clients."""


class PageRoute(APIRoute):
    """
    Serves a page; `declared` is the endpoint that it stands for.

    FastAPI reads the parameters, as it does for any route of its own. Where they are in path and query alone its
    machinery for dependencies and bodies has nothing to do, and is left out. `analysis` is what it made of the same
    parameters before.
    """

    def __init__(
        self,
        endpoint: Callable[..., Any],
        *,
        page: Page,
        declared: Endpoint,
        answer: Answer,
        analysis: Analysis | None,
        **options: Any,
    ) -> None:
        self._given = analysis
        super().__init__(page.path, endpoint, response_model=None, **options)
        self.response_model = answer.documented
        self._answer = answer
        self._answer_name = f"Response_{self.unique_id}"
        del self.response_field
        if not answer.is_certain:
            _ = self.response_field
        self.page = page
        self.declared = declared
        self.analysis = analysis or Analysis.of(self.dependant)
        self._read = self.analysis.read

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request; FastAPI asks for it when it has looked at everything else."""
        if self._given is not None:
            self.dependant = replace(self._given.dependant, call=self.endpoint, path=self.path_format)
            self._given = None
        return super().get_route_handler()

    @cached_property
    def response_field(self) -> ModelField | None:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        """What OpenAPI says of the answer: nothing else asks, and not before the document is made."""
        return self._answer.field(self._answer_name)

    @property
    def is_plain(self) -> bool:
        """Whether its parameters are in path and query alone."""
        return self._read is not None

    @property
    def place(self) -> int:
        """The place of its profile among those that a request is offered to."""
        return 0

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """
        Answer a request of a plain route whose path and method are this route's.

        Returns `False` where that is for FastAPI, and nothing has happened yet. What goes wrong once an answer is on
        its way has `SENT` in the scope.
        """
        page = self.page
        began = scope[SCOPE] = page.begin(scope)
        values = self._read(scope) if self._read is not None else None
        if values is None or declares_more(began.headers.get("content-length"), page.max_body):
            return False
        reply = await page.reply(scope, receive, values, began)
        if reply is not None:
            scope[SENT] = True
            await send_reply(reply, send)
        return True

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path is this route's."""
        page = self.page
        if RAISED in scope:
            await _raise_again(scope, send)
        if self.is_plain and scope["method"] == page.method and not _is_included(scope):
            if await self.answer(scope, receive, send):
                return
            began: RequestScope = scope[SCOPE]
        else:
            began = scope[SCOPE] = page.begin(scope)
        if declares_more(began.headers.get("content-length"), page.max_body):
            await send_reply(page.refuse(scope, began), send)
            return
        if page.manner.chosen_by and scope["method"] != page.method:
            headers = {"allow": page.method, "vary": ", ".join(page.manner.chosen_by)}
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers=headers)
        limited = Limited(page.max_body, receive, _signing(send, page, scope, began))
        scope[_BODY] = limited
        await super().handle(scope, limited.receive, limited.send)
        if limited.is_exceeded:
            await send_reply(page.refuse(scope, began), send)


class ChosenRoute(PageRoute):
    """Serves a page to those requests alone that are its client's; others may share its path."""

    def __init__(self, endpoint: Callable[..., Any], *, choice: Choice, **options: Any) -> None:
        super().__init__(endpoint, **options)
        self.choice = choice

    def is_chosen(self, scope: Scope) -> bool:
        """Say whether a request is its client's."""
        return self.choice.of(scope) is self.declared.profile

    @property
    @override
    def place(self) -> int:
        """The place of its profile among those that a request is offered to."""
        return self.choice.place(self.declared.profile)

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request is this route's."""
        match, inner = super().matches(scope)
        if match is Match.NONE or self.is_chosen(scope):
            return match, inner
        scope[NOT_CHOSEN] = self.page.manner.chosen_by
        return Match.NONE, {}


async def _raise_again(scope: Scope, send: Send) -> Never:
    """Raise what was raised before, among those who see to it; they are to know that an answer was begun."""
    error: Exception = scope.pop(RAISED)
    if scope.get(SENT):
        await send({"type": "http.response.start", "status": HTTPStatus.INTERNAL_SERVER_ERROR, "headers": []})
    raise error


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
    endpoint: Endpoint,
    page: Page,
    *,
    hidden: Sequence[str],
    responses: Mapping[int | str, Any],
    app: object,
    analyses: Analyses,
    choice: Choice | None = None,
) -> PageRoute:
    """
    Return the route for a page.

    `hidden` are the parameters that come from us and not from the client; `responses` are documented besides the
    success; `app` is whose `dependency_overrides` count; `analyses` are those of the pages before it; `choice` says
    which requests are the endpoint's profile's.
    """

    async def answer(**values: Any) -> Response:
        request: Request = values[request_name] if request_name in own else values.pop(request_name)
        response: Response = values[response_name] if response_name in own else values.pop(response_name)
        scope: RequestScope = request.scope[SCOPE]
        scope.caller = values.pop(CALLER, None)
        receive = request.scope[_BODY].rest(is_read=reads_itself and has_body(scope.headers))
        reply = await route.page.reply(request.scope, receive, values, scope)
        if reply is not None:
            # What the endpoint or a dependency set on FastAPI's own response goes along.
            reply.headers.extend(response.headers.raw)
        return _Written(reply)

    shown = [parameter for parameter in endpoint.parameters if parameter.name not in hidden]
    own = {parameter.name for parameter in shown}
    request_name, response_name = name_of(shown, Request), name_of(shown, Response)
    reads_itself = request_name in own and endpoint.route.method != "GET"
    added = {request_name: Request, response_name: Response, **identified(endpoint.profile)}
    answer.__name__ = endpoint.name
    answer.__doc__ = inspect.getdoc(endpoint.function)
    make = partial(
        PageRoute if choice is None else partial(ChosenRoute, choice=choice),
        page=page,
        declared=endpoint,
        dependency_overrides_provider=app,
        responses=dict(responses),
        **_options(endpoint, is_shared=choice is not None),
    )
    route = _looked_at(answer, page.path, signature_of(shown, added), analyses, make)
    return route


def _looked_at(
    answer: Callable[..., Any],
    path: str,
    signature: inspect.Signature,
    analyses: Analyses,
    make: Callable[..., PageRoute],
) -> PageRoute:
    """Return a route whose parameters FastAPI has looked at, or the same ones of another route before."""
    known = analyses.of(path, signature)
    answer.__signature__ = signature if known is None else inspect.Signature()  # type: ignore[attr-defined]
    route = make(answer, analysis=known)
    answer.__signature__ = signature  # type: ignore[attr-defined]
    if known is None:
        analyses.note(path, signature, route.analysis)
    return route


def _options(endpoint: Endpoint, *, is_shared: bool) -> dict[str, Any]:
    """Return what FastAPI is told of an endpoint, for its OpenAPI; with `is_shared` others may have its path."""

    def named(route: APIRoute) -> str:
        name = generate_unique_id(route)
        return f"{endpoint.profile.name}_{name}" if is_shared else name

    options = endpoint.route.options
    is_bodiless = options.get("status_code") in BODILESS
    return {
        "generate_unique_id_function": named,
        "methods": [endpoint.route.method],
        "name": endpoint.name,
        "answer": Answer(None if is_bodiless else endpoint.returns, style_of(endpoint.profile)),
        "status_code": options.get("status_code"),
        "tags": [*options.get("tags", (endpoint.profile.name,))],
        "summary": options.get("summary"),
        "openapi_extra": chosen_parameters(endpoint.profile),
    }


def _is_included(scope: Scope) -> bool:
    """Say whether another router included this route, and may have put dependencies before it."""
    return "effective_route_context" in scope.get("fastapi", {})


def _signing(send: Send, page: Page, scope: Scope, began: RequestScope) -> Send:
    """Put on whatever FastAPI answers instead of us (a 422, a 401, a user's own handler) what every answer has."""

    async def sign(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", [])]
            if not any(name.lower() == b"x-request-id" for name, _ in headers):
                headers.append((b"x-request-id", began.request_id.encode()))
                with_vary(headers, page.manner.chosen_by)
                page.report_other(scope, began, message["status"])
            message = {**message, "headers": headers}
        await send(message)

    return sign
