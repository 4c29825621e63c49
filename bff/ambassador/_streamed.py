"""An answer as its caller reads it while it comes: parts, decoded or not, text, lines."""

import codecs
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from bff.ambassador._core import Context, Response
from bff.ambassador._decoding import Decoder
from bff.ambassador._stream import Read, Stream, Whole
from bff.errors import ContractViolation

__all__ = ["StreamedResponse"]

_CHARSET: Final = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


class StreamedResponse:
    """
    The head of an answer, and its body while it comes.

    The body can be read once, in one of the ways there are. `max_body` is the most that `aread` takes; reading part by
    part has no limit, and no part grows large, however well it was compressed.
    """

    __slots__ = ("_codings", "_context", "_max_body", "_stream", "headers", "status")

    def __init__(self, response: Response, context: Context, *, max_body: int) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        # A wire that does not stream has the whole body already, and decoded.
        self._stream = Stream(Whole(response.content)) if response.stream is None else response.stream
        self._codings: Mapping[str, str] = {} if response.stream is None else response.headers
        self._context = context
        self._max_body = max_body
        self._stream.on_end(context.count_in)

    async def aiter_raw(self) -> AsyncGenerator[bytes]:
        """Give the parts as they were sent: no content coding is undone."""
        async for part in self._stream:
            yield part

    async def aiter_bytes(self) -> AsyncGenerator[bytes]:
        """Give the parts decoded; raises `ContractViolation` for a coding that is unknown, broken or cut short."""
        decoder = Decoder(self._codings)
        self._stream.read = self._checked(self._stream.read, decoder)
        async for part in self._stream:
            pieces = decoder.feed(part)
            while True:
                try:
                    piece = next(pieces, None)
                except ValueError as error:
                    raise await self._refused(str(error)) from error
                if piece is None:
                    break
                yield piece

    async def aiter_text(self) -> AsyncGenerator[str]:
        """Give the text part by part, in the charset that the answer names (UTF-8 where it names none)."""
        decoder = _text_decoder(self.headers.get("content-type", ""))
        async for part in self.aiter_bytes():
            if text := decoder.decode(part):
                yield text
        if rest := decoder.decode(b"", final=True):
            yield rest

    async def aiter_lines(self) -> AsyncGenerator[str]:
        """Give the text line by line, without the line breaks (LF or CR LF)."""
        begun = ""
        async for text in self.aiter_text():
            *lines, begun = (begun + text).split("\n")
            for line in lines:
                yield line.removesuffix("\r")
        if begun:
            yield begun

    async def aread(self) -> bytes:
        """Return the whole body, decoded; raises `ContractViolation` for one of more than `max_body` bytes."""
        parts: list[bytes] = []
        size = 0
        async for part in self.aiter_bytes():
            size += len(part)
            if size > self._max_body:
                raise await self._refused(f"more than the {self._max_body} bytes of `max_body`")
            parts.append(part)
        return b"".join(parts)

    async def aclose(self) -> None:
        """Leave what has not been read."""
        await self._stream.aclose()

    def _checked(self, read: Read, decoder: Decoder) -> Read:
        """Let a body that ends within its coding end as one that broke."""

        async def checked() -> bytes:
            part = await read()
            if not part and decoder.is_midway:
                raise self._violation("the coded body is cut short")
            return part

        return checked

    async def _refused(self, what: str) -> ContractViolation:
        error = self._violation(what)
        await self._stream.aclose(error)
        return error

    def _violation(self, what: str) -> ContractViolation:
        return ContractViolation(what, upstream=self._context.upstream, operation=self._context.operation)

    def __repr__(self) -> str:
        return f"<StreamedResponse {self.status} of {self._context.upstream}>"


def _text_decoder(content_type: str) -> codecs.IncrementalDecoder:
    named = _CHARSET.search(content_type)
    try:
        return codecs.getincrementaldecoder(named[1] if named else "utf-8")("replace")
    except LookupError:
        return codecs.getincrementaldecoder("utf-8")("replace")
