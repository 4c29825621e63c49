"""Send every try to one of several addresses, and say of it how the try ended."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

from bff.ambassador._cluster import Cluster
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._member import Member
from bff.ambassador._retry_after import retry_after
from bff.ambassador._verdict import verdict
from bff.errors import UpstreamError

if TYPE_CHECKING:
    from bff.ambassador._refresher import Refresher

__all__ = ["balancing"]

_CLIENT_ERRORS: Final = 400  # and above
_ASKS_FOR_PATIENCE: Final = frozenset({429, 503})


def balancing(
    cluster: Cluster, refresher: "Refresher | None" = None, *, clock: Callable[[], float], penalty: float
) -> Layer:
    """
    Choose an address for every try; `penalty` is how many seconds a failure counts as, at least.

    What says nothing about the address is neutral: a cancellation, the caller's own deadline, our own refusals. A
    `refresher` is what finds the addresses; a try before there are any waits for it.
    """
    is_timed, pick = cluster.is_timed, cluster.balancer.pick
    referee = _Referee(cluster, clock, penalty)

    def layer(send: Send) -> Send:
        async def balanced(request: Request, context: Context) -> Response:
            if refresher is not None and not refresher.is_ready():
                await refresher.ready(context)
            start = 0.0
            # Where all get tries and nobody counts latencies, nothing here depends on the time.
            if is_timed or cluster.changes_at < inf:
                start = clock()
                cluster.advance(start)
            if context.tried is None:
                # By itself and not in a list, which few calls need: those that are answered at once do not.
                member = context.tried = pick(cluster.usable, start)
            else:
                member = cluster.another(context, start)
            told = Request(request.method, member.origin, request.target, request.headers, request.content, member.host)
            member.active += 1
            try:
                response = await send(told, context)
            except UpstreamError:
                referee.failed(member, None, start)
                raise
            finally:
                member.active -= 1
            if is_timed or member.is_troubled or response.status >= _CLIENT_ERRORS:
                referee.judge(member, response, context, start)
            else:
                member.calls += 1
            return response

        return balanced

    return layer


@dataclass(frozen=True, slots=True)
class _Referee:
    """Says what a try means for its address."""

    cluster: Cluster
    clock: Callable[[], float]
    penalty: float

    def failed(self, member: Member, status: int | None, start: float) -> None:
        """Take a failure, `None` one without an answer."""
        now = self.clock()
        took = now - start if self.cluster.is_timed else 0.0
        self.cluster.failed(member, status, max(took, self.penalty), now)

    def judge(self, member: Member, response: Response, context: Context, start: float) -> None:
        """Take an answer, which may speak for its address or not."""
        status = response.status
        is_well = verdict(status)
        if is_well is False:
            self.failed(member, status, start)
        elif is_well:
            now = self.clock()
            self.cluster.succeeded(member, now - start, now)
        else:
            # No failure, but it counts as slow as one: what refuses at once must not look like the best.
            self.cluster.refused(member, self.penalty, self.clock())
        asked = retry_after(response.headers) if status in _ASKS_FOR_PATIENCE else None
        if asked is not None:
            context.can_move = self.cluster.parked(member, asked, self.clock())
