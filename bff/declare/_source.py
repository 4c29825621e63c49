"""Read the source of what a trace ran: find the mistakes that a trace cannot see, and the places of declarations."""

import ast
import builtins
import inspect
import linecache
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import CodeType, FunctionType
from typing import TypeAlias, cast

from bff.declare._screen import TYPE_TESTS, may_decide, may_drop
from bff.declare._watch import Ran
from bff.errors import Problem

_Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Definitions: TypeAlias = dict[tuple[int, str], list[_Definition]]
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

_INSTEAD = "lift a plain function with @derived, or make the endpoint `async def`"
_UNUSED = "use its value, or drop the line; what has to happen is a write, in an endpoint that is no GET"


def class_place(cls: type, attribute: str) -> tuple[str, int]:
    """Return file and line of an attribute in the body of a class; `("", 0)` where the source cannot be had."""
    try:
        lines, first = inspect.getsourcelines(cls)
        body = cast("ast.ClassDef", ast.parse(textwrap.dedent("".join(lines))).body[0]).body
    except (OSError, TypeError, SyntaxError):
        return "", 0
    return inspect.getsourcefile(cls) or "", first + _line_in(body, attribute)


def _line_in(body: list[ast.stmt], attribute: str) -> int:
    for statement in body:
        targets: list[ast.expr] = []
        match statement:
            case ast.Assign():
                targets = statement.targets
            case ast.AnnAssign():
                targets = [statement.target]
            case ast.FunctionDef() | ast.AsyncFunctionDef() if statement.name == attribute:
                return statement.lineno - 1
            case _:
                continue
        if any(isinstance(target, ast.Name) and target.id == attribute for target in targets):
            return statement.lineno - 1
    return 0


def source_problems(functions: Mapping[CodeType, Ran], where: str) -> list[Problem]:
    """
    Return what stands in functions that a trace ran and would be decided silently on symbolic values.

    These are identity tests, `match`, type tests, and `try` or `suppress` around what may be a call; everything else
    that needs a real value raises when it is traced.
    """
    found: dict[Problem, None] = {}
    for code, ran in functions.items():
        for definition in definitions(code) if may_decide(code) else ():
            for line, what, mend in _Finder(ran, definition).found():
                found[Problem(what, mend, where, code.co_filename, line)] = None
    return [*found]


def dropped_problems(functions: Mapping[CodeType, Ran], where: str, *, is_read: bool) -> list[Problem]:
    """
    Return the statements that make a value and drop it, and so do nothing.

    In an endpoint that may write that is said of derived functions alone: a write waits for the reads above it.
    """
    found: list[Problem] = []
    for code, ran in functions.items():
        if not may_drop(code):
            continue
        for node in (node for definition in definitions(code) for node in _own_nodes(definition)):
            match node:
                case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if _does_nothing(ran.known.get(name), is_read):
                    what = f"what `{name}` makes is not used: it does nothing"
                    found.append(Problem(what, _UNUSED, where, code.co_filename, node.lineno))
                case _:
                    pass
    return found


def _does_nothing(called: object, is_read: bool) -> bool:
    is_word = type(called) is FunctionType and called.__module__ == "bff.declare._expressions"
    return (is_word and is_read) or type(called).__module__ == "bff.declare._derived"


def definitions(code: CodeType) -> list[_Definition]:
    """Return the text of a function; of several lambdas on one line all, as they cannot be told apart."""
    lines = linecache.getlines(code.co_filename)
    known = _read.get(code.co_filename)
    if known is None or known[0] is not lines:
        # The lines are another list once a file is read again.
        known = _read[code.co_filename] = lines, _functions_in("".join(lines))
    return known[1].get((code.co_firstlineno, code.co_name), [])


def forget_sources() -> None:
    """Let go of what was read: it takes far more memory than the text, and a trace that comes later reads again."""
    _read.clear()
    _nodes.clear()


def has_statements(function: object) -> bool:
    """Say whether the body of a function does anything, as opposed to that of a stub; `False` where it is not known."""
    if not inspect.isfunction(function):
        return False
    bodies = [node.body for node in definitions(function.__code__) if not isinstance(node, ast.Lambda)]
    return any(not _is_empty(statement) for body in bodies for statement in body)


def _is_empty(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Raise() | ast.Expr(value=ast.Constant()):
            return True
        case _:
            return False


_nodes: dict[_Definition, list[ast.AST]] = {}
_read: dict[str, tuple[Sequence[str], _Definitions]] = {}


def _functions_in(text: str) -> _Definitions:
    """Return the functions of a file by their marks."""
    found: _Definitions = {}
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, _SCOPES):
                found.setdefault(_mark(node), []).append(node)
    return found


def _mark(node: _Definition) -> tuple[int, str]:
    """Return the line and the name that the code of a function bears; decorators are part of it."""
    if isinstance(node, ast.Lambda):
        return node.lineno, "<lambda>"
    return min((node.lineno, *(decorator.lineno for decorator in node.decorator_list))), node.name


def _own_nodes(definition: _Definition) -> Sequence[ast.AST]:
    """Return what stands in a function itself, in the order of the text; functions in it that run are read alone."""
    if definition in _nodes:
        return _nodes[definition]
    found = _nodes[definition] = list[ast.AST]()
    waiting: list[ast.AST] = [*ast.iter_child_nodes(definition)][::-1]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, (*_SCOPES, ast.ClassDef)):
            waiting += [*ast.iter_child_nodes(node)][::-1]
    return found


class _Finder:
    """Follows which local names hold symbolic values, in the order of the text."""

    def __init__(self, ran: Ran, definition: _Definition) -> None:
        self._known = ran.known
        self._lines = ran.lines
        self._nodes = _own_nodes(definition)
        self._symbolic = {*ran.symbolic}

    def found(self) -> Iterator[tuple[int, str, str]]:
        """Yield line, mistake and mend."""
        suspects = [*filter(_is_suspect, self._nodes)]
        if suspects:
            self._learn()
        for node in suspects:
            mistake = self._mistake(node)
            if mistake is not None:
                yield cast("ast.stmt", node).lineno, *mistake

    def _learn(self) -> None:
        """Names bound to anything symbolic are symbolic; go round until no more are found."""
        size = -1
        while size != len(self._symbolic):
            size = len(self._symbolic)
            for node in self._nodes:
                match node:
                    case ast.Assign() if self._is_symbolic(node.value):
                        self._bind(*node.targets)
                    case ast.AnnAssign(value=ast.expr() as value) if self._is_symbolic(value):
                        self._bind(node.target)
                    case ast.NamedExpr() if self._is_symbolic(node.value):
                        self._bind(node.target)
                    case ast.For() | ast.comprehension() if self._is_symbolic(node.iter):
                        self._bind(node.target)
                    case ast.withitem(optional_vars=ast.expr() as name) if self._is_symbolic(node.context_expr):
                        self._bind(name)
                    case _:
                        pass

    def _bind(self, *targets: ast.expr) -> None:
        for target in targets:
            self._symbolic |= {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}

    def _is_symbolic(self, expression: ast.AST) -> bool:
        return any(
            (isinstance(node, ast.Name) and node.id in self._symbolic)
            or (isinstance(node, ast.Call) and self._makes_symbols(node.func))
            for node in ast.walk(expression)
        )

    def _makes_symbols(self, function: ast.expr) -> bool:
        """Say whether what is called is one of our words, or belongs to a class of the user's that is one of ours."""
        while isinstance(function, ast.Attribute):
            function = function.value
        name = function.id if isinstance(function, ast.Name) else ""
        value = self._known.get(name)
        module = getattr(value, "__module__", "") or ""
        is_ours = module.startswith("bff.") or any(base.__module__.startswith("bff.") for base in _bases(value))
        return is_ours and not hasattr(builtins, name)

    def _mistake(self, node: ast.AST) -> tuple[str, str] | None:
        match node:
            case ast.Compare() if any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops) and self._is_symbolic(
                node
            ):
                what = "`is` looks at the symbolic value, not at the real one: it is always decided the same way"
                return what, "ask is_none(value)" if _names_none(node) else "compare with =="
            case ast.Match() if self._is_symbolic(node.subject):
                return "`match` on a symbolic value is always decided the same way", _INSTEAD
            case ast.Call(func=ast.Name(id=name)) if name in TYPE_TESTS and any(map(self._is_symbolic, node.args)):
                return f"`{name}` looks at the symbolic value, not at the real one", _INSTEAD
            case ast.Call(func=ast.Attribute(attr=("is_" | "is_not") as name)) if any(
                map(self._is_symbolic, node.args)
            ):
                return f"`{name}` looks at the symbolic value, not at the real one", "ask is_none(value)"
            case ast.Try() | ast.TryStar() if self._calls_in(node.body):
                what = "`try` around a call catches nothing: the call is made later, when the plan runs"
                return what, "say what may fail: optional(value, default=...)"
            case ast.With() if any(map(_suppresses, node.items)) and self._calls_in(node.body):
                what = "`suppress` around a call catches nothing: the call is made later, when the plan runs"
                return what, "say what may fail: optional(value, default=...)"
            case _:
                return None

    def _calls_in(self, body: list[ast.stmt]) -> bool:
        """Say whether statements make symbolic values, by their text or by what was seen of them."""
        lines = {line for part in body for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)}
        return bool(lines & self._lines) or any(map(self._is_symbolic, body))


def _is_suspect(node: ast.AST) -> bool:
    """Say whether a node is a mistake where its values are symbolic: in most functions none is."""
    match node:
        case ast.Compare():
            return any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        case ast.Call(func=ast.Name(id=name)):
            return name in TYPE_TESTS
        case ast.Call(func=ast.Attribute(attr="is_" | "is_not")):
            return True
        case _:
            return isinstance(node, (ast.Match, ast.Try, ast.TryStar, ast.With))


def _suppresses(item: ast.withitem) -> bool:
    match item.context_expr:
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress")):
            return True
        case _:
            return False


def _names_none(node: ast.Compare) -> bool:
    return any(isinstance(side, ast.Constant) and side.value is None for side in (node.left, *node.comparators))


def _bases(value: object) -> tuple[type, ...]:
    return value.__mro__[:-1] if isinstance(value, type) else ()
