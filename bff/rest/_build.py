"""Make routes of the endpoints of a profile, with everything settled that can be before traffic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi.dependencies.models import Dependant

from bff.declare._endpoint import Endpoint
from bff.declare._operation import Operation, operations_of
from bff.declare._profile import TRACING_HEADERS
from bff.declare._upstream import Upstream
from bff.events import Emitter
from bff.plan._plan import Plan
from bff.plan._style import style_of
from bff.rest._choice import Choice
from bff.rest._page import Page, Runner
from bff.rest._parameters import Analyses, header_names, is_personal
from bff.rest._problems import openapi_problem
from bff.rest._reply import Manner
from bff.rest._route import PageRoute, page_route
from bff.rest._runners import Awaited, Planned
from bff.rest._trust import trust


@dataclass(frozen=True, slots=True)
class Prepared:
    """An endpoint and its plan; an `async def` one has none, but `upstreams` by parameter."""

    endpoint: Endpoint
    plan: Plan | None
    upstreams: Mapping[str, type[Upstream]]

    @property
    def operations(self) -> tuple[Operation[..., Any], ...]:
        """The operations that the plan calls; an `async def` endpoint may call any of its upstreams'."""
        if self.plan is None:
            return tuple(operation for cls in self.upstreams.values() for operation in operations_of(cls))
        return self.plan.operations

    def upstream_classes(self) -> Iterable[type[Upstream]]:
        """Return the upstreams that are called, or may be."""
        owners = [operation.owner for operation in self.operations if operation.owner]
        return dict.fromkeys([*owners, *self.upstreams.values()])


def build_route(
    prepared: Prepared,
    *,
    prefix: str,
    connected: Mapping[type[Upstream], Upstream],
    emitter: Emitter,
    app: object,
    analyses: Analyses,
    choice: Choice | None = None,
) -> PageRoute:
    """
    Return the route of an endpoint on connected upstreams.

    `app` is the FastAPI app that it belongs to, if any; `analyses` are what was made of the parameters of the routes
    before it; `choice` says which requests are its profile's.
    """
    endpoint, profile = prepared.endpoint, prepared.endpoint.profile
    instances = [connected[cls] for cls in prepared.upstream_classes()]
    accepted = {name for instance in instances for name in instance.connection.accepts}
    forward = tuple(name.lower() for name in profile.forward_headers if name.lower() in accepted)
    page = Page(
        runner=_runner(prepared, connected),
        manner=Manner(200, is_read=True, is_personal=False, vary=()),
        profile=profile.name,
        method=endpoint.route.method,
        path=prefix + endpoint.route.path,
        deadline=profile.deadline,
        expose=profile.expose,
        forward=forward,
        has_calls=bool(instances) or not endpoint.is_traced,
        emitter=emitter,
        max_items=profile.max_items,
        max_body=profile.max_request_body,
        trust=trust(profile.trusted_peer),
    )
    hidden, responses = [*prepared.upstreams], _responses(prepared)
    route = page_route(endpoint, page, hidden=hidden, responses=responses, app=app, analyses=analyses, choice=choice)
    if route.body_field is not None:
        route.responses = {413: openapi_problem("The body of the request is too large"), **route.responses}
    manner = _manner(prepared, route.dependant, forward)
    if choice is not None:
        chosen_by = choice.vary(profile)
        manner = replace(manner, vary=tuple(dict.fromkeys([*chosen_by, *manner.vary])), chosen_by=chosen_by)
    route.page = replace(page, manner=manner)
    return route


def _runner(prepared: Prepared, connected: Mapping[type[Upstream], Upstream]) -> Runner:
    if prepared.plan is None:
        instances = {name: connected[cls] for name, cls in prepared.upstreams.items()}
        return Awaited(prepared.endpoint, instances, style_of(prepared.endpoint.profile))
    bindings = {
        operation: connected[operation.owner].binding(operation) for operation in prepared.operations if operation.owner
    }
    return Planned(prepared.plan, bindings, max_calls=prepared.endpoint.profile.max_calls)


def _manner(prepared: Prepared, dependant: Dependant, forward: Iterable[str]) -> Manner:
    """Work out what holds for every answer; tracing headers never change one."""
    endpoint = prepared.endpoint
    read = [*header_names(dependant), *(prepared.plan.headers if prepared.plan else ())]
    read += [name for name in forward if name not in TRACING_HEADERS]
    is_credential = bool({"authorization", "cookie"} & set(read))
    return Manner(
        status=endpoint.route.options.get("status_code", 200),
        is_read=endpoint.route.method == "GET",
        is_personal=is_credential or is_personal(dependant),
        vary=tuple(dict.fromkeys(read)),
    )


def _responses(prepared: Prepared) -> Mapping[int | str, Any]:
    """Return what OpenAPI says of failures."""
    described: dict[int | str, Any] = {}
    for operation in prepared.operations:
        for status, name in operation.options.errors.items():
            described[status] = openapi_problem(name.replace("-", " ").capitalize())
    if any(prepared.upstream_classes()):
        if "{" in prepared.endpoint.route.path:
            described.setdefault(404, openapi_problem("What was asked for does not exist"))
        described[502] = openapi_problem("A service that this answer needs failed")
        described[503] = openapi_problem("A service that this answer needs takes no calls at the moment")
        described[504] = openapi_problem("The answer could not be put together in time")
    return dict(sorted(described.items()))
