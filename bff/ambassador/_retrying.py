"""Repeat what failed."""

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._retrier import FINAL, Retrier

__all__ = ["retrying"]


def retrying(retrier: Retrier) -> Layer:
    """
    Repeat what failed up to `attempts` times; the first try runs inline and costs nothing.

    Whatever cannot be repeated ends as it ended: the last answer is returned, the last error raised.
    """
    return lambda send: _Retrying(retrier, send).send


class _Retrying:
    """Sends until an answer is good enough."""

    __slots__ = ("_budget", "_is_judged", "_retrier", "_send", "_statuses")

    def __init__(self, retrier: Retrier, send: Send) -> None:
        self._retrier = retrier
        self._send = send
        # What nearly every answer is asked.
        self._budget = retrier.budget
        self._statuses = retrier.statuses
        self._is_judged = retrier.policy.when is not None

    async def send(self, request: Request, context: Context) -> Response:
        """Send one request."""
        budget = self._budget
        if budget is not None and budget.tokens < budget.burst:
            budget.deposit()
        try:
            response = await self._send(request, context)
        except FINAL:
            raise  # at no cost: while a breaker is open, this is what every call comes to
        except Exception as error:  # noqa: BLE001 - raised again, unless there is another try
            return await self._retrier.again(self._send, request, context, error)
        # Nearly every answer needs no further thought.
        if self._is_judged or response.status in self._statuses:
            return await self._retrier.again(self._send, request, context, response)
        return response
