"""Lines of generated code at one depth, and the names that are known there."""

from dataclasses import dataclass, field

from bff.declare._graph import Node


@dataclass(slots=True)
class Block:
    """
    Lines at one depth, and the names that hold values there; an inner block sees the names of the outer one.

    `item` is the id of the `each` item that the block goes through, where it is the body of a loop.
    """

    depth: int
    lines: list[str]
    names: dict[tuple[int, bool], str] = field(default_factory=dict[tuple[int, bool], str])
    outer: "Block | None" = None
    item: int | None = None

    def write(self, text: str) -> None:
        """Add one line, or several."""
        pad = "    " * self.depth
        self.lines += [pad + line for line in text.split("\n")] if "\n" in text else (pad + text,)

    def under(self, text: str) -> None:
        """Add one line that stands one deeper."""
        self.lines.append("    " * (self.depth + 1) + text)

    def inner(self) -> "Block":
        """Return a block one deeper, written to the same lines."""
        return Block(self.depth + 1, self.lines, dict(self.names), self)

    def loop(self, item: int) -> "Block":
        """Return the body of a loop, with lines of its own until it is known whether there are any."""
        return Block(self.depth + 1, [], dict(self.names), self, item)

    def branch(self) -> "Block":
        """Return a block one deeper, with lines of its own until it is known whether there are any."""
        return Block(self.depth + 1, [], dict(self.names), self)

    def home(self, node: Node) -> "Block":
        """Return the block where a value is best computed: outside of the loops that it does not depend on."""
        block = self
        while block.outer is not None and block.item is not None and block.item not in node.scope:
            block = block.outer
        return block

    def left_for(self, home: "Block") -> frozenset[int | None]:
        """Return the items of the loops that are left on the way to a block around this one."""
        return frozenset() if self is home or self.outer is None else self.outer.left_for(home) | {self.item}
