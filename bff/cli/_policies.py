"""How the operations of an app are called."""

from collections.abc import Callable
from typing import Any

from bff.ambassador._policies import Policies
from bff.app import BFF
from bff.declare._operation import Operation


def policies_of(app: BFF) -> Callable[[Operation[..., Any]], Policies]:
    """Return what says how an operation is called in an app."""

    def policies(operation: Operation[..., Any]) -> Policies:
        assert operation.owner is not None
        return app.upstreams[operation.owner].connection.policies_of(operation)

    return policies
