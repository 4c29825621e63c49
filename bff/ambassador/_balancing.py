"""Send every try to one of several addresses, and say of it how the try ended."""

from dataclasses import dataclass
from math import inf
from typing import Final

from bff.ambassador._cluster import Cluster
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._member import Member
from bff.ambassador._retry_after import retry_after
from bff.ambassador._stream import End, Stream
from bff.ambassador._verdict import verdict
from bff.errors import UpstreamError

__all__ = ["balancing"]

_CLIENT_ERRORS: Final = 400  # and above
_ASKS_FOR_PATIENCE: Final = frozenset({429, 503})


def balancing(cluster: Cluster, *, penalty: float) -> Layer:
    """
    Choose an address for every try, and note it in the context for whoever writes the request.

    `penalty` is how many seconds a failure counts as, at least. What says nothing about the address is neutral: a
    cancellation, the caller's own deadline, our own refusals.
    """
    is_timed, pick = cluster.is_timed, cluster.balancer.pick
    referee = _Referee(cluster, penalty)

    def layer(send: Send) -> Send:
        async def balanced(request: Request, context: Context) -> Response:
            start = 0.0
            # Where all get tries and nobody counts latencies, nothing here depends on the time.
            if is_timed or cluster.changes_at < inf:
                start = context.loop.time()
                cluster.advance(start)
            if context.tried is None:
                # By itself and not in a list, which few calls need: those that are answered at once do not.
                member = context.tried = pick(cluster.usable, start)
            else:
                member = cluster.another(context, start)
            context.address = member
            member.active += 1
            stream: Stream | None = None
            try:
                response = await send(request, context)
                stream = response.stream
            except UpstreamError:
                referee.failed(member, None, context, start)
                raise
            finally:
                if stream is None:
                    member.active -= 1
                else:
                    stream.on_end(referee.end_of(member, context, start))
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
    penalty: float

    def failed(self, member: Member, status: int | None, context: Context, start: float) -> None:
        """Take a failure, `None` one without an answer."""
        now = context.loop.time()
        took = now - start if self.cluster.is_timed else 0.0
        self.cluster.failed(member, status, max(took, self.penalty), now)

    def end_of(self, member: Member, context: Context, start: float) -> End:
        """Return what is told of the end of a streamed body: until then the address is busy with it."""

        def end(error: BaseException | None) -> None:
            member.active -= 1
            if isinstance(error, UpstreamError):
                self.failed(member, None, context, start)

        return end

    def judge(self, member: Member, response: Response, context: Context, start: float) -> None:
        """Take an answer, which may speak for its address or not."""
        status = response.status
        is_well = verdict(status)
        if is_well is False:
            self.failed(member, status, context, start)
        elif is_well:
            now = context.loop.time()
            self.cluster.succeeded(member, now - start, now)
        else:
            # No failure, but it counts as slow as one: what refuses at once must not look like the best.
            self.cluster.refused(member, self.penalty, context.loop.time())
        asked = retry_after(response.headers) if status in _ASKS_FOR_PATIENCE else None
        if asked is not None:
            context.can_move = self.cluster.parked(member, asked, context.loop.time())
