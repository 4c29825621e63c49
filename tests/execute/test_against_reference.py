"""Random pages, run by their plans, give what a small sequential interpreter gives, and make the calls it makes."""

import asyncio
import os
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import httpx
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from bff import BFF
from bff.errors import DeclarationError, Problem
from tests.support.outlook import Outlook
from tests.support.pages import WRITES, Page, Source, profile_of, writes
from tests.support.random_pages import pages
from tests.support.reference import Identity, Reference, World
from tests.support.shop import Reply, get
from tests.support.virtual import run

CASES = int(os.environ.get("BFF_REFERENCE_CASES", "400"))
"""How many pages are tried; a longer search sets more in the environment."""

OPERATIONS = ("number", "flag", "entries", "part", "parts", *WRITES)
FAILURES = st.dictionaries(
    st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 3)),
    st.tuples(st.integers(0, 3), st.sampled_from((500, 404))),
    max_size=4,
)
DELAYS = st.lists(st.sampled_from((0.0, 0.01, 0.1, 0.25, 0.5)), min_size=5, max_size=5)


@dataclass
class Seen:
    """A call as the upstream saw it: when it began and ended in the order of all that happened; 0 if cut short."""

    operation: str
    name: int
    arguments: tuple[int, ...]
    begun: int
    at: float
    ended: int = 0

    @property
    def is_write(self) -> bool:
        return self.operation in WRITES


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Answers as a world does, each call after a delay of its own."""

    world: World
    delays: list[float]
    seen: list[Seen] = field(default_factory=list[Seen])
    events: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _, operation, *rest = request.url.path.split("/")
        query = request.url.params
        name = 0 if operation in {"part", "parts"} else int(rest[0])
        given = {"part": rest, "parts": query.get_list("keys")}.get(operation) or [query["a"]]
        arguments = tuple(map(int, given))
        self.events += 1
        call = Seen(operation, name, arguments, self.events, asyncio.get_running_loop().time())
        self.seen.append(call)
        await asyncio.sleep(self.delays[(name + len(operation) + sum(arguments)) % len(self.delays)])
        self.events += 1
        call.ended = self.events
        return self._answer(operation, name, arguments)

    def _answer(self, operation: str, name: int, arguments: tuple[int, ...]) -> httpx.Response:
        world, call = self.world, (operation, name, arguments[0])
        status = world.status((operation, 0, 0) if operation == "parts" else call)
        if status != 200:
            return httpx.Response(status)
        if operation == "entries":
            return httpx.Response(200, json=[{"key": key} for key in world.keys(call)])
        if operation == "part":
            return httpx.Response(200, json=self._part(arguments[0]))
        if operation == "parts":
            there = [key for key in reversed(arguments) if world.status(("part", 0, key)) == 200]
            return httpx.Response(200, json=[self._part(key) for key in there])
        return httpx.Response(200, json={"value": world.answer(call)})

    def _part(self, key: int) -> dict[str, int]:
        return {"key": key, "value": self.world.number(("part", 0, key))}


def nothing(*_: object) -> list[Problem]:
    return []


REFUSED = (
    "`fallback` never comes to what stands after an `optional`",
    "`fallback` gets the same value twice",
    "that does not decide on it",
)


@contextmanager
def rightly_refused() -> Generator[None]:
    """Look for another page where this one is refused for what means little, or may mean two things."""
    try:
        yield
    except DeclarationError as error:
        if all(any(words in problem.what for words in REFUSED) for problem in error.problems):
            reject()
        raise


def asked(page: Page, wire: Wire, *, leave: float | None = None) -> Reply | None:
    method = "POST" if any(map(writes, page.lines)) else "GET"

    async def main() -> Reply | None:
        source = {"transport": wire, "retry": None, "breaker": None, "bulkhead": None, "timeout": None}
        # The text is that of the same few functions for every page, and takes most of the time to read.
        with patch("bff.declare._tracing.source_problems", nothing), rightly_refused():
            app = BFF(profile_of(page), upstreams={Source: source}, observers=())
        reply = await get(app, "/", method=method, leave=leave)
        assert [] == [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        return reply

    return run(main())


def interpreted(page: Page, world: World) -> tuple[Reference, dict[str, Any] | None, set[str]]:
    """Return the interpreter after its run, the answer and the fields of it that are partial."""
    reference = Reference(world, Outlook(page))
    fields = reference.page(page)
    if fields is None:
        return reference, None, set()
    names = {f"f{number}": made for number, made in enumerate(fields)}
    partial = {name for name, made in names.items() if made.has_default}
    return reference, {name: made.value for name, made in names.items()}, partial


def told(wire: Wire) -> tuple[list[Seen], Counter[tuple[Identity, int]], Counter[tuple[int, int]], Counter[int]]:
    """
    Return the writes that were sent, and reads by how many writes had been answered before them.

    Reads are single calls, keys that were asked for in batches, and batches. No read is under way during a write.
    """
    sent = [call for call in wire.seen if call.is_write]
    for before, after in pairwise(sent):
        assert 0 < before.ended < after.begun, "writes come one after another"
    single, keys, batches = Counter[tuple[Identity, int]](), Counter[tuple[int, int]](), Counter[int]()
    for call in (call for call in wire.seen if not call.is_write):
        answered = sum(0 < write.ended < call.begun for write in sent)
        if answered < len(sent):
            assert 0 < call.ended < sent[answered].begun, f"{call} is under way during {sent[answered]}"
        if call.operation == "parts":
            assert len(call.arguments) == len({*call.arguments}) <= 3
            keys.update((key, answered) for key in call.arguments)
            batches[answered] += 1
        else:
            single[(call.operation, call.name, call.arguments[0]), answered] += 1
    return sent, single, keys, batches


def expected_batches(reference: Reference) -> tuple[Counter[tuple[int, int]], Counter[int]]:
    keys, batches = Counter[tuple[int, int]](), Counter[int]()
    for (_, epoch), group in reference.batched.items():
        keys.update((key, epoch) for key in group)
        batches[epoch] += -(-len(group) // 3)
    return keys, batches


CHECKED = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@CHECKED
@given(page=pages(), failing=FAILURES, delays=DELAYS)
def test_a_plan_does_what_the_interpreter_does(
    page: Page, failing: dict[tuple[str, int], tuple[int, int]], delays: list[float]
) -> None:
    world = World(failing)
    reference, answer, partial = interpreted(page, world)
    wire = Wire(world, delays)
    reply = asked(page, wire)
    assert reply is not None
    sent, single, keys, batches = told(wire)
    assert reference.sent == [(call.operation, call.name, call.arguments[0]) for call in sent]
    expected_keys, expected_numbers = expected_batches(reference)
    if answer is None:
        problem = reply.json()
        assert (reply.status, problem["cause"]) in reference.reasons
        assert reference.committed == problem.get("committed", [])
        # What was under way is cut short: nothing is asked twice, and nothing that nobody needs.
        assert single <= reference.calls + reference.possible
        if not reference.is_certain:
            return
        assert keys <= expected_keys
        assert batches <= expected_numbers
        return
    assert (200, answer) == (reply.status, reply.json())
    assert reference.calls <= single <= reference.calls + reference.possible
    if reference.is_certain:
        assert (expected_keys, expected_numbers) == (keys, batches)
    told_partial = {
        path.split(";")[0].split(".")[0] for path in reply.headers.get("bff-partial", "").split(", ") if path
    }
    assert partial == told_partial


@settings(CHECKED, max_examples=CASES)
@given(page=pages(can_write=True), failing=FAILURES, delays=DELAYS, leave=st.integers(0, 150))
def test_a_client_that_leaves_stops_reads_but_no_sequence_of_writes(
    page: Page, failing: dict[tuple[str, int], tuple[int, int]], delays: list[float], leave: int
) -> None:
    world = World(failing)
    reference, *_ = interpreted(page, world)
    wire = Wire(world, delays)
    left = leave / 100 + 0.005
    reply = asked(page, wire, leave=left)
    sent, single, *_ = told(wire)
    if reply is None and not (sent and sent[0].at < 1000.0 + left):
        assert all(call.at < 1000.0 + left for call in wire.seen)
        assert [] == sent
    else:
        assert reference.sent == [(call.operation, call.name, call.arguments[0]) for call in sent]
    assert single <= reference.calls + reference.possible
