"""Every small change that could be made to a module, one at a time."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Final, TypeAlias, cast

__all__ = ["Key", "Mutant", "mutants_of"]

Variants: TypeAlias = Iterator[tuple[str, ast.AST | None]]

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS: Final = (
    ("min", "max"), ("any", "all"), ("floor", "ceil"), ("append", "appendleft"), ("pop", "popleft"),
    ("add", "discard"), ("bisect_left", "bisect_right"), ("exp", "log"),
)  # fmt: skip
_SWAPS: Final = {**dict(_PAIRS), **{right: left for left, right in _PAIRS}}
_REMOVABLE: Final = (
    ast.Expr, ast.Assign, ast.AugAssign, ast.Return, ast.Raise, ast.Continue, ast.Break, ast.Delete
)  # fmt: skip
_NO_CODE: Final = {"annotation", "returns", "decorator_list", "type_comment", "bases"}


@dataclass(frozen=True, order=True)
class Key:
    """What a mutant is known by, wherever its line moves to; `nth` tells equal ones of a function apart."""

    module: str
    function: str
    operator: str
    before: str
    after: str
    nth: int = 1


@dataclass(frozen=True)
class Mutant:
    """One change, ready to be imported instead of the module."""

    key: Key
    line: int
    code: CodeType


@dataclass(frozen=True)
class _Site:
    """A node, the statement that it stands in, and the way to put another in its place."""

    node: ast.AST
    statement: ast.stmt
    function: str
    put: Callable[[ast.AST], None]
    may_go: bool


def mutants_of(source: str, module: str, path: str) -> Iterator[Mutant]:
    """Yield each change to `source`; the tree is one, changed and mended in turn."""
    tree = ast.parse(source)
    seen: dict[Key, int] = {}
    for site in list(_sites(tree, "")):
        before = _head(site.statement)
        for operator, changed in _variants(site):
            site.put(ast.copy_location(changed or ast.Pass(), site.node))
            after = _head(site.statement if site.node is not site.statement else changed or ast.Pass())
            code = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
            site.put(site.node)
            key = Key(module, site.function, operator, before, after)
            seen[key] = nth = seen.get(key, 0) + 1
            yield Mutant(Key(module, site.function, operator, before, after, nth), site.statement.lineno, code)


def _head(statement: ast.AST) -> str:
    """Return a statement without the statements below it."""
    if isinstance(statement, ast.Try):
        return "; ".join(f"except {ast.unparse(handler.type)}" for handler in statement.handlers if handler.type)
    lines = ast.unparse(statement).split("\n")
    while lines[0].startswith("@"):
        del lines[0]
    return lines[0] if hasattr(statement, "body") else " ".join(line.strip() for line in lines)


def _sites(parent: ast.AST, function: str, statement: ast.stmt | None = None) -> Iterator[_Site]:
    for field, value in ast.iter_fields(parent):
        if field in _NO_CODE:
            continue
        children = cast("list[object]", value) if isinstance(value, list) else [value]
        for index, node in enumerate(children):
            if not isinstance(node, ast.AST) or _is_no_code(node, parent, field):
                continue
            inside = node if isinstance(node, ast.stmt) else statement
            name = function
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{function}.{node.name}".lstrip(".")
            if inside is not None:
                put = _putting(parent, field, index if isinstance(value, list) else None)
                yield _Site(node, inside, name, put, _may_go(node, parent))
            yield from _sites(node, name, inside)


def _putting(parent: ast.AST, field: str, index: int | None) -> Callable[[ast.AST], None]:
    def put(node: ast.AST) -> None:
        if index is None:
            setattr(parent, field, node)
        else:
            getattr(parent, field)[index] = node

    return put


def _may_go(node: ast.AST, parent: ast.AST) -> bool:
    """Say whether a function can do without `node`, which is not so of its last `return`: that one gives `None`."""
    if isinstance(parent, ast.Module | ast.ClassDef):
        return False
    if isinstance(node, ast.Return) and isinstance(parent, ast.FunctionDef):
        return node is not parent.body[-1]
    return isinstance(node, _REMOVABLE) or (isinstance(node, ast.AnnAssign) and node.value is not None)


def _is_no_code(node: ast.AST, parent: ast.AST, field: str) -> bool:
    """Say whether nothing below `node` decides what the module does: imports, names of names, types, texts."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.JoinedStr():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__")]):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Subscript():
            return field == "func"  # `list[float]()`
        case ast.Constant():
            return isinstance(parent, ast.Call) and ast.unparse(parent.func) in {"cast", "TypeVar"}
        case _:
            return False


def _variants(site: _Site) -> Variants:
    """Yield the name of each change with what comes in the node's place, `None` for nothing."""
    if not isinstance(node := site.node, ast.stmt):
        yield from _operators(node)
        yield from _values(node, of_try=isinstance(site.statement, ast.Try))
        return
    yield from _statements(node)
    if site.may_go:
        yield "statement", None


def _operators(node: ast.AST) -> Variants:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=right):
            for other in _COMPARISONS[type(op)]:
                yield "comparison", ast.Compare(left, [other()], right)
        case ast.BinOp(left=left, op=op, right=right):
            yield "arithmetic", ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.BoolOp(op=op, values=values):
            yield "boolean", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for rest in _without_one(values):
                yield "operand", rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "sign", operand
        case _:
            return


def _values(node: ast.AST, *, of_try: bool) -> Variants:
    match node:
        case ast.Constant(value=value):
            for constant in _constants(value):
                yield "constant", ast.Constant(constant)
        case ast.Call(func=func, args=args, keywords=keywords):
            yield from _calls(func, args, keywords)
        case ast.IfExp(body=body, orelse=orelse):
            yield "condition", body
            yield "condition", orelse
        case ast.comprehension(target=target, iter=iterable, ifs=[_, *_], is_async=is_async):
            yield "filter", ast.comprehension(target, iterable, [], is_async)
        case ast.Tuple(elts=[_, _, *_] as elements) if of_try:
            for rest in _without_one(elements):
                yield "exception", ast.Tuple(rest, ast.Load())
        case _:
            return


def _statements(node: ast.stmt) -> Variants:
    match node:
        case ast.If(body=body, orelse=orelse):
            for forced in (True, False):
                yield "condition", ast.If(ast.Constant(forced), body, orelse)
        case ast.While(body=body, orelse=orelse):
            yield "condition", ast.While(ast.Constant(False), body, orelse)
        case ast.For(target=target, body=body, orelse=orelse):
            yield "loop", ast.For(target, ast.Tuple([], ast.Load()), body, orelse)
        case ast.AugAssign(target=target, op=op, value=value):
            yield "arithmetic", ast.AugAssign(target, _ARITHMETIC[type(op)](), value)
            yield "assignment", ast.Assign([target], value)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "return", ast.Return(ast.Constant(None))
        case _:
            return


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _constants(value: object) -> tuple[int | float | str, ...]:
    match value:
        case bool():
            return (not value,)
        case int():
            return value + 1, value - 1
        case float():
            return (value + 1.0, value / 2) if value else (1.0,)
        case str():
            return (f"{value}?",)
        case _:
            return ()


def _calls(func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Variants:
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    other = _SWAPS.get(name)
    if other and isinstance(func, ast.Name):
        yield "swap", ast.Call(ast.Name(other, ast.Load()), args, keywords)
    elif other and isinstance(func, ast.Attribute):
        yield "swap", ast.Call(ast.Attribute(func.value, other, ast.Load()), args, keywords)
    if name in {"min", "max"} and len(args) > 1:
        for rest in _without_one(args):
            yield "operand", rest[0] if len(rest) == 1 else ast.Call(func, rest, keywords)


def _without_one(nodes: list[ast.expr]) -> Iterator[list[ast.expr]]:
    for index in range(len(nodes)):
        yield nodes[:index] + nodes[index + 1 :]
