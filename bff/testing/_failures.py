"""Let every upstream of every page fail in every way, alone and in pairs, and keep what a client gets."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any

from bff.app import BFF
from bff.declare._upstream import Upstream
from bff.rest._route import PageRoute
from bff.testing._client import asking, living
from bff.testing._fakes import Fakes, script_of
from bff.testing._made_up import make_up
from bff.testing._modes import FailureModes, Mode, Outcome, PageModes, outcome_of
from bff.testing._request import Request, request_for, selecting, title_of
from bff.testing._rules import KINDS, Fault, FaultKind
from bff.testing._samples import NoSample
from bff.testing._script import Script
from bff.testing._stage import Stage
from bff.testing._virtual import run_virtual

__all__ = ["failure_modes"]

Failing = tuple[tuple[str, FaultKind], ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """What is asked of whom; `tell` hears of each page."""

    app: BFF
    script: Script
    requests: Mapping[str, Request]
    headers: Mapping[str, str]
    only: Collection[str] | None
    tell: Callable[[str], object]
    states: dict[str, Any] = field(default_factory=dict[str, Any])


def failure_modes(
    app: BFF,
    *,
    fakes: Fakes | None = None,
    requests: Mapping[str, Request] | None = None,
    headers: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> FailureModes:
    """
    Return what each client gets for every page when its upstreams fail, each in every way, alone and in pairs.

    Nothing is sent anywhere, and time is virtual, so that the same app gives the same table. What `fakes` do not
    answer is made up from the contracts; `requests` say how a page is asked, by its title (`"GET /products/{id}"`) or
    its name (`"Mobile.product"`), where what its parameters need cannot be made up; `headers` go with every request;
    `only` names the pages to ask, in either way. `tell` hears of each page as it is asked.

    Raises `UnfakedCall` where no answer could be made up. It runs a loop of its own: call it from a plain function.
    """
    if _is_in_loop():
        raise RuntimeError("`failure_modes` runs a loop of its own: call it from a plain function, not a coroutine")
    table = _Table(app, script_of(fakes or Fakes()), requests or {}, headers or {}, only, tell)
    chance = random.getstate()
    try:
        return run_virtual(_modes(table))
    finally:
        random.setstate(chance)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _modes(table: _Table) -> FailureModes:
    async with living(table.app, Stage(table.script.again({}, make_up)).active()) as state:
        table = replace(table, states={**state})
        return FailureModes(tuple([await _page(table, page) for page in _wanted(table)]))


def _wanted(table: _Table) -> Iterator[PageRoute]:
    for page in table.app.pages:
        if table.only is None or not {title_of(page), page.declared.where}.isdisjoint(table.only):
            yield page


async def _page(table: _Table, page: PageRoute) -> PageModes:
    title, where = title_of(page), page.declared.where
    table.tell(title)
    try:
        request = table.requests.get(where) or table.requests.get(title) or request_for(table.app, page)
    except NoSample as error:
        return PageModes(title, where, f"not asked: {error}", ())
    calm = await _run(table, page, request, ())
    names = _upstreams(table.app, page, called=calm.calls)
    modes = [Mode(failing, await _run(table, page, request, failing)) for failing in _failures(names)]
    note = "" if calm.is_success else f"it answers {calm.status} though nothing fails: say how to ask it"
    return PageModes(title, where, note, (Mode((), calm), *modes))


def _upstreams(app: BFF, page: PageRoute, *, called: Mapping[str, int]) -> Sequence[str]:
    """Return the upstreams that a page may call, in the order in which it does."""
    plan = app.plan_of(page)
    if plan is not None:
        found = [call.operation.owner for call in plan.calls]
    else:
        found = [p.annotation for p in page.declared.parameters if _is_upstream(p.annotation)]
    # A batch is called instead of what the plan says, and is of the same upstream.
    others = [cls for cls in app.upstreams if any(name.startswith(f"{cls.__name__}.") for name in called)]
    return [*dict.fromkeys(cls.name for cls in [*found, *others] if cls is not None)]


def _is_upstream(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Upstream)


def _failures(names: Sequence[str]) -> Iterator[Failing]:
    for name, kind in product(names, KINDS):
        yield ((name, kind),)
    for first, second in combinations(names, 2):
        for kind, other in product(KINDS, KINDS):
            yield ((first, kind), (second, other))


async def _run(table: _Table, page: PageRoute, request: Request, failing: Failing) -> Outcome:
    """Ask once, with fakes and connections that know nothing of what was asked before."""
    random.seed(0)  # what else leaves something to chance does so in the same way every time
    stage = Stage(table.script.again({name: Fault(kind) for name, kind in failing}, make_up))
    loop = asyncio.get_running_loop()
    client = asking(table.app, stage.active(), state=table.states, headers=table.headers, raise_app_exceptions=False)
    async with client:
        began = loop.time()
        headers = {**selecting(page.declared.profile), **request.headers}
        response = await client.request(page.page.method, request.path, headers=headers, json=request.json)
        seconds = round(loop.time() - began, 3)
    stage.verify()
    return outcome_of(response, seconds, stage.sent())
