"""A small interpreter that runs a random page line by line, as the contract says that it behaves."""

from collections import ChainMap, Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, cast

from tests.support.outlook import NOTHING, SUCCESS, Outlook
from tests.support.pages import (
    LIMIT,
    Block,
    Choice,
    First,
    Item,
    Loop,
    Maybe,
    Page,
    Read,
    Sum,
    Value,
    Write,
    is_flag,
    scope,
)

Identity: TypeAlias = tuple[str, int, int]
"""A call: its operation, its name, and its argument."""


class Reason(NamedTuple):
    status: int
    cause: str


class Failed(Exception):
    """A call failed, and with it what is made of it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(*reason)
        self.reason = reason


class Outcome(NamedTuple):
    """What came of a value: whether a default is in it, and why there is none."""

    value: Any = None
    has_default: bool = False
    failure: Reason | None = None


Known: TypeAlias = ChainMap[Any, Outcome]


@dataclass
class World:
    """What the upstream answers: `failing` has the status for an operation and a name, for some of the arguments."""

    failing: dict[tuple[str, int], tuple[int, int]]

    def status(self, call: Identity) -> int:
        """Return the status of an answer: a failing operation fails for a third of all arguments, or for all."""
        operation, name, argument = call
        residue, status = self.failing.get((operation, name), (-1, 0))
        return status if residue in (argument % 3, 3) else 200

    def number(self, call: Identity) -> int:
        operation, name, argument = call
        return (len(operation) + 3 * name + 7 * argument) % 10

    def answer(self, call: Identity) -> int | bool | list[int] | None:
        match call[0]:
            case "entries":
                return self.keys(call)
            case "flag":
                return self.flag(call)
            case _:
                return self.number(call)

    def flag(self, call: Identity) -> bool | None:
        return (True, False, None)[self.number(call) % 3]

    def keys(self, call: Identity) -> list[int]:
        number = self.number(call)
        return [(number + 3 * step) % 5 for step in range(number % 4)]


@dataclass
class Reference:
    """
    Runs one page for one request.

    `calls` counts calls by how many writes were sent before them, `batched` has the keys that go together, `sent` the
    writes in order and `committed` how many of them were done; `reasons` are all failures that there were. `possible`
    calls may have been made, too, and where nothing `is_certain` about batches other batches.
    """

    world: World
    outlook: Outlook
    calls: Counter[tuple[Identity, int]] = field(default_factory=Counter[tuple[Identity, int]])
    batched: dict[Any, dict[int, None]] = field(default_factory=dict[Any, dict[int, None]])
    sent: list[Identity] = field(default_factory=list[Identity])
    committed: list[str] = field(default_factory=list[str])
    reasons: set[Reason] = field(default_factory=set[Reason])
    possible: Counter[tuple[Identity, int]] = field(default_factory=Counter[tuple[Identity, int]])
    is_certain: bool = True
    _asked: dict[Any, Outcome] = field(default_factory=dict[Any, Outcome])
    _above: list[tuple[Value, Known]] = field(default_factory=list[tuple[Value, Known]])
    _within: list[tuple[Value, int]] = field(default_factory=list[tuple[Value, int]])
    _has_default: bool = False

    def page(self, page: Page) -> list[Outcome] | None:
        """Return what came of every field, `None` where the page fails."""
        known: Known = ChainMap()
        try:
            self._lines(page.lines, known)
        except Failed:
            return None
        fields = [self._outcome(node, known) for node in page.fields]
        return None if any(made.failure for made in fields) else fields

    def _lines(self, lines: Iterable[Value], known: Known) -> None:
        """Run what writes, line by line; what reads waits until it is needed."""
        for line in lines:
            if self.outlook.writes(line):
                inner = line.value if isinstance(line, Maybe) else line
                known[inner] = made = self._outcome(inner, known)
                if made.failure and not self.outlook.is_caught(inner):
                    self._suppose([*self._above])  # a write further down is never reached
                    raise Failed(made.failure)
            self._above.append((line, known))

    def _suppose(self, values: Iterable[tuple[Value, Known]]) -> None:
        """Note what may have begun for values that are never asked for."""
        batched = {place: {**keys} for place, keys in self.batched.items()}
        before = self.calls.copy(), batched, {**self._asked}
        for value, known in values:
            self._outcome(value, known)
        self.possible |= self.calls - before[0]
        self.is_certain = self.is_certain and self.batched == batched
        self.calls, self.batched, self._asked = before

    def _block(self, block: Block | Value, known: Known, within: tuple[Value, int] | None) -> Any:
        """Run what stands `within` a branch, or in the body of a loop."""
        if not isinstance(block, Block) or within is None:
            return self._value(cast("Value", block), known)
        depth = len(self._above)
        self._within.append(within)
        try:
            self._lines(block.lines, known)
            return self._value(block.result, known)
        finally:
            self._within.pop()
            del self._above[depth:]

    def _outcome(self, node: Value | Block, known: Known, within: tuple[Value, int] | None = None) -> Outcome:
        before, self._has_default = self._has_default, False
        try:
            return Outcome(self._block(node, known, within), self._has_default)
        except Failed as error:
            return Outcome(failure=error.reason)
        finally:
            self._has_default = before

    def _taken(self, made: Outcome) -> Any:
        if made.failure:
            raise Failed(made.failure)
        self._has_default |= made.has_default
        return made.value

    def _all(self, made: list[Outcome]) -> list[Any]:
        """Return values that are worked out together: the first failure counts once each has come to its end."""
        return [self._taken(each) for each in made]

    def _value(self, node: Value, known: Known) -> Any:
        if isinstance(node, int):
            return node
        if node in known:
            return self._taken(known[node])
        match node:
            case Sum():
                left, right = self._all([self._outcome(node.left, known), self._outcome(node.right, known)])
                return left + right
            case Maybe():
                made = self._outcome(node.value, known)
                self._has_default |= made.failure is not None
                return ([] if isinstance(node.value, Loop) else node.default) if made.failure else self._taken(made)
            case Read() | Write():
                return self._read(node, known) if isinstance(node, Read) else self._write(node, known)
            case Choice() | First():
                return self._choice(node, known) if isinstance(node, Choice) else self._first(node, known)
            case Loop():
                return self._loop(node, known)
            case Item():  # pragma: no cover - an item is always known where it stands
                raise AssertionError(node)

    def _choice(self, node: Choice, known: Known) -> Any:
        number = 0 if self._condition(node.condition, known) else 1
        return self._block(node.branches[number], known.new_child(), (node, number))

    def _first(self, node: First, known: Known) -> Any:
        *others, last = enumerate(node.branches)
        for number, branch in others:
            made = self._outcome(branch, known.new_child(), (node, number))
            if not made.failure:
                return self._taken(made)
        number, branch = last
        return self._block(branch, known.new_child(), (node, number))

    def _condition(self, node: Value, known: Known) -> bool:
        value = self._value(node, known)
        return bool(value if is_flag(node) else value > LIMIT)

    def _loop(self, node: Loop, known: Known) -> list[Any]:
        items = self._outcome(node.items, known)
        once = [self._outcome(part, known)._replace(has_default=False) for part in self.outlook.once(node)]
        made: list[Outcome] = []
        for index, key in enumerate(self._taken(items)):
            inner = known.new_child({Item(node.number): Outcome(key), node.number: Outcome(index)})
            made.append(self._outcome(node.body, inner, (node, 0)))
            if node.is_sequential and made[-1].failure:
                break
        if not made:
            # What loops among the lines make once, whatever their items are, may have begun before it was known.
            lines = [line for line in node.body.lines if isinstance(line, Loop)]
            parts = [part for line in lines for part in self.outlook.once(line)]
            self._suppose((part, known) for part in parts if node.number not in scope(part))
        self._all(once)
        return self._all(made)

    def _read(self, node: Read, known: Known) -> Any:
        argument = self._value(node.argument, known)
        place = (node, *(known[loop].value for loop in sorted(node.pins)))
        if (place, argument) not in self._asked:
            is_batched = node.operation == "part" and scope(node) - node.pins
            call = (node.operation, node.name, argument)
            if is_batched:
                self.batched.setdefault((place, len(self.sent)), {})[argument] = None
            else:
                self.calls[call, len(self.sent)] += 1
            self._asked[place, argument] = self._answer(node, call, is_batched=bool(is_batched))
        return self._taken(self._asked[place, argument])

    def _answer(self, node: Read | Write, call: Identity, *, is_batched: bool) -> Outcome:
        status = self.world.status(("parts", 0, 0)) if is_batched else 200
        if status == 200:
            status = self.world.status(call)
            status = 404 if is_batched and status != 200 else status
        if status == 200:
            return Outcome(self.world.answer(call))
        passes = status == 404 and self.outlook.is_own(node)
        reason = Reason(status if passes else 502, "not-found" if status == 404 else "status")
        self.reasons.add(reason)
        return Outcome(failure=reason)

    def _write(self, node: Write, known: Known) -> Any:
        claimed = [(self.outlook.claim(line, before=node, within=self._within), line, at) for line, at in self._above]
        above = [
            (claim, self._outcome(line, at)._replace(has_default=False))
            for claim, line, at in claimed
            if claim != NOTHING
        ]
        argument = self._outcome(node.argument, known)
        argument, *_ = self._all([argument, *(made for claim, made in above if claim == SUCCESS)])
        call = (node.operation, node.name, argument)
        self.sent.append(call)
        made = self._answer(node, call, is_batched=False)
        if not made.failure:
            self.committed.append(f"source.{node.operation}")
        return self._taken(made)
