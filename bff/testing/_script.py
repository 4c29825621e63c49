"""Answer the calls of one test as it says: the most telling rule counts, and of those the last one."""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers

from bff.ambassador import Context, Response
from bff.declare._batch import single_of
from bff.declare._operation import Operation
from bff.errors import UpstreamUnreachable
from bff.testing._content import content_of
from bff.testing._reading import Arguments, Reading, is_many
from bff.testing._rules import Answer, Case, Fault

__all__ = ["Asked", "MakeUp", "NothingFaked", "Script"]

MakeUp = Callable[[Operation[..., Any], Arguments], Any]
"""Makes an answer up for a call that no rule is about; raises `NothingFaked`."""

_NEARLY = 0.9
_MALFORMED = b"<html>Good morning</html>"
_JSON = {"content-type": "application/json"}


class NothingFaked(Exception):
    """There is no answer for a call; the message says why there is none, where there is more to say."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call to be answered; `patience` is how long one try of it may take in seconds, if there is a limit."""

    reading: Reading
    arguments: Arguments
    context: Context
    patience: float | None

    @property
    def operation(self) -> Operation[..., Any]:
        """What is called."""
        return self.reading.operation


@dataclass(slots=True)
class Script:
    """Cases by operation, faults by upstream that come before them, and what makes up the rest."""

    cases: dict[object, list[Case]] = field(default_factory=dict[object, list[Case]])
    faults: Mapping[str, Fault] = field(default_factory=dict[str, Fault])
    make_up: MakeUp | None = None

    def of(self, operation: Operation[..., Any]) -> list[Case]:
        """Return the cases of an operation, to add to."""
        return self.cases.setdefault(operation.identity, [])

    def again(self, faults: Mapping[str, Fault], make_up: MakeUp) -> "Script":
        """Return the same script from its beginning, with other faults, and with nothing that is not faked."""
        return Script(
            {key: [replace(case, turn=0) for case in cases] for key, cases in self.cases.items()}, faults, make_up
        )

    async def respond(self, asked: Asked) -> Response:
        """Answer a call; raises what a wire does, and `NothingFaked`."""
        for case in self._matching(asked):
            play = case.play
            if isinstance(play, Answer):
                return await _answer(case, play, asked)
            if play.kind != "slow":
                return await _fail(play, asked)
            await asyncio.sleep(play.seconds if play.seconds is not None else _NEARLY * (asked.patience or 1.0))
        single = single_of(asked.operation)
        if single is not None and self.cases.get(single.identity):
            return await self._from_singles(single, asked)
        if self.make_up is None:
            raise NothingFaked
        return Response(HTTPStatus.OK, Headers(_JSON), content_of(self.make_up(asked.operation, asked.arguments)))

    def _matching(self, asked: Asked) -> Iterator[Case]:
        """Yield what is said of a call, the most telling first: that with more arguments, then what was said last."""
        fault = self.faults.get(asked.context.upstream)
        if fault is not None:
            yield Case({}, fault)
        cases = [*reversed(self.cases.get(asked.operation.identity, ()))]
        for case in sorted(cases, key=lambda case: -len(case.arguments)):
            if asked.reading.is_match(case.arguments, asked.arguments):
                yield case

    async def _from_singles(self, single: Operation[..., Any], asked: Asked) -> Response:
        """Answer a batch with the answers of the calls that it stands in for; those that there are not are left out."""
        name = next((parameter.name for parameter in asked.operation.parameters if is_many(parameter)), "")
        pairs = zip(asked.arguments.written.get(name, ()), asked.arguments.values.get(name, ()), strict=True)
        answers = await asyncio.gather(*(self._one(single, pair, asked) for pair in pairs))
        found = [answer for answer in answers if answer is not None]
        failed = next((answer for answer in found if answer.status >= HTTPStatus.BAD_REQUEST), None)
        if failed is not None:
            return failed
        headers = found[0].headers if found else Headers(_JSON)
        return Response(HTTPStatus.OK, headers, b"[" + b",".join(answer.content for answer in found) + b"]")

    async def _one(self, single: Operation[..., Any], pair: tuple[str, Any], asked: Asked) -> Response | None:
        written = {p.name: asked.arguments.written.get(p.name) for p in single.parameters}
        values = {p.name: asked.arguments.values.get(p.name) for p in single.parameters}
        own = next(parameter.name for parameter in single.parameters)
        written[own], values[own] = pair
        try:
            answer = await self.respond(replace(asked, reading=Reading(single), arguments=Arguments(written, values)))
        except NothingFaked:
            return None
        return None if answer.status == HTTPStatus.NOT_FOUND else answer


async def _answer(case: Case, answer: Answer, asked: Asked) -> Response:
    value = answer.values[min(case.turn, len(answer.values) - 1)]
    case.turn += 1
    if answer.after:
        await asyncio.sleep(answer.after)
    if callable(value) and not isinstance(value, type):
        value = value(**asked.arguments.values)
        if inspect.isawaitable(value):
            value = await value
    return Response(answer.status, Headers({**_JSON, **answer.headers}), content_of(value))


async def _fail(fault: Fault, asked: Asked) -> Response:
    """Do what a wire sees of a failing upstream."""
    context = asked.context
    match fault.kind:
        case "refused":
            error = UpstreamUnreachable("no connection", upstream=context.upstream, operation=context.operation)
            error.sent = False
            raise error
        case "timeout":
            await asyncio.Event().wait()
        case "malformed":
            return Response(HTTPStatus.OK, Headers({**_JSON, **fault.headers}), _MALFORMED)
        case _:
            pass
    content = content_of({"title": "as the test wants it", "status": fault.status})
    return Response(fault.status, Headers({"content-type": "application/problem+json", **fault.headers}), content)
