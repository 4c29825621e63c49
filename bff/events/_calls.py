"""What happens to a call and to its tries."""

from dataclasses import dataclass, field

from bff.events._event import Event

__all__ = [
    "AttemptFailed",
    "AttemptFinished",
    "AttemptRejected",
    "AttemptStarted",
    "BudgetExhausted",
    "CallCancelled",
    "CallCoalesced",
    "CallFailed",
    "CallFinished",
    "CallStarted",
    "FaultInjected",
    "HedgeStarted",
    "HedgeWon",
]


@dataclass(frozen=True, slots=True)
class CallStarted(Event):
    """A call to an upstream began; `CallFinished`, `CallFailed` or `CallCancelled` says how it ended."""

    upstream: str
    operation: str
    method: str
    request_id: str
    call: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class CallFinished(Event):
    """A call to an upstream was answered, whatever the status; `attempts` counts all tries."""

    upstream: str
    operation: str
    status: int
    duration: float
    attempts: int
    request_id: str
    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CallFailed(Event):
    """
    A call to an upstream gave no usable answer; `cause` is the token that clients see too.

    `status` is that of the answer, where there was one. One below 500 has been told of as `CallFinished` before: only
    then was its content found to be other than its contract says.
    """

    upstream: str
    operation: str
    cause: str
    detail: str
    duration: float
    attempts: int
    request_id: str
    call: int = field(default=0, compare=False)
    status: int | None = None


@dataclass(frozen=True, slots=True)
class CallCoalesced(Event):
    """
    A read was given the outcome of an equal one that was under way, and sent nothing itself.

    `leader` is the request id of the one that was sent, `leader_call` the number of its call. How the call ended
    follows, with no attempts of its own.
    """

    upstream: str
    operation: str
    request_id: str
    leader: str
    call: int = field(default=0, compare=False)
    leader_call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CallCancelled(Event):
    """Whoever made a call gave it up before it had ended: no failure of the upstream's."""

    upstream: str
    operation: str
    duration: float
    attempts: int
    request_id: str
    call: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Attempt(Event):
    """
    One request on the wire.

    `attempt` counts the call's tries from 1; `kind` is `"first"`, `"retry"` or `"hedge"`. `url` is what is asked for,
    with the query's values masked, `address` the origin that it is asked of, which is another where the upstream's
    name was resolved.
    """

    upstream: str
    operation: str
    attempt: int
    kind: str
    method: str
    url: str
    address: str
    request_id: str
    call: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class AttemptStarted(_Attempt):
    """A request goes out; `AttemptFinished` says what became of it."""


@dataclass(frozen=True, slots=True)
class AttemptFinished(_Attempt):
    """
    A request ended: with an answer of some `status`, or for a `cause`.

    The cause is `"cancelled"` where nobody waited for it any more, which a hedge that lost is too.
    """

    status: int | None
    cause: str
    duration: float


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """
    One try failed; `retry_in` is the pause before the next, `None` where there is no next one.

    `refused` says why there is none: `"attempts"` are used up, the request is `"unrepeatable"`, another try would
    be `"futile"`, there is not enough `"time"`, the `"budget"` is empty (which may be found only after the pause: then
    the try is told of twice), or the `"caller"` repeats it already.
    """

    upstream: str
    operation: str
    attempt: int
    cause: str
    retry_in: float | None
    refused: str = ""
    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class AttemptRejected(Event):
    """
    A layer of ours refused to send a try; `cause` says which.

    It is `"open"` (the breaker), `"overloaded"` (the bulkhead, or our own limit of connections), `"rate-limited"`, or
    the cause of another `RejectedError`. `retry_after` is when it would be sent, in seconds, where that is known.
    """

    upstream: str
    operation: str
    cause: str
    retry_after: float | None
    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class BudgetExhausted(Event):
    """There was reason for another try and no token left for it; `wanted` is `"retry"` or `"hedge"`."""

    upstream: str
    operation: str
    wanted: str
    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class HedgeStarted(Event):
    """A try was late, `delay` seconds after it began, and another was sent beside it; `attempt` is its number."""

    upstream: str
    operation: str
    attempt: int
    delay: float
    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class HedgeWon(Event):
    """A hedge, try number `attempt`, gave the answer; the tries that were still under way have been cancelled."""

    upstream: str
    operation: str
    attempt: int
    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FaultInjected(Event):
    """`FaultInjection` struck: a try was held up for `delay` seconds, answered with `status`, or both."""

    upstream: str
    operation: str
    delay: float
    status: int | None
    call: int = field(default=0, compare=False)
