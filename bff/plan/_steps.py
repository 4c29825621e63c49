"""The steps of a plan, ready to be taken: what each waits for, and the functions that it runs."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from bff.declare._operation import Operation
from bff.plan._codecs import Decoder
from bff.plan._schedule import Needs


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PlannedStep:
    """
    One step of a plan.

    It begins once every step in `needs` is settled, and fails where a `hard` one of them has. It is taken once for a
    request, or `depth` loops deep once for each item; its outcome stands at `index` among those of its frame.
    `within` are the decisions and loops that it may be taken for, none where a request always begins with it: then it
    `is_at_once`, and `followers` are the steps like it that need it, by number. `rank` is how many steps stand in the
    longest row of them that begins with it.
    """

    number: int
    index: int
    depth: int
    needs: Needs
    is_required: bool
    within: tuple[int, ...]
    is_at_once: bool
    followers: tuple[int, ...]
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """
    How one request stands in for many calls: `at` is the number of the parameter that takes their values.

    `key` reads from an item of the answer which of the calls it answers; `rest` are the arguments besides.
    """

    operation: Operation[..., Any]
    at: int
    rest: tuple[Any, ...]
    key: Callable[[Any], object]
    max_size: int
    decoder: Decoder


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PlannedCall(PlannedStep):
    """
    One upstream call of a plan.

    `inputs` computes its arguments; `is_own` says that they come from this endpoint's own parameters alone. Where
    `is_optional` the answer can do without it, and it has to come before the reserve. A `is_joined` one is made once
    for items that ask the same, and where there is a `batch` together with others: as soon as none of the
    `influences` is under way, by number of their steps, which might ask for more.
    """

    operation: Operation[..., Any]
    decoder: Decoder
    inputs: Callable[..., tuple[Any, ...]]
    is_own: bool
    is_optional: bool
    is_joined: bool = False
    batch: Batch | None = None
    influences: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Decision(PlannedStep):
    """A branch: `test` says whether it is the first of `branches`; only what that one needs is then begun."""

    test: Callable[..., bool | None]
    branches: tuple[Needs, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Alternatives(PlannedStep):
    """Branches of which the first that succeeds counts; a `checks` sees whether one that has come is as promised."""

    branches: tuple[Needs, ...]
    checks: tuple[Callable[..., object] | None, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Loop(PlannedStep):
    """
    For each of `items` a frame of `size` outcomes, in which `body` is needed; `is_sequential`: one after another.

    Where all that an item needs are calls that can be made as soon as there are items, `columns` has each of them, and
    what computes the arguments of all items at once.
    """

    items: Callable[..., Sequence[Any] | None]
    body: Needs
    size: int
    is_sequential: bool
    columns: tuple[tuple[PlannedCall, Callable[..., list[tuple[Any, ...]]]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Straight:
    """The code of a plan that is nothing but `calls`, all of them reads that every request makes: it makes them."""

    calls: tuple[PlannedCall, ...]
    code: Callable[..., Coroutine[Any, Any, None]]
