"""What the text of a random page says about its values before anything runs: who uses them, and who catches."""

from collections.abc import Iterable, Iterator, Sequence

from tests.support.pages import (
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
    can_fail,
    parts,
    scope,
    writes,
)

PLAIN, CAUGHT, GIVEN, ANSWER = -1, -2, -3, -4
"""How a value is used: as a part, in an `optional`, by a call, in the answer; else as the branch of that number."""


NOTHING, OVER, SUCCESS = range(3)


class Outlook:
    """The uses of every value, in the order of the text."""

    def __init__(self, page: Page) -> None:
        self._order: dict[Value, int] = {}
        self._uses: dict[Value, list[tuple[Value, int]]] = {}
        self._begun: dict[int, int] = {}
        self._lines(page.lines)
        for node in page.fields:
            self._visit(node)
            self._uses[node].append((node, ANSWER))

    def _lines(self, lines: Iterable[Value]) -> None:
        for line in lines:
            self._visit(line)

    def _visit(self, node: Value) -> None:
        if node in self._order:
            return
        if isinstance(node, Loop):
            self._begun[node.number] = len(self._order)
        self._uses[node] = []
        how = CAUGHT if isinstance(node, Maybe) else GIVEN if isinstance(node, Read | Write) else PLAIN
        for number, part in enumerate(parts(node)):
            if isinstance(part, Block):
                self._lines(part.lines)
            value = part.result if isinstance(part, Block) else part
            self._visit(value)
            at = number - 1 if isinstance(node, Choice) and number else number if isinstance(node, First) else how
            self._uses[value].append((node, 0 if isinstance(part, Block) and isinstance(node, Loop) else at))
        self._order[node] = len(self._order)

    def writes(self, line: Value) -> bool:
        return writes(line)

    def is_own(self, node: Value) -> bool:
        """Say whether a call is made of the endpoint's own parameters alone."""
        return not (isinstance(node, Read | Write) and self._has_call(node.argument))

    def _has_call(self, node: Value | Block) -> bool:
        if isinstance(node, Block):
            return self._has_call(node.result)
        if isinstance(node, Item):
            return True  # of a list that a call gave
        return isinstance(node, Read | Write) or any(map(self._has_call, parts(node)))

    def once(self, loop: Loop) -> Iterator[Value]:
        """Yield what is made once for a loop, whatever its items are: in one that writes, what was there before it."""
        parts = self._once(loop.body.result, loop.number)
        yield from (part for part in parts if not loop.is_sequential or self._order[part] < self._begun[loop.number])

    def _once(self, node: Value | Block, loop: int) -> Iterator[Value]:
        if isinstance(node, Block):
            return
        if loop not in scope(node):
            yield node
            return
        match node:
            case Sum():
                yield from (*self._once(node.left, loop), *self._once(node.right, loop))
            case Maybe():
                yield from (Maybe(part, 0) for part in self._once(node.value, loop))
            case Choice() if not any(map(can_fail, node.branches)):
                yield from self._once(node.condition, loop)
            case Loop():
                yield from (part for part in self._once(node.body.result, node.number) if loop not in scope(part))
                if not self._takes_steps(node.body.result, node.number):
                    yield from self._once(node.items, loop)
            case _:
                pass

    def _takes_steps(self, node: Value | Block, loop: int) -> bool:
        """Say whether something is asked for every item."""
        is_step = isinstance(node, Read | First | Choice) and can_fail(node) and loop in scope(node)
        return is_step or any(self._takes_steps(part, loop) for part in parts(node))

    def is_caught(self, node: Value) -> bool:
        """Say whether an `optional` in the same function stands around every use of what writes."""
        uses = self._uses[node]
        return bool(uses) and all(self._catches(user, how) for user, how in uses)

    def _catches(self, user: Value, how: int) -> bool:
        return how == CAUGHT or (how == PLAIN and self.is_caught(user))

    def claim(self, line: Value, *, before: Write, within: Sequence[tuple[Value, int]]) -> int:
        """
        Say what a write that stands below a line asks of it: `SUCCESS`, to be `OVER`, or `NOTHING`.

        A line is left to the branches above that use it, and to an `optional` that nobody uses.
        """
        uses = self._uses[line]
        if not uses:
            return NOTHING if isinstance(line, Maybe) and not writes(line) else SUCCESS
        return max(self._claim(use, before, within) for use in uses)

    def _claim(self, use: tuple[Value, int], before: Write, within: Sequence[tuple[Value, int]]) -> int:
        user, how = use
        if how == ANSWER:
            return SUCCESS
        if how >= 0 and not isinstance(user, Loop):
            is_open = any(user == outer for outer, _ in within)
            if use not in within and (is_open or self._order[user] < self._order[before]):
                return NOTHING
        return min(self.claim(user, before=before, within=within), OVER if how == CAUGHT else SUCCESS)
