"""The two ways to run an endpoint: by its plan, or as the coroutine that it is."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from bff.ambassador._timer import Alarm
from bff.declare._endpoint import Endpoint
from bff.declare._exchange import Binding
from bff.declare._scope import RequestScope, entered
from bff.declare._upstream import Upstream
from bff.errors import DeadlineExceeded, RejectedError, UpstreamError
from bff.execute._run import RequestFailed, run
from bff.plan._plan import Plan
from bff.plan._style import Style
from bff.rest._page import Produced


class Planned:
    """Runs a traced endpoint by its plan."""

    def __init__(self, plan: Plan, bindings: Sequence[Binding]) -> None:
        self._plan = plan
        self._bindings = bindings

    async def __call__(self, params: Mapping[str, Any], scope: RequestScope, /) -> Produced:
        """Return the answer as data."""
        outcome = await run(self._plan, self._bindings, params, scope)
        return Produced(outcome.value, outcome.missing)


class Awaited:
    """Runs an `async def` endpoint with its upstreams, under the same deadline as a traced one."""

    def __init__(self, endpoint: Endpoint, upstreams: Mapping[str, Upstream], style: Style) -> None:
        self._function = endpoint.function
        self._profile = endpoint.profile()
        self._upstreams = upstreams
        self._adapter = adapter = TypeAdapter[Any](endpoint.returns)
        self._write = partial(adapter.dump_json, by_alias=True) if style.is_plain else style.writer(endpoint.returns)

    async def __call__(self, params: Mapping[str, Any], scope: RequestScope, /) -> Produced:
        """Return the answer as JSON; raises pydantic's `ValidationError` where it is not what was declared."""
        with entered(scope):
            value = await self._timed(params, scope)
        checked = self._adapter.validate_python(value, from_attributes=True)
        return Produced(self._write(checked))

    async def _timed(self, params: Mapping[str, Any], scope: RequestScope) -> Any:
        alarm = Alarm(asyncio.get_running_loop(), scope.deadline, is_callers=True)
        try:
            value = await self._function(self._profile, **params, **self._upstreams)
        except asyncio.CancelledError as error:
            if alarm.stop():
                late = DeadlineExceeded("the request's deadline passed", upstream="request")
                raise RequestFailed(late) from error
            raise
        except (UpstreamError, RejectedError) as error:
            alarm.stop()
            raise _failed(error, params, scope) from error
        except BaseException:
            alarm.stop()
            raise
        alarm.stop()
        return value


def _failed(error: UpstreamError | RejectedError, params: Mapping[str, Any], scope: RequestScope) -> RequestFailed:
    """Say which call was at fault; its inputs are the endpoint's own where each path value is one of its parameters."""
    failed = scope.failed
    if failed is None or failed.error is not error:
        return RequestFailed(error)
    pairs = zip(failed.operation.parameters, failed.values, strict=True)
    in_path = [value for parameter, value in pairs if parameter.place == "path"]
    is_own = all(value in params.values() for value in in_path)
    return RequestFailed(error, failed.operation, is_own=is_own, is_credentialed=failed.is_credentialed)
