"""`plan`: what an endpoint will do, in a form that tests can compare."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast

from bff._frames import user_frame
from bff.ambassador import Policies
from bff.declare._operation import Operation
from bff.declare._profile import Profile, endpoints_of
from bff.errors import DeclarationError, Problem
from bff.plan import _plan as planning
from bff.plan._explain import ExplainedCall, explain

__all__ = ["Names", "PlannedEndpoint", "plan"]


class Names(AbstractSet[object]):
    """
    Names of operations, `"Catalog.product"`; equal to a set of them, and to a set of the operations themselves.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def __contains__(self, item: object) -> bool:
        return _name(item) in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return self._names == frozenset(_name(item) for item in cast("AbstractSet[object]", other))

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        return f"{{{', '.join(sorted(self._names))}}}"


@dataclass(frozen=True, slots=True)
class PlannedEndpoint:
    """
    What an endpoint will do.

    `calls` are the operations that it may call; it fails with the `required` ones, and goes without the `optional`
    ones. `steps` are the operations in the order in which their inputs are there.
    """

    calls: Names
    required: Names
    optional: Names
    steps: tuple[Names, ...]
    _decodes: dict[str, frozenset[str]]

    def decodes(self, operation: Callable[..., Any]) -> frozenset[str]:
        """Return the paths that are read of an operation's answers, as `"images[].url"`; all else is skipped."""
        return self._decodes.get(_name(operation), frozenset())


def plan(endpoint: Callable[..., Any] | type[Profile], name: str | None = None, /) -> PlannedEndpoint:
    """
    Return what an endpoint will do: `plan(Mobile.product)`, for an inherited one `plan(Tablet, "product")`.

    Raises `DeclarationError` where it has no plan.
    """
    profile, called = _found(endpoint, name)
    endpoints, problems = endpoints_of(profile)
    found = next((candidate for candidate in endpoints if candidate.name == called), None)
    if found is None:
        what = f"{profile.__name__} has no endpoint `{called}`"
        raise DeclarationError(problems or _problem(what, f"name one of {', '.join(e.name for e in endpoints)}"))
    if not found.is_traced:
        raise DeclarationError(_problem(f"`{found.where}` runs per request, and has no plan", "write it with `def`"))
    # Policies are of no consequence here: what they are is known to an app alone.
    return _planned(explain(planning.plan(found), lambda _: Policies()).calls)


def _planned(calls: Sequence[ExplainedCall]) -> PlannedEndpoint:
    decodes: dict[str, frozenset[str]] = {}
    for call in calls:
        decodes[call.name] = decodes.get(call.name, frozenset()) | {*call.decodes}
    required = {call.name for call in calls if call.is_required}
    return PlannedEndpoint(
        calls=Names(decodes),
        required=Names(required),
        optional=Names(decodes.keys() - required),
        steps=tuple(
            Names(call.name for call in calls if call.step == step) for step in sorted({call.step for call in calls})
        ),
        _decodes=decodes,
    )


def _found(endpoint: Callable[..., Any] | type[Profile], name: str | None) -> tuple[type[Profile], str]:
    """Return the profile of an endpoint, and the name that it has there."""
    if isinstance(endpoint, type):
        return endpoint, name or ""
    called = getattr(endpoint, "__name__", "")
    for profile in _profiles(Profile):
        if vars(profile).get(called) is endpoint:
            return profile, called
    what = f"`{called or repr(endpoint)}` is no endpoint of a client profile"
    raise DeclarationError(_problem(what, 'name it on its class, `plan(Mobile.product)` or `plan(Mobile, "product")`'))


def _profiles(base: type[Profile]) -> Iterator[type[Profile]]:
    for profile in base.__subclasses__():
        yield profile
        yield from _profiles(profile)


def _problem(what: str, mend: str) -> Problem:
    return Problem(what, mend, "plan", *user_frame())


def _name(item: object) -> str:
    return cast("Operation[..., Any]", item).full_name if isinstance(item, Operation) else str(item)
