"""What services write down: numbered records, and which of them was made for which `Idempotency-Key`."""

from collections.abc import Callable
from typing import Annotated, Generic, TypeAlias, TypeVar

from fastapi import Header, HTTPException, Response
from pydantic import BaseModel

__all__ = ["IdempotencyKey", "Ledger"]

R = TypeVar("R", bound=BaseModel)

IdempotencyKey: TypeAlias = Annotated[str | None, Header()]


class Ledger(Generic[R]):
    """
    Records by their number, in memory: a service that starts again has an empty one.

    A request that comes again with the same key gets the record of the first, as it is now. The same key with another
    request is a 422 (draft-ietf-httpapi-idempotency-key-header). What was refused may be tried again with its key.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._records: dict[int, R] = {}
        self._keys: dict[str, tuple[BaseModel, int]] = {}
        self._last = 0

    def find(self, number: int) -> R:
        """Return a record; one that there is not is a 404."""
        if number not in self._records:
            raise HTTPException(404, f"There is no {self.kind} {number}.")
        return self._records[number]

    def write(self, wanted: BaseModel, make: Callable[[int], R], *, key: str | None, response: Response) -> R:
        """Return a new record and set the status to 201, or the one that `key` stands for already, with a 200."""
        if key is not None and key in self._keys:
            asked, number = self._keys[key]
            if asked != wanted:
                raise HTTPException(422, "This Idempotency-Key was used for another request.")
            return self.find(number)
        number = self._last + 1
        record = self._records[number] = make(number)
        self._last = number
        if key is not None:
            self._keys[key] = (wanted, number)
        response.status_code = 201
        return record

    def replace(self, number: int, record: R) -> R:
        """Put another record in the place of one."""
        self._records[number] = record
        return record

    def remove(self, number: int) -> R:
        """Take a record out; its number is not given again."""
        self.find(number)
        return self._records.pop(number)

    def all(self) -> list[R]:
        """Return the records, the oldest first."""
        return [*self._records.values()]
