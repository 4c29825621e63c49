"""Which operations stand in for many calls of which others."""

from typing import Any

from bff.declare._operation import Operation, operations_of

__all__ = ["batch_for", "single_of"]


def single_of(operation: Operation[..., Any]) -> Operation[..., Any] | None:
    """Return the operation that a batch stands in for, `None` for one that is no batch."""
    return next((other for other in _beside(operation) if other.name == operation.options.batch_of), None)


def batch_for(operation: Operation[..., Any]) -> Operation[..., Any] | None:
    """Return a batch that stands in for many calls of an operation, if there is one."""
    return next((other for other in _beside(operation) if other.options.batch_of == operation.name), None)


def _beside(operation: Operation[..., Any]) -> list[Operation[..., Any]]:
    return operations_of(operation.owner) if operation.owner else []
