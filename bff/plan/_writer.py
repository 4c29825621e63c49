"""Write readable Python for the expressions of a graph."""

import math
import re
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import Type, spell, type_of_constant
from bff.plan import _runtime
from bff.plan._asking import count_uses, is_looked_at, may_be_none, may_break, node_fields
from bff.plan._block import Block
from bff.plan._layout import bracketed, quoted, spread, tupled
from bff.plan._schedule import Schedule
from bff.plan._shapes import ShapeFacts, models_in, shape_facts
from bff.plan._style import PLAIN, Style, has_fields

_OWN_NAME = re.compile(r"[vfpxm]|[ndie]\d+|inputs_\d+|answer|None|True|False")
"""Names that the generated code gives by itself: no object of the user's may take one."""

_ATOM = re.compile(r"[A-Za-z_]\w*(\[\w+\])?|-?\d+|None|True|False|\[\]")


class Writer:
    """
    Writes functions of the values that a request brings.

    `v` holds the answers of the calls, `f` their failures, `p` the parameters, `x` what else the request says,
    `m` what `@derived` functions returned that more than one function uses.
    """

    def __init__(self, calls: Schedule, shared: Sequence[int], style: Style = PLAIN) -> None:
        self.names: dict[str, object] = dict(_runtime.NAMES)
        self._calls = calls
        self._style = style
        self._shared = {node: slot for slot, node in enumerate(shared)}
        self._uses: Mapping[int, int] = {}
        self._shapely: dict[int, bool] = {}
        self._certain: frozenset[int] = frozenset()

    def inputs(self, number: int) -> str:
        """Return the text of a function that computes the arguments of a call, once what it needs has succeeded."""
        call = self._calls.calls[number]
        operation = call.operation
        certain = self._calls.certain(self._calls.inputs(number).hard)
        block = self._begin(f"inputs_{number}", call.arguments, certain, note=f"  # {operation.full_name}")
        codes: list[str] = []
        for parameter, argument in zip(operation.parameters, call.arguments, strict=True):
            place = f"{operation.full_name}({parameter.name})"
            codes.append(self.required(self._value(argument, block), argument, parameter.annotation, place))
        block.write(f"return {tupled(codes)}")
        return "\n".join(block.lines)

    def answer(self, node: Node, wanted: Type) -> str:
        """Return the text of a function that computes the answer, as plain data ready to be encoded."""
        block = self._begin("answer", [node], self._calls.required)
        is_shape, named = self._holds_shape(node), models_in(wanted)
        code = self.required(self._value(node, block, is_data=is_shape), node, wanted, "the answer")
        code = code if is_shape else self._styled(wanted, code)
        if self._style.is_plain and named and not is_shape and not models_in(node.type) <= named:
            # What a subclass adds to the model that was declared is nobody's to see.
            code = f"{self.hold(TypeAdapter(wanted).dump_python, 'declared')}({code}, mode='json', by_alias=True)"
        block.write(f"return {code}")
        return "\n".join(block.lines)

    def _begin(self, name: str, roots: Sequence[Node], certain: frozenset[int], *, note: str = "") -> Block:
        self._uses, self._certain = count_uses(roots), certain
        return Block(1, [f"def {name}(v, f, p, x, m):{note}"])

    def hold(self, value: object, hint: str) -> str:
        """Return a name by which the code can use an object."""
        stem = re.sub(r"\W", "_", hint)
        name, number = stem, 2
        while _OWN_NAME.fullmatch(name) or self.names.get(name, value) is not value:
            name, number = f"{stem}_{number}", number + 1
        self.names[name] = value
        return name

    def required(self, code: str, node: Node, wanted: Type, place: str) -> str:
        """Guard a value that may be missing at run time, where the type says it may not."""
        if not is_looked_at(node, wanted):
            return code
        hard = sorted(self._calls.needs[node.id].hard)
        operation = self._calls.calls[hard[0]].operation if hard else None
        source = operation.full_name if operation else "the request"
        return f"need({code}, {quoted(place)}, {quoted(source)})"

    def _value(self, node: Node, block: Block, *, is_data: bool = False) -> str:
        if is_data and not self._holds_shape(node):
            return self._styled(node.type, self._value(node, block))
        if isinstance(node, graph.Constant):
            return self._constant(node.value)
        key = (node.id, is_data)
        if key in block.names:
            return block.names[key]
        home = block.home(node)
        if home is not block:
            code = self._bind(node, self._value(node, home, is_data=is_data), home, key)
            block.names[key] = code
            return code
        code = self._write(node, block, is_data=is_data)
        return self._bind(node, code, block, key) if self._uses.get(node.id, 1) > 1 else code

    def _holds_shape(self, node: Node) -> bool:
        """Say whether a value is made of Shapes, so that it is another thing as data than as an object."""
        if node.id not in self._shapely:
            passes_on = isinstance(node, (graph.Listing, graph.OrElse, graph.Optional))
            parts = (node.body,) if isinstance(node, graph.Each) else node.operands if passes_on else ()
            self._shapely[node.id] = isinstance(node, graph.Build) or any(map(self._holds_shape, parts))
        return self._shapely[node.id]

    def _bind(self, node: Node, code: str, block: Block, key: tuple[int, bool]) -> str:
        if _ATOM.fullmatch(code):
            block.names[key] = code
            return code
        name = _name(node, is_data=key[1])
        if code != name:
            block.write(f"{name} = {code}")
        block.names[key] = name
        return name

    def _atom(self, node: Node, block: Block, *, is_data: bool = False) -> str:
        """Return a name for a value that is looked at more than once."""
        key = (node.id, is_data and self._holds_shape(node))
        return self._bind(node, self._value(node, block, is_data=is_data), block, key)

    def _write(self, node: Node, block: Block, *, is_data: bool) -> str:
        match node:
            case graph.Listing():
                return bracketed("[", [self._value(entry, block, is_data=is_data) for entry in node.entries], "]")
            case graph.OrElse():
                return self._or_else(node, block, is_data=is_data)
            case graph.Optional():
                return self._optional(node, block, is_data=is_data)
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
                return f"v[{self._calls.number(node)}]"
            case graph.Item():
                return f"i{node.id}"
            case _:
                return ""

    def _operation(self, node: Node, block: Block) -> str:
        match node:
            case graph.Attribute():
                return self._guarded(node.base, block, f"{{}}.{node.name}")
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
                return f"({self._value(node.value, block)} is None)"
            case graph.Lifted():
                return self._lifted(node, block)
            case _:  # pragma: no cover - every kind of node stands here or above
                raise AssertionError(node)

    def _constant(self, value: object) -> str:
        if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
            return quoted(value)
        return "[]" if value == [] else self.hold(value, f"K_{type(value).__name__}")

    def _guarded(self, base: Node, block: Block, form: str) -> str:
        """Apply `form` to a value, passing `None` on where it may be one."""
        if not may_be_none(base):
            return form.format(self._value(base, block))
        name = self._atom(base, block)
        return f"(None if {name} is None else {form.format(name)})"

    def _binary(self, node: graph.Binary, block: Block) -> str:
        operands = (node.left, node.right)
        codes = [self._atom(side, block) if may_be_none(side) else self._value(side, block) for side in operands]
        guarded = [code for code, side in zip(codes, operands, strict=True) if may_be_none(side)]
        guards = [f"{code} is None" for code in dict.fromkeys(guarded)]
        code = f"{codes[0]} {node.operator} {codes[1]}"
        return f"(None if {' or '.join(guards)} else {code})" if guards else f"({code})"

    def _or_else(self, node: graph.OrElse, block: Block, *, is_data: bool) -> str:
        value = self._atom(node.value, block, is_data=is_data)
        other = block.branch()
        default = self._value(node.default, other, is_data=is_data)
        if not other.lines:
            return f"({default} if {value} is None else {value})"
        name = _name(node, is_data=is_data)
        block.write(f"{name} = {value}")
        block.write(f"if {name} is None:")
        other.write(f"{name} = {default}")
        block.lines += other.lines
        return name

    def _optional(self, node: graph.Optional, block: Block, *, is_data: bool) -> str:
        """Write a value that gives way to its default where a call failed, or where it breaks a promise of its own."""
        doubtful = sorted(self._calls.certain(self._calls.needs[node.value.id].hard) - self._certain)
        can_break = may_break(node.value)
        if not doubtful and not can_break:
            return self._value(node.value, block, is_data=is_data)
        name, taken = _name(node, is_data=is_data), block
        outside, self._certain = self._certain, self._certain | frozenset(doubtful)
        if can_break:
            block.write(f"{name} = UNSET")
        if doubtful:
            block.write(f"if {' and '.join(f'f[{number}] is None' for number in doubtful)}:")
            taken = block.inner()
        if can_break:
            taken.write("try:")
            tried = taken.inner()
            tried.write(f"{name} = {self._value(node.value, tried, is_data=is_data)}")
            taken.write(f"except ContractViolation as e{node.id}:")
            taken.inner().write(f"x.broken[{node.id}] = e{node.id}")
        else:
            taken.write(f"{name} = {self._value(node.value, taken, is_data=is_data)}")
        self._certain = outside
        block.write(f"if {name} is UNSET:" if can_break else "else:")
        other = block.inner()
        other.write(f"{name} = {self._value(node.default, other, is_data=is_data)}")
        block.names[node.id, is_data] = name
        return name

    def _each(self, node: graph.Each, block: Block, *, is_data: bool) -> str:
        items, name = self._value(node.items, block), _name(node, is_data=is_data)
        if may_be_none(node.items):
            items = self._atom(node.items, block)
        loop = block.loop(node.item.id)
        code = self._value(node.body, loop, is_data=is_data)
        code = self.required(code, node.body, node.body.type, "an item of a list")
        if not loop.lines:
            listed = spread("[", [code, f"for i{node.item.id} in {items}"], "]", between=" ")
            return f"(None if {items} is None else {listed})" if may_be_none(node.items) else listed
        block.write(f"{name} = None if {items} is None else []" if may_be_none(node.items) else f"{name} = []")
        block.write(f"for i{node.item.id} in {items}{' or ()' if may_be_none(node.items) else ''}:")
        loop.write(f"{name}.append({code})")
        block.lines += loop.lines
        return name

    def _build(self, node: graph.Build, block: Block, *, is_data: bool) -> str:
        facts = shape_facts(node, self._style)
        codes = {name: self._field(facts, name, value, block, is_data=is_data) for name, value in node_fields(node)}
        if is_data and facts.is_plain:
            for name, value in facts.defaults.items():
                codes.setdefault(name, self._styled(type_of_constant(value), self._constant(value)))
            entries = [f"{quoted(key)}: {codes[name]}" for name, key in facts.keys.items() if name in codes]
            code = bracketed("{", entries, "}")
            return f"sparse({code})" if self._style.omit_none and facts.may_be_sparse else code
        shape = self.hold(node.shape, node.shape.__name__)
        code = f"build({shape}, {bracketed('{', [f'{quoted(name)}: {code}' for name, code in codes.items()], '}')})"
        return self._styled(node.shape, code) if is_data else code

    def _styled(self, tp: Type, code: str) -> str:
        """Make data of a value that pydantic would otherwise write in no style of the client's."""
        is_left = self._style.is_plain or not has_fields(tp)
        return code if is_left else f"{self.hold(self._style.dumper(tp), 'styled')}({code})"

    def _field(self, facts: ShapeFacts, name: str, value: Node, block: Block, *, is_data: bool) -> str:
        code = self._value(value, block, is_data=is_data and facts.is_plain)
        return self.required(code, value, facts.types[name], f"{facts.shape.__name__}.{name}")

    def _lifted(self, node: graph.Lifted, block: Block) -> str:
        function = node.function
        name = self.hold(function.function, function.function.__name__)
        slot = self._shared.get(node.id)
        inner = block if slot is None else block.inner()
        if slot is not None:
            block.write(f"if m[{slot}] is UNSET:")
        arguments: list[str] = []
        for parameter, argument in zip(function.signature.parameters.values(), node.arguments, strict=True):
            place = f"{function.function.__name__}({parameter.name}: {spell(function.hints[parameter.name])})"
            code = self._value(argument, inner)
            code = self.required(code, argument, function.hints[parameter.name], place)
            arguments.append(f"{parameter.name}={code}" if parameter.kind is parameter.KEYWORD_ONLY else code)
        code = f"{name}({', '.join(arguments)})"
        if slot is None:
            return code
        inner.write(f"m[{slot}] = {code}")
        return f"m[{slot}]"


def _name(node: Node, *, is_data: bool) -> str:
    return f"d{node.id}" if is_data else f"n{node.id}"
