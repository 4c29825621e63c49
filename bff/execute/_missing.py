"""Tell which places of an answer took a default in a request, and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from bff.errors import RejectedError, UpstreamError
from bff.execute._frame import SETTLED, Frame
from bff.plan._missing import OptionalPart, Place
from bff.plan._plan import Plan
from bff.plan._steps import PlannedStep


def missing_of(
    plan: Plan, answer: object, root: Frame, broken: Mapping[int, UpstreamError | RejectedError], *, has_failures: bool
) -> tuple[tuple[str, str], ...]:
    """
    Return pairs of path and cause, in the order of the answer; `has_failures` says whether any step failed at all.

    Items of a list are told one by one, by their position; where every item of it misses the same for the same reason,
    once, with `*` for the position.
    """
    found: dict[str, str] = {}
    for part in plan.optionals:
        if not (has_failures or part.can_break):
            continue
        for place in part.places:
            for path, cause in _at(plan, part, place, root, broken):
                if "*" not in place.path or _is_there(answer, path.split(".")):
                    found.setdefault(path, cause)
    return tuple(found.items())


def _at(
    plan: Plan, part: OptionalPart, place: Place, root: Frame, broken: Mapping[int, UpstreamError | RejectedError]
) -> Iterator[tuple[str, str]]:
    causes: list[tuple[Frame, str]] = []
    frames = [*_frames(plan, place, root)]
    for frame in frames:
        error = _error(plan, part, frame) or frame.broken.get(part.node) or broken.get(part.node)
        if error is not None:
            causes.append((frame, error.cause))
    if len(causes) == len(frames) and len({cause for _, cause in causes}) == 1:
        yield str(place), causes[0][1]
        return
    for frame, cause in causes:
        yield _path(place, frame), cause


def _is_there(value: object, path: Sequence[str]) -> bool:
    """Say whether an answer has a place: a list without items has none for them."""
    if not path:
        return True
    first, *rest = path
    if isinstance(value, list):
        items = cast("list[object]", value)
        return any(_is_there(item, rest) for item in (items if first == "*" else items[int(first) :][:1]))
    return _is_there(cast("dict[str, object]", value).get(first), rest) if isinstance(value, dict) else True


def _error(plan: Plan, part: OptionalPart, frame: Frame) -> UpstreamError | RejectedError | None:
    for number in part.steps:
        step = plan.steps[number]
        failure = frame.at(step.depth).f[step.index]
        if failure is not None:
            return failure.error
    return None


def _frames(plan: Plan, place: Place, root: Frame) -> Iterator[Frame]:
    """Yield the frames of the items at a place, those alone for which the decisions that lead there were taken."""
    frames = [root]
    for _, number in place.loops:
        loop = plan.steps[number]
        frames = [inner for frame in frames for inner in frame.at(loop.depth).v[loop.index] or ()]
    for frame in frames:
        if all(_was_taken(plan.steps[number], branch, frame) for number, branch in place.taken):
            yield frame


def _was_taken(step: PlannedStep, branch: int, frame: Frame) -> bool:
    at = frame.at(step.depth)
    if at.waiting[step.index] is not SETTLED or at.f[step.index] is not None:
        return False
    picked = at.v[step.index]
    return branch == ((0 if picked else 1) if isinstance(picked, bool) else picked)


def _path(place: Place, frame: Frame) -> str:
    """Return the path of a place for one item, the positions of the items around it filled in."""
    parts = [*place.path]
    at: Frame | None = frame
    for position, _ in reversed(place.loops):
        assert at is not None
        if position >= 0:
            parts[position] = str(at.index)
        at = at.outer
    return ".".join(parts) or "*"
