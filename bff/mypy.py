"""Let mypy accept an operation's empty body: `plugins = ["bff.mypy"]`; see `docs/decisions/0002-mypy-plugin.md`."""

from collections.abc import Callable
from typing import Final

from mypy.nodes import CallExpr, Decorator, Expression, MemberExpr, RefExpr, TypeInfo
from mypy.plugin import ClassDefContext, Plugin
from mypy.semanal import is_trivial_body

__all__ = ["plugin"]

UPSTREAM: Final = "bff.declare._upstream.Upstream"
CALL: Final = "bff.declare._call.call"


class _OperationsPlugin(Plugin):
    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        symbol = self.lookup_fully_qualified(fullname)
        is_upstream = symbol is not None and isinstance(symbol.node, TypeInfo) and symbol.node.has_base(UPSTREAM)
        return _accept_empty_bodies if is_upstream else None


def _accept_empty_bodies(context: ClassDefContext) -> None:
    for statement in context.cls.defs.body:
        if (
            isinstance(statement, Decorator)
            and any(_is_call(decorator) for decorator in statement.original_decorators)
            and is_trivial_body(statement.func.body)
        ):
            # mypy reads this flag in one place: whether to report a body that lacks a return.
            statement.func.is_mypy_only = True


def _is_call(decorator: Expression) -> bool:
    callee = decorator.callee if isinstance(decorator, CallExpr) else None
    return isinstance(callee, MemberExpr) and isinstance(callee.expr, RefExpr) and callee.expr.fullname == CALL


def plugin(version: str) -> type[Plugin]:  # noqa: ARG001 - mypy's protocol
    """Return the plugin, whatever the version of mypy."""
    return _OperationsPlugin
