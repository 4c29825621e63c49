"""The two ways to run an endpoint: by its plan, or as the coroutine that it is."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from bff.ambassador._timer import Alarm
from bff.declare._endpoint import Endpoint
from bff.declare._scope import RequestScope, entered
from bff.declare._upstream import Upstream
from bff.errors import DeadlineExceeded, RejectedError, UpstreamError
from bff.execute._run import Bindings, Outcome, RequestFailed, prepared
from bff.plan._plan import Plan
from bff.plan._style import Style


class Planned:
    """Runs a traced endpoint by its plan."""

    def __init__(self, plan: Plan, bindings: Bindings, *, max_calls: int) -> None:
        self._run = prepared(plan, bindings, max_calls=max_calls)
        self.encode = plan.encoder.encode

    def __call__(self, params: Mapping[str, Any], scope: RequestScope, /) -> Coroutine[Any, Any, Outcome]:
        """Return what makes the answer."""
        return self._run(params, scope)


class Awaited:
    """Runs an `async def` endpoint with its upstreams, under the same deadline as a traced one."""

    def __init__(self, endpoint: Endpoint, upstreams: Mapping[str, Upstream], style: Style) -> None:
        self._function = endpoint.function
        self._profile = endpoint.profile()
        self._upstreams = upstreams
        self._adapter = adapter = TypeAdapter[Any](endpoint.returns)
        self.encode = partial(adapter.dump_json, by_alias=True) if style.is_plain else style.writer(endpoint.returns)
        self._is_read = endpoint.route.method == "GET"

    async def __call__(self, params: Mapping[str, Any], scope: RequestScope, /) -> Outcome:
        """Return the answer; raises pydantic's `ValidationError` where it is not what was declared."""
        with entered(scope):
            value = await self._timed(params, scope)
        return Outcome(self._adapter.validate_python(value, from_attributes=True))

    async def _timed(self, params: Mapping[str, Any], scope: RequestScope) -> Any:
        alarm = Alarm(asyncio.get_running_loop(), scope.deadline, is_callers=True)
        running = self._function(self._profile, **params, **self._upstreams)
        try:
            value = await (running if self._is_read else _to_its_end(running, alarm, scope))
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


async def _to_its_end(running: Coroutine[Any, Any, Any], alarm: Alarm, scope: RequestScope) -> Any:
    """Await an endpoint that may write: once it has, only its deadline cuts it off, and not a client that leaves."""
    task = asyncio.create_task(running)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while scope.has_written and not (task.done() or alarm.rang):
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def _failed(error: UpstreamError | RejectedError, params: Mapping[str, Any], scope: RequestScope) -> RequestFailed:
    """Say which call was at fault; its inputs are the endpoint's own where each path value is one of its parameters."""
    failed = scope.failed
    if failed is None or failed.error is not error:
        return RequestFailed(error)
    pairs = zip(failed.operation.parameters, failed.values, strict=True)
    in_path = [value for parameter, value in pairs if parameter.place == "path"]
    is_own = all(value in params.values() for value in in_path)
    return RequestFailed(error, failed.operation, is_own=is_own, is_credentialed=failed.is_credentialed)
