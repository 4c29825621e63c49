"""Write readable Python for the expressions of a graph."""

import re
from collections.abc import Container, Mapping

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import Type, spell, type_of_constant
from bff.plan._asking import calls_behind, is_looked_at, may_be_none, may_break, node_fields, passed_on
from bff.plan._block import Block
from bff.plan._layout import bracketed, quoted, spread, unpacked, value_name
from bff.plan._names import Names
from bff.plan._schedule import NOTHING, Schedule, Step
from bff.plan._shapes import ShapeFacts, shape_facts
from bff.plan._style import Style, has_fields

_ATOM = re.compile(r"[A-Za-z_]\w*(\[\w+\])?|-?\d+|None|True|False|\[\]")


class Expressions:
    """
    Writes values into blocks.

    Of the function that is being written, `uses` counts how often each value is used, `certain` are the steps that
    have succeeded, `regions` the items at hand that have a frame, the innermost first.
    """

    def __init__(self, steps: Schedule, columns: Container[int], shared: Mapping[int, int], style: Style) -> None:
        self.names = Names()
        self.regions: tuple[int, ...] = ()
        self.uses: Mapping[int, int] = {}
        self.certain: frozenset[int] = frozenset()
        self._steps = steps
        self._columns = columns
        self._shared = shared
        self._style = style
        self._shapely: dict[int, bool] = {}

    def required(self, code: str, node: Node, wanted: Type, place: str) -> str:
        """Guard a value that may be missing at run time, where the type says it may not."""
        if not is_looked_at(node, wanted):
            return code
        name = next((call.operation.full_name for call in calls_behind(node)), "the request")
        return f"need({code}, {quoted(place)}, {quoted(name)})"

    def value(self, node: Node, block: Block, *, is_data: bool = False) -> str:
        if is_data and not self.holds_shape(node):
            return self.styled(node.type, self.value(node, block))
        if isinstance(node, graph.Constant):
            return self.names.constant(node.value)
        key = (node.id, is_data)
        if key in block.names:
            return block.names[key]
        home = block.home(node)
        if home is not block:
            outside, self.regions = self.regions, tuple(r for r in self.regions if r not in block.left_for(home))
            code = self._bind(node, self.value(node, home, is_data=is_data), home, key)
            self.regions = outside
            block.names[key] = code
            return code
        code = self._write(node, block, is_data=is_data)
        return self._bind(node, code, block, key) if self.uses.get(node.id, 1) > 1 else code

    def holds_shape(self, node: Node) -> bool:
        """Say whether a value is made of Shapes, so that it is another thing as data than as an object."""
        if node.id not in self._shapely:
            self._shapely[node.id] = isinstance(node, graph.Build) or any(map(self.holds_shape, passed_on(node)))
        return self._shapely[node.id]

    def _bind(self, node: Node, code: str, block: Block, key: tuple[int, bool]) -> str:
        if _ATOM.fullmatch(code):
            block.names[key] = code
            return code
        name = value_name(node.id, is_data=key[1])
        if code != name:
            block.write(f"{name} = {code}")
        block.names[key] = name
        return name

    def _atom(self, node: Node, block: Block, *, is_data: bool = False) -> str:
        """Return a name for a value that is looked at more than once."""
        key = (node.id, is_data and self.holds_shape(node))
        return self._bind(node, self.value(node, block, is_data=is_data), block, key)

    def _write(self, node: Node, block: Block, *, is_data: bool) -> str:
        match node:
            case graph.Attribute():  # most are
                return self._guarded(node.base, block, f"{{}}.{node.name}")
            case graph.Listing():
                return bracketed("[", [self.value(entry, block, is_data=is_data) for entry in node.entries], "]")
            case graph.OrElse():
                return self._or_else(node, block, is_data=is_data)
            case graph.Optional():
                return self._optional(node, block, is_data=is_data)
            case graph.When() | graph.Fallback():
                return self._pick(node, block, is_data=is_data)
            case graph.Each():
                return self._each(node, block, is_data=is_data)
            case graph.Build():
                return self._build(node, block, is_data=is_data)
            case _:
                return self._leaf(node) or self._operation(node, block)

    def _leaf(self, node: Node) -> str:
        """Return where a value that is not made from others is found; the empty string for any other."""
        match node:
            case graph.Param():
                return f"p[{quoted(node.name)}]"
            case graph.Header():
                return f"x.header({quoted(node.name)})"
            case graph.Now() | graph.Caller():
                return f"x.{type(node).__name__.lower()}"
            case graph.Call():
                return self.outcome(node)
            case graph.Item():
                return f"i{node.id}"
            case _:
                return ""

    def _operation(self, node: Node, block: Block) -> str:
        match node:
            case graph.Index():
                return self._guarded(node.base, block, f"at({{}}, {quoted(node.key)})")
            case graph.Slice():
                bounds = ":".join("" if bound is None else str(bound) for bound in (node.start, node.stop, node.step))
                return self._guarded(node.base, block, f"{{}}[{bounds.removesuffix(':')}]")
            case graph.Binary():
                return self._binary(node, block)
            case graph.Not():
                return self._guarded(node.value, block, "(not {})")
            case graph.IsNone():
                return f"({self.value(node.value, block)} is None)"
            case graph.Lifted():
                return self._lifted(node, block)
            case _:  # pragma: no cover - every kind of node stands here or above
                raise AssertionError(node)

    def _guarded(self, base: Node, block: Block, form: str) -> str:
        """Apply `form` to a value, passing `None` on where it may be one."""
        if not may_be_none(base):
            return form.format(self.value(base, block))
        name = self._atom(base, block)
        return f"(None if {name} is None else {form.format(name)})"

    def _binary(self, node: graph.Binary, block: Block) -> str:
        operands = (node.left, node.right)
        codes = [self._atom(side, block) if may_be_none(side) else self.value(side, block) for side in operands]
        guarded = [code for code, side in zip(codes, operands, strict=True) if may_be_none(side)]
        guards = [f"{code} is None" for code in dict.fromkeys(guarded)]
        code = f"{codes[0]} {node.operator} {codes[1]}"
        return f"(None if {' or '.join(guards)} else {code})" if guards else f"({code})"

    def _or_else(self, node: graph.OrElse, block: Block, *, is_data: bool) -> str:
        value = self._atom(node.value, block, is_data=is_data)
        other = block.branch()
        default = self.value(node.default, other, is_data=is_data)
        if not other.lines:
            return f"({default} if {value} is None else {value})"
        name = value_name(node.id, is_data=is_data)
        block.write(f"{name} = {value}")
        block.write(f"if {name} is None:")
        other.write(f"{name} = {default}")
        block.lines += other.lines
        return name

    def _optional(self, node: graph.Optional, block: Block, *, is_data: bool) -> str:
        """Write a value that gives way to its default where a call failed, or where it breaks a promise of its own."""
        certain = self._steps.certain(self._steps.needs[node.value.id].hard)
        doubtful = [self._failure(self._steps.steps[number]) for number in sorted(certain - self.certain)]
        doubtful = [name for name in doubtful if name]
        can_break = may_break(node.value)
        if not doubtful and not can_break:
            return self.value(node.value, block, is_data=is_data)
        name, taken = value_name(node.id, is_data=is_data), block
        outside, self.certain = self.certain, self.certain | certain
        if can_break:
            block.write(f"{name} = UNSET")
        if doubtful:
            block.write(f"if {' and '.join(f'{name} is None' for name in doubtful)}:")
            taken = block.inner()
        if can_break:
            taken.write("try:")
            tried = taken.inner()
            tried.write(f"{name} = {self.value(node.value, tried, is_data=is_data)}")
            taken.write(f"except ContractViolation as e{node.id}:")
            taken.under(f"{self._frame}.broken[{node.id}] = e{node.id}")
        else:
            taken.write(f"{name} = {self.value(node.value, taken, is_data=is_data)}")
        self.certain = outside
        block.write(f"if {name} is UNSET:" if can_break else "else:")
        other = block.inner()
        other.write(f"{name} = {self.value(node.default, other, is_data=is_data)}")
        block.names[node.id, is_data] = name
        return name

    def _pick(self, node: graph.When | graph.Fallback, block: Block, *, is_data: bool) -> str:
        """Write a choice between branches: what a step has decided, or what can be decided here."""
        step = self._steps.step_of(node)
        picked = self.outcome(node) if step else self.value(node.operands[0], block)
        tests = (
            [picked] if isinstance(node, graph.When) else [f"{picked} == {n}" for n in range(len(node.branches) - 1)]
        )
        outside, inner, codes = self.certain, step.inner if step else (), list[str]()
        blocks = [block.branch() for _ in node.branches]
        for number, branch in enumerate(node.branches):
            self.certain = outside | self._steps.certain((inner[number] if inner else NOTHING).hard)
            codes.append(self.value(branch, blocks[number], is_data=is_data))
        self.certain = outside
        if not any(branch.lines for branch in blocks):
            parts = [f"{code} if {test} else" for code, test in zip(codes, tests, strict=False)]
            return spread("(", [*parts, codes[-1]], ")", between=" ")
        name = value_name(node.id, is_data=is_data)
        heads = [f"if {tests[0]}:", *(f"elif {test}:" for test in tests[1:]), "else:"]
        for head, code, inside in zip(heads, codes, blocks, strict=True):
            block.write(head)
            if code != name:
                inside.write(f"{name} = {code}")
            block.lines += inside.lines
        return name

    def _each(self, node: graph.Each, block: Block, *, is_data: bool) -> str:
        step, item, name = self._steps.step_of(node), node.item.id, value_name(node.id, is_data=is_data)
        read = self._atom if may_be_none(node.items) else self.value
        items = self.outcome(node) if step else read(node.items, block)
        loop, around, outside, variable = block.loop(item), self.regions, self.certain, f"i{item}"
        if step is not None:
            self.certain |= self._steps.certain(step.inner[0].hard)
            self.regions, variable = (item, *around), f"v{item}, f{item}, i{item}"
            if step.number not in self._columns:
                variable = f"q{item}"
                loop.write(unpacked(item, variable))
        code = self.value(node.body, loop, is_data=is_data)
        code = self.required(code, node.body, node.body.type, "an item of a list")
        self.certain, self.regions = outside, around
        if not loop.lines:
            listed = spread("[", [code, f"for {variable} in {items}"], "]", between=" ")
            return f"(None if {items} is None else {listed})" if may_be_none(node.items) else listed
        block.write(f"{name} = None if {items} is None else []" if may_be_none(node.items) else f"{name} = []")
        block.write(f"for {variable} in {items}{' or ()' if may_be_none(node.items) else ''}:")
        loop.write(f"{name}.append({code})")
        block.lines += loop.lines
        return name

    def outcome(self, node: Node) -> str:
        """Return where the outcome of a step stands."""
        step = self._steps.step_of(node)
        assert step is not None
        return f"v{'' if step.region is None else step.region}[{step.index}]"

    def _failure(self, step: Step) -> str:
        """Return where the failure of a step stands; nothing where it is an item's, and no item is at hand."""
        if step.region is None:
            return f"f[{step.index}]"
        return f"f{step.region}[{step.index}]" if step.region in self.regions else ""

    @property
    def _frame(self) -> str:
        """What keeps the promises that were broken: the item at hand, or the request."""
        return f"q{self.regions[0]}" if self.regions else "x"

    def _build(self, node: graph.Build, block: Block, *, is_data: bool) -> str:
        facts = shape_facts(node, self._style)
        codes = {name: self._field(facts, name, value, block, is_data=is_data) for name, value in node_fields(node)}
        if is_data and facts.is_plain:
            for name, value in facts.defaults.items():
                codes.setdefault(name, self.styled(type_of_constant(value), self.names.constant(value)))
            entries = [f"{quoted(key)}: {codes[name]}" for name, key in facts.keys.items() if name in codes]
            code = bracketed("{", entries, "}")
            return f"sparse({code})" if self._style.omit_none and facts.may_be_sparse else code
        shape = self.names.hold(node.shape, node.shape.__name__)
        code = f"build({shape}, {bracketed('{', [f'{quoted(name)}: {code}' for name, code in codes.items()], '}')})"
        return self.styled(node.shape, code) if is_data else code

    def styled(self, tp: Type, code: str) -> str:
        """Make data of a value that pydantic would otherwise write in no style of the client's."""
        is_left = self._style.is_plain or not has_fields(tp)
        return code if is_left else f"{self.names.hold(self._style.dumper(tp), 'styled')}({code})"

    def _field(self, facts: ShapeFacts, name: str, value: Node, block: Block, *, is_data: bool) -> str:
        code = self.value(value, block, is_data=is_data and facts.is_plain)
        return self.required(code, value, facts.types[name], f"{facts.shape.__name__}.{name}")

    def _lifted(self, node: graph.Lifted, block: Block) -> str:
        function = node.function
        name = self.names.hold(function.function, function.function.__name__)
        slot = self._shared.get(node.id)
        inner = block if slot is None else block.inner()
        if slot is not None:
            block.write(f"if m[{slot}] is UNSET:")
        arguments: list[str] = []
        for parameter, argument in zip(function.signature.parameters.values(), node.arguments, strict=True):
            place = f"{function.function.__name__}({parameter.name}: {spell(function.hints[parameter.name])})"
            code = self.value(argument, inner)
            code = self.required(code, argument, function.hints[parameter.name], place)
            arguments.append(f"{parameter.name}={code}" if parameter.kind is parameter.KEYWORD_ONLY else code)
        code = f"{name}({', '.join(arguments)})"
        if slot is None:
            return code
        inner.write(f"m[{slot}] = {code}")
        return f"m[{slot}]"
