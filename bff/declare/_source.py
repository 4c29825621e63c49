"""Read the source of endpoints: find the mistakes that a trace cannot see, and the places of declarations."""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from bff.errors import Problem

_INSTEAD = "lift a plain function with @derived, or make the endpoint `async def`"
_TYPE_TESTS = frozenset({"isinstance", "issubclass", "type", "id", "callable", "vars", "dir"})


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


def source_problems(function: Callable[..., Any], where: str) -> list[Problem]:
    """
    Return what stands in a traced endpoint and would be decided silently on symbolic values.

    These are identity tests, `match`, type tests, and `try` around what may be a call; everything else that needs
    a real value raises when it is traced.
    """
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return []
    definition = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)
    if definition is None:
        return []
    finder = _Finder(_outer_names(function), definition)
    file = inspect.getsourcefile(function) or ""
    found = sorted(finder.found(), key=lambda entry: entry[0])
    return [Problem(what, mend, where, file, first + line - 1) for line, what, mend in found]


def _outer_names(function: Callable[..., Any]) -> Mapping[str, object]:
    closure = inspect.getclosurevars(inspect.unwrap(function))
    return {**closure.builtins, **closure.globals, **closure.nonlocals}


class _Finder:
    """Follows which local names hold symbolic values, in the order of the text."""

    def __init__(self, outer: Mapping[str, object], definition: ast.FunctionDef) -> None:
        self._outer = outer
        self._definition = definition
        arguments = definition.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        self._symbolic = {argument.arg for argument in named[1:]}

    def found(self) -> Iterator[tuple[int, str, str]]:
        """Yield line, mistake and mend."""
        self._learn()
        for node in ast.walk(self._definition):
            mistake = self._mistake(node)
            if mistake is not None:
                yield cast("ast.stmt", node).lineno, *mistake

    def _learn(self) -> None:
        """Names bound to anything symbolic are symbolic; go round until no more are found."""
        size = -1
        while size != len(self._symbolic):
            size = len(self._symbolic)
            for node in ast.walk(self._definition):
                match node:
                    case ast.Assign() if self._is_symbolic(node.value):
                        self._bind(*node.targets)
                    case ast.AnnAssign(value=ast.expr() as value) if self._is_symbolic(value):
                        self._bind(node.target)
                    case ast.NamedExpr() if self._is_symbolic(node.value):
                        self._bind(node.target)
                    case ast.Call() if self._is_symbolic(node):
                        for argument in node.args:
                            if isinstance(argument, ast.Lambda):
                                self._symbolic |= {parameter.arg for parameter in argument.args.args}
                    case _:
                        pass

    def _bind(self, *targets: ast.expr) -> None:
        for target in targets:
            self._symbolic |= {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}

    def _is_symbolic(self, expression: ast.AST) -> bool:
        return any(
            (isinstance(node, ast.Name) and (node.id in self._symbolic or self._makes_symbols(node.id)))
            for node in ast.walk(expression)
        )

    def _makes_symbols(self, name: str) -> bool:
        value = self._outer.get(name)
        module = getattr(value, "__module__", "") or ""
        is_ours = module.startswith("bff.") or any(base.__module__.startswith("bff.") for base in _bases(value))
        return is_ours and not hasattr(builtins, name)

    def _mistake(self, node: ast.AST) -> tuple[str, str] | None:
        match node:
            case ast.Compare() if any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops) and self._is_symbolic(
                node
            ):
                what = "`is` looks at the symbolic value, not at the real one: it is always decided the same way"
                return what, "ask is_none(value), or compare with =="
            case ast.Match() if self._is_symbolic(node.subject):
                return "`match` on a symbolic value is always decided the same way", _INSTEAD
            case ast.Call(func=ast.Name(id=name)) if name in _TYPE_TESTS and any(map(self._is_symbolic, node.args)):
                return f"`{name}` looks at the symbolic value, not at the real one", _INSTEAD
            case ast.Try() | ast.TryStar() if any(self._is_symbolic(statement) for statement in node.body):
                what = "`try` around a call catches nothing: the call is made later, when the plan runs"
                return what, "say what may fail: optional(value, default=...)"
            case _:
                return None


def _bases(value: object) -> tuple[type, ...]:
    return value.__mro__[:-1] if isinstance(value, type) else ()
