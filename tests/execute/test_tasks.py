"""A page has tasks only for what is to be waited for side by side, and its own task is never left in doubt by them."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, each, endpoint, optional
from bff.ambassador import Context, Request, Response
from bff.declare._scope import RequestScope
from bff.errors import Overloaded, UpstreamUnreachable
from bff.execute._run import Bindings, Outcome, RequestFailed, prepared
from bff.plan._plan import Plan
from tests.support.virtual import run

FOR_EVER = 1e9


class Thing(BaseModel):
    id: int


class Source(Upstream):
    base_url = "http://source.test"

    @call.get("/{name}")
    def read(self, name: str, given: int = 0) -> Thing: ...

    @call.get("/many/{name}")
    def many(self, name: str) -> list[Thing]: ...

    @call.post("/{name}")
    def write(self, name: str) -> Thing: ...


class Three(Shape):
    a: int
    b: int | None
    c: int | None


class Pages(ClientProfile):
    @endpoint.get("/nothing")
    def nothing(self, number: int) -> int:
        return number

    @endpoint.get("/lone")
    def lone(self) -> int:
        return Source.read("a").id

    @endpoint.get("/chain")
    def chain(self) -> int:
        return Source.read("c", Source.read("b", Source.read("a").id).id).id

    @endpoint.get("/parallel")
    def parallel(self) -> Three:
        return Three(a=Source.read("a").id, b=Source.read("b").id, c=Source.read("c").id)

    @endpoint.get("/product")
    def product(self) -> Three:
        a = Source.read("a")
        return Three(a=a.id, b=optional(Source.read("b", a.id)).id, c=optional(Source.read("c")).id)

    @endpoint.get("/strict")
    def strict(self) -> Three:
        a = Source.read("a")
        return Three(a=a.id, b=Source.read("b", a.id).id, c=Source.read("c").id)

    @endpoint.get("/diamond")
    def diamond(self) -> int:
        top = Source.read("top").id
        return Source.read("bottom", Source.read("left", top).id + Source.read("right", top).id).id

    @endpoint.get("/crossed")
    def crossed(self) -> list[int]:
        """Two of the reads lead to two others each."""
        a, b = Source.read("a").id, Source.read("b").id
        return [Source.read("first", a + b).id, Source.read("second", a * b).id]

    @endpoint.get("/joined")
    def joined(self) -> list[int]:
        return each(Source.many("three"), lambda thing: Source.read("a", thing.id).id)

    @endpoint.post("/orders")
    def order(self) -> int:
        Source.write("a")
        Source.write("b")
        return Source.write("c").id


PAGES: Mapping[str, Plan] = {plan.endpoint.name: plan for plan in BFF(Pages).plans}


@dataclass
class Upstreams:
    """
    Answers each call by its name after a delay, with a failure where there is one.

    `at_end` is what happens besides in the moment in which a call ends.
    """

    delays: Mapping[str, float] = field(default_factory=dict[str, float])
    failures: Mapping[str, Exception] = field(default_factory=dict[str, Exception])
    at_end: Mapping[str, Callable[[], object]] = field(default_factory=dict[str, Callable[[], object]])
    ended: list[str] = field(default_factory=list[str])
    cancelled: list[str] = field(default_factory=list[str])

    async def send(self, request: Request, _: Context) -> Response:
        name = request.target.strip("/").partition("?")[0]
        try:
            await asyncio.sleep(self.delays.get(name, 0.1))
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        self.ended.append(name)
        self.at_end.get(name, int)()
        if name in self.failures:
            raise self.failures[name]
        made = [{"id": number} for number in range(3)] if name.startswith("many") else {"id": len(name)}
        return Response(200, {}, json.dumps(made).encode())

    def bindings(self, plan: Plan) -> Bindings:
        source = BFF(Pages, observers=()).upstreams[Source]
        bindings = {operation: source.binding(operation) for operation in plan.operations}
        for binding in bindings.values():
            binding.send = self.send
        return bindings


async def answer(plan: Plan, upstreams: Upstreams, *, max_calls: int = 100) -> Outcome:
    now = asyncio.get_running_loop().time()
    scope = RequestScope(now, 0.0, now + 10.0, "id", {}, {})
    return await prepared(plan, upstreams.bindings(plan), max_calls=max_calls)({"number": 7}, scope)


def refused() -> UpstreamUnreachable:
    return UpstreamUnreachable("refused", upstream="source")


@pytest.fixture(params=["code", "interpreter"])
def plans(request: pytest.FixtureRequest) -> Mapping[str, Plan]:
    """Return the pages, each of which is answered by the interpreter, or by its code where it has any."""
    if request.param == "code":
        return PAGES
    return {name: replace(plan, straight=None) for name, plan in PAGES.items()}


def test_what_is_nothing_but_reads_has_code_of_its_own() -> None:
    without = {name for name, plan in PAGES.items() if plan.straight is None}
    assert {"nothing", "joined", "order"} == without


@pytest.mark.parametrize(
    ("page", "tasks"),
    [
        ("nothing", 0),
        ("lone", 0),
        ("chain", 0),
        ("parallel", 2),
        ("product", 1),
        ("diamond", 1),
        ("joined", 2),
        # What cancels the request's own task must not cancel a write.
        ("order", 1),
    ],
)
def test_there_is_a_task_only_for_what_stands_beside_something(
    plans: Mapping[str, Plan], page: str, tasks: int
) -> None:
    async def main() -> int:
        made: list[asyncio.Task[Any]] = []

        def factory(loop: asyncio.AbstractEventLoop, coro: Any, **_: Any) -> asyncio.Task[Any]:
            made.append(asyncio.Task(coro, loop=loop))
            return made[-1]

        asyncio.get_running_loop().set_task_factory(factory)
        await answer(plans[page], Upstreams())
        assert all(task.done() for task in made)
        return len(made)

    assert tasks == run(main())


@pytest.mark.parametrize("slowest", ["a", "b", "c"])
def test_the_answer_waits_for_the_slowest_call_whichever_task_makes_it(plans: Mapping[str, Plan], slowest: str) -> None:
    async def main() -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        upstreams = Upstreams(delays={"a": 0.1, "b": 0.2, "c": 0.3, slowest: 0.4})
        return (await answer(plans["parallel"], upstreams)).value, loop.time() - began

    value, duration = run(main())
    assert {"a": 1, "b": 1, "c": 1} == value
    assert pytest.approx(0.4) == duration


@pytest.mark.parametrize("slow", ["a", "b"])
def test_what_several_calls_lead_to_begins_once_the_last_of_them_is_there(plans: Mapping[str, Plan], slow: str) -> None:
    async def main() -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = await answer(plans["crossed"], Upstreams(delays={slow: 0.5}))
        return outcome.value, loop.time() - began

    value, duration = run(main())
    assert [5, 6] == value
    assert pytest.approx(0.6) == duration


@pytest.mark.parametrize(
    ("page", "failing", "hanging"),
    [
        ("strict", "a", ["c"]),
        ("strict", "c", ["a"]),
        ("parallel", "a", ["b", "c"]),
        ("parallel", "b", ["a", "c"]),
        ("parallel", "c", ["a", "b"]),
    ],
)
def test_a_failure_ends_the_request_whichever_tasks_make_the_other_calls(
    plans: Mapping[str, Plan], page: str, failing: str, hanging: list[str]
) -> None:
    """The request's own task makes `a`, so that a failure of another has to reach it there."""
    upstreams = Upstreams(delays=dict.fromkeys(hanging, FOR_EVER), failures={failing: refused()})

    async def main() -> float:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        began = loop.time()
        with pytest.raises(RequestFailed) as caught:
            await answer(plans[page], upstreams)
        assert isinstance(caught.value.error, UpstreamUnreachable)
        assert caught.value.operation is Source.read
        assert 0 == task.cancelling()
        return loop.time() - began

    assert pytest.approx(0.1) == run(main())
    assert ([failing], hanging) == (upstreams.ended, sorted(upstreams.cancelled))


def test_a_mistake_of_ours_beside_the_requests_own_task_is_raised_as_it_is(plans: Mapping[str, Plan]) -> None:
    upstreams = Upstreams(delays={"a": FOR_EVER}, failures={"c": ZeroDivisionError()})

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await answer(plans["product"], upstreams)

    run(main())
    assert ["a"] == upstreams.cancelled


def test_of_two_failures_in_one_moment_the_first_is_told(plans: Mapping[str, Plan]) -> None:
    """`b` and `c` fail in the same turn of the loop, while the request's own task is inside `a`."""
    first, second = refused(), refused()
    upstreams = Upstreams(delays={"a": FOR_EVER}, failures={"b": first, "c": second})

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(RequestFailed) as caught:
            await answer(plans["parallel"], upstreams)
        assert caught.value.error is first
        assert 0 == task.cancelling()

    run(main())
    assert (["b", "c"], ["a"]) == (upstreams.ended, upstreams.cancelled)


@pytest.mark.parametrize("order", ["asked first", "failed first"])
@pytest.mark.parametrize("slow", ["a", "b", "nothing"])
def test_who_asks_to_stop_in_the_moment_of_a_failure_is_heard(plans: Mapping[str, Plan], order: str, slow: str) -> None:
    """Whether the request's own task is inside its first call, its second, or waits for another task."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        upstreams = Upstreams(
            delays={"c": 0.5, slow: FOR_EVER},
            failures={"c": refused()},
            at_end={"c": lambda: task.cancel() if order == "asked first" else loop.call_soon(task.cancel)},
        )
        task = loop.create_task(answer(plans["strict"], upstreams))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 1 == task.cancelling()
        assert ([] if slow == "nothing" else [slow]) == upstreams.cancelled

    run(main())


@pytest.mark.parametrize("after", [0.05, 0.15, 0.25])
def test_who_asks_to_stop_stops_every_call(plans: Mapping[str, Plan], after: float) -> None:
    """Whether the request's own task is inside its first call, its second, or waits for another task."""

    async def main() -> None:
        upstreams = Upstreams(delays={"c": FOR_EVER})
        task = asyncio.create_task(answer(plans["product"], upstreams))
        asyncio.get_running_loop().call_later(after, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {0.05: {"a", "c"}, 0.15: {"b", "c"}, 0.25: {"c"}}[after] == {*upstreams.cancelled}
        assert [asyncio.current_task()] == [*asyncio.all_tasks()]

    run(main())


def test_a_request_that_was_to_stop_before_is_not_taken_to_stop_again(plans: Mapping[str, Plan]) -> None:
    """A task may go on after it was cancelled: what ends the request inside it is told apart all the same."""

    async def main() -> None:
        async def reluctant() -> None:
            try:
                await asyncio.sleep(FOR_EVER)
            except asyncio.CancelledError:
                upstreams = Upstreams(delays={"a": FOR_EVER}, failures={"c": refused()})
                with pytest.raises(RequestFailed):
                    await answer(plans["strict"], upstreams)

        task = asyncio.create_task(reluctant())
        await asyncio.sleep(0)
        task.cancel()
        await task
        assert 1 == task.cancelling()

    run(main())


def test_what_is_optional_gives_way_in_whichever_task_it_was_asked_for(plans: Mapping[str, Plan]) -> None:
    """`b` is asked for in the request's own task, and `c` in another."""
    upstreams = Upstreams(failures={"b": refused(), "c": refused()})

    async def main() -> Outcome:
        return await answer(plans["product"], upstreams)

    assert Outcome({"a": 1, "b": None, "c": None}, (("b", "unreachable"), ("c", "unreachable"))) == run(main())


def test_writes_come_to_their_end_when_the_request_is_asked_to_stop_in_the_midst_of_them() -> None:
    async def main() -> list[str]:
        upstreams = Upstreams()
        task = asyncio.create_task(answer(PAGES["order"], upstreams))
        asyncio.get_running_loop().call_later(0.05, task.cancel)
        asyncio.get_running_loop().call_later(0.15, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [] == upstreams.cancelled
        return upstreams.ended

    assert ["a", "b", "c"] == run(main())


@pytest.mark.parametrize("page", ["parallel", "chain"])
def test_calls_past_those_that_a_request_may_make_fail(plans: Mapping[str, Plan], page: str) -> None:
    async def main() -> None:
        with pytest.raises(RequestFailed) as caught:
            await answer(plans[page], Upstreams(), max_calls=2)
        assert isinstance(caught.value.error, Overloaded)

    run(main())
