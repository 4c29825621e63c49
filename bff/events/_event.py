"""What all events are."""

__all__ = ["Event"]


class Event:
    """
    Anything that happened; durations are float seconds.

    `call` is a number that the events of one call have in common, and no other call of the process has; events that
    differ in nothing else are equal. No event holds a header, a body or the value of a query parameter: credentials
    and what belongs to a user are in these.
    """

    __slots__ = ()
