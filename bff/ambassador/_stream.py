"""Bodies that are on their way: an answer's, which comes part by part, and a request's, which is sent once."""

import asyncio
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Literal, Protocol, Self, TypeAlias

__all__ = ["End", "Read", "Source", "Stream", "Upload", "UploadFailed", "Whole"]

Read: TypeAlias = Callable[[], Awaitable[bytes]]
"""Returns the next part, which is empty once the body is whole."""

End: TypeAlias = Callable[[BaseException | None], None]
"""Is told how a body ended: `None` if it is whole, `GeneratorExit` if it was left, otherwise what broke it."""


class Source(Protocol):
    """A wire's end of a body. A whole one has given its connection back by itself."""

    async def read(self) -> bytes:
        """Return the next part as it came, empty at the end; raises what the wire does."""
        ...

    async def aclose(self) -> None:
        """Leave the rest, and the connection with it unless everything is there already."""
        ...

    def abandon(self) -> None:
        """Leave the rest without waiting for anything."""
        ...


class Whole:
    """A body that is there already."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self) -> bytes:
        """Return all of it, then nothing."""
        content, self._content = self._content, b""
        return content

    async def aclose(self) -> None:
        """Forget it."""
        self.abandon()

    def abandon(self) -> None:
        """Forget it."""
        self._content = b""


class Stream:
    """
    The body of an answer, part by part and as it was sent: no content coding is undone.

    Whoever has it reads it to its end or closes it. Until then what the layers keep for the call stays taken. `read`
    may be wrapped by a layer, `on_end` tells it when the body has ended, failed or been left.
    """

    __slots__ = ("_ends", "_loop", "_source", "_state", "read")

    def __init__(self, source: Source) -> None:
        self.read: Read = source.read
        self._source = source
        self._ends: list[End] = []
        self._state: Literal["open", "whole", "left"] = "open"
        self._loop = asyncio.get_running_loop()

    def on_end(self, end: End) -> None:
        """Call `end` once, as soon as the body has ended in whatever way."""
        self._ends.append(end)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._state == "whole":
            raise StopAsyncIteration
        if self._state == "left":
            raise RuntimeError("the rest of this body cannot be read: it broke, or was closed before its end")
        try:
            part = await self.read()
        except BaseException as error:
            await self.aclose(error)
            raise
        if not part:
            self._end("whole", None)
            raise StopAsyncIteration
        return part

    async def aclose(self, error: BaseException | None = None) -> None:
        """Leave what has not been read; `error` is why, where it was the body's fault."""
        if self._state == "open":
            self._end("left", GeneratorExit() if error is None else error)
            await self._source.aclose()

    def _end(self, state: Literal["whole", "left"], error: BaseException | None) -> None:
        self._state = state
        ends, self._ends = self._ends, []
        _tell(ends, error)

    def __del__(self) -> None:
        if self._state == "open":
            warnings.warn(
                "a streamed answer was neither read to its end nor closed", ResourceWarning, stacklevel=1, source=self
            )
            # The collector may run in any thread.
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(_abandon, self._source, self._ends)


def _abandon(source: Source, ends: list[End]) -> None:
    source.abandon()
    _tell(ends, GeneratorExit())


def _tell(ends: list[End], error: BaseException | None) -> None:
    for end in ends:
        end(error)


class UploadFailed(Exception):
    """What made a request's body failed; it says nothing about the upstream, whatever `error` is."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Upload:
    """A request's body that can be sent once: asked for a second time it raises `RuntimeError`."""

    __slots__ = ("_parts", "is_started")

    def __init__(self, parts: AsyncIterable[bytes]) -> None:
        self._parts = parts
        self.is_started = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.is_started:
            raise RuntimeError("a streamed body can be sent only once; give bytes where it may have to be repeated")
        self.is_started = True
        parts = aiter(self._parts)
        try:
            async for part in parts:
                yield part
        except UploadFailed:
            raise  # a body within a body
        except Exception as error:
            raise UploadFailed(error) from error
        finally:
            close = getattr(parts, "aclose", None)
            if close is not None:
                await close()
