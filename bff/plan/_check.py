"""Check an app before traffic: what its declarations and settings say, held against one another."""

import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bff.ambassador._policies import Policies
from bff.declare._endpoint import Endpoint
from bff.declare._operation import Operation, operations_of
from bff.declare._profile import Profile
from bff.declare._settings import env_prefix, near_miss
from bff.declare._source import class_place
from bff.declare._tracing import Traced, trace
from bff.declare._upstream import Upstream, problems_of
from bff.errors import Problem
from bff.plan._explain import ExplainedCall, Explanation, explain
from bff.plan._finding import Finding, error, in_order, warning
from bff.plan._joins import unbounded_joins
from bff.plan._plan import Plan
from bff.plan._use import Use, upstreams_of, use_of
from bff.plan._width import wide_contracts, wide_shapes

_SETTING = re.compile(r"BFF_\w+?__\w")


@dataclass(frozen=True)
class Subject:
    """
    An app as a check sees it.

    `pages` are its endpoints with their plans (`None` for an `async def` one), `upstreams` those that it connects,
    called or not; `module` is where the app is, and with its package says what is the app's own.
    """

    pages: Sequence[tuple[Endpoint, Plan | None]]
    policies_of: Callable[[Operation[..., Any]], Policies]
    upstreams: Collection[type[Upstream]]
    module: str
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def is_own(self, cls: type) -> bool:
        """Say whether a class stands in the app's module or its package; others may be shared with other apps."""
        package = self.module.rpartition(".")[0]
        return cls.__module__ == self.module or bool(package and cls.__module__.startswith(f"{package}."))

    @cached_property
    def use(self) -> Use:
        """What the endpoints use of what is declared."""
        return use_of(self.traces, [endpoint for endpoint, plan in self.pages if plan is None])

    @cached_property
    def traces(self) -> Sequence[Traced]:
        """The graphs of all traced endpoints."""
        return [trace(endpoint) for endpoint, plan in self.pages if plan is not None]


def check(subject: Subject) -> tuple[Finding, ...]:
    """Return everything about an app that can be known before traffic and should be looked at."""
    use = subject.use
    found: list[Finding] = []
    for endpoint, plan in subject.pages:
        found += _slow_tries(endpoint, plan, subject)
        if plan is not None:
            explained = explain(plan, subject.policies_of)
            found += _slow_calls(plan, explained, subject)
            found += _slow_chains(plan, explained)
    for traced in subject.traces:
        found += _joins(traced)
    found += _variables(subject)
    found += _idle_upstreams(subject, use)
    found += wide_shapes(use, subject.is_own)
    found += wide_contracts(use, subject.is_own)
    return in_order(found)


def _setter(operation: Operation[..., Any], policy: str) -> tuple[str, str, int]:
    """Return who sets a policy of an operation, and where: its decorator, or a class in the line of its upstream."""
    if policy in operation.options.policies or operation.owner is None:
        problem = operation.problem("", "")
        return operation.full_name, problem.file, problem.line
    owner = next((cls for cls in operation.owner.__mro__ if policy in vars(cls) and cls is not Upstream), None)
    return (f"{operation.owner.__name__}.{policy}", *class_place(owner or operation.owner, policy))


def _operations(endpoint: Endpoint, plan: Plan | None) -> list[Operation[..., Any]]:
    """Return what an endpoint calls; of what an `async def` one may call, what has no timeout of its own."""
    if plan is not None:
        return [call.operation for call in plan.calls]
    reached = [operation for cls in upstreams_of(endpoint) for operation in operations_of(cls)]
    return [operation for operation in reached if "timeout" not in operation.options.policies]


def _slow_tries(endpoint: Endpoint, plan: Plan | None, subject: Subject) -> Iterator[Finding]:
    """A try that may take all of the deadline is never seen to fail, nor tried again."""
    profile = endpoint.profile
    for operation in _operations(endpoint, plan):
        timeout = subject.policies_of(operation).timeout
        attempt = timeout.attempt if timeout else None
        if timeout is None or attempt is None:
            continue
        where, file, line = _setter(operation, "timeout")
        if attempt >= profile.deadline:
            what = f"one try may take {attempt:g} s, and a request of {profile.__name__} {profile.deadline:g} s in all"
            mend = "lower `per_try` below the deadline, so that a hanging try fails in time for another"
            yield error("per-try-past-deadline", Problem(what, mend, where, file, line))
        elif attempt > timeout.total:
            what = f"one try may take {attempt:g} s, and all tries together {timeout.total:g} s"
            yield warning("per-try-past-total", Problem(what, "lower `per_try` below `total`", where, file, line))


def _slow_calls(plan: Plan, explained: Explanation, subject: Subject) -> Iterator[Finding]:
    profile = plan.endpoint.profile
    for call, told in zip(plan.calls, explained.calls, strict=True):
        where, file, line = _setter(call.operation, "timeout")
        if told.seconds is None:
            what = f"it has no timeout, so that only the deadline of {profile.__name__} ends a call"
            yield warning("no-timeout", Problem(what, "give it a `Timeout`", where, file, line))
        elif told.seconds >= explained.deadline and not _is_told(call.operation, profile, subject):
            limit = f"a request of {profile.__name__} {profile.deadline:g} s in all"
            what = f"a call may take {told.seconds:g} s, and {limit}: the deadline cuts it off"
            mend = "lower `timeout.total` below the deadline, or raise the deadline"
            yield warning("timeout-past-deadline", Problem(what, mend, where, file, line))


def _is_told(operation: Operation[..., Any], profile: type[Profile], subject: Subject) -> bool:
    """Say whether a try alone is too long already: one finding is enough."""
    timeout = subject.policies_of(operation).timeout
    return timeout is not None and timeout.attempt is not None and timeout.attempt >= profile.deadline


def _slow_chains(plan: Plan, explained: Explanation) -> Iterator[Finding]:
    """Calls that wait for one another may take longer together than there is time, though each of them has it."""
    chain = longest_chain(explained)
    total = sum(_seconds(call, explained) for call in chain)
    if len(chain) > 1 and total > explained.deadline:
        told = ", then ".join(f"{call.name} ({_seconds(call, explained):g} s)" for call in chain)
        what = f"at worst it takes {total:g} s, and has {explained.deadline:g} s: {told}"
        mend = "lower the timeouts of the chain, let a call not wait for another, or raise the deadline"
        yield warning("worst-case-past-deadline", Problem(what, mend, explained.endpoint, *plan.endpoint.place))


def longest_chain(explained: Explanation) -> list[ExplainedCall]:
    """Return the calls that wait for one another and may together take the longest, all their tries included."""
    chains: dict[int, list[ExplainedCall]] = {}
    for call in explained.calls:
        before = [chains[number] for number in (*call.after, *call.after_settled)]
        chains[call.number] = [*_longest(before, explained), call]
    return _longest(chains.values(), explained)


def _longest(chains: Collection[list[ExplainedCall]], explained: Explanation) -> list[ExplainedCall]:
    return max(
        chains, key=lambda chain: sum(_seconds(call, explained) for call in chain), default=list[ExplainedCall]()
    )


def _seconds(call: ExplainedCall, explained: Explanation) -> float:
    return explained.deadline if call.seconds is None else call.seconds


def _joins(traced: Traced) -> Iterator[Finding]:
    if getattr(traced.endpoint.profile, "max_items", None) is not None:
        return
    for call, _ in unbounded_joins(traced):
        what = f"`{call.operation.full_name}` is called for every item of a list whose length nothing limits"
        mend = "slice the list (`items[:20]`), give it a `max_length` in the contract, or declare a `batch_of`"
        yield warning("unbounded-join", Problem(what, mend, traced.endpoint.where, call.file, call.line))


def _variables(subject: Subject) -> Iterator[Finding]:
    """Only variables of upstreams that the app connects are read; one that names another may be misspelt."""
    prefixes = {env_prefix(cls.name) for cls in subject.upstreams}
    names = {_name_in(prefix).lower(): prefix for prefix in prefixes}
    for variable in sorted(subject.environ):
        is_setting = _SETTING.match(variable.upper()) is not None
        if is_setting and not any(variable.upper().startswith(prefix) for prefix in prefixes):
            near = near_miss(_name_in(variable), names)
            meant = f"{names[near]}{variable.partition('__')[2]}" if near else ""
            mend = f"did you mean `{meant}`?" if meant else "remove it, unless another app reads it"
            yield warning("unread-variable", Problem(f"no upstream of this app reads `{variable}`", mend, variable))


def _name_in(variable: str) -> str:
    """Return the part of a variable that names an upstream."""
    return variable[len("BFF_") :].partition("__")[0]


def _idle_upstreams(subject: Subject, use: Use) -> Iterator[Finding]:
    """What is declared for this app and never called: dead, or forgotten."""
    called = {base for cls in use.upstreams for base in cls.__mro__}
    own = [cls for cls in _subclasses(Upstream) if subject.is_own(cls)]
    for cls in dict.fromkeys([*subject.upstreams, *own]):
        place = class_place(cls, "")
        if cls not in subject.upstreams:
            yield from (error("declaration", problem) for problem in problems_of(cls))
        if cls not in called and not any(cls in other.__mro__[1:] for other in own):
            what = "no endpoint of this app calls it"
            yield warning("unused-upstream", Problem(what, "call it, or remove it", cls.__name__, *place))


def _subclasses(cls: type[Upstream]) -> Iterator[type[Upstream]]:
    """Yield the upstreams that can be reached by their names: one that a module has dropped is nobody's to call."""
    for subclass in cls.__subclasses__():
        if getattr(sys.modules.get(subclass.__module__), subclass.__name__, None) is subclass:
            yield subclass
        yield from _subclasses(subclass)
