"""What it costs to run a plan, over upstreams that answer at once or after a turn of the loop: microseconds a page."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, each, endpoint, optional
from bff.ambassador._core import Context, Request, Response, Send
from bff.declare._exchange import exchange
from bff.declare._scope import RequestScope
from bff.execute._run import Bindings, Prepared, prepared
from bff.plan._plan import Plan

PAGES = 2_000
ROUNDS = 9
ANSWER = Response(200, {}, json.dumps({"id": 7, "other": 8}).encode())
ANSWERS = Response(200, {}, json.dumps([{"id": number, "other": 8} for number in range(20)]).encode())


class Thing(BaseModel):
    """What is asked for."""

    id: int
    other: int


class Source(Upstream):
    """What is asked."""

    base_url = "http://source.test"

    @call.get("/things/{number}")
    def thing(self, number: int) -> Thing:
        """Return one thing."""
        ...  # noqa: PIE790 - a body, for type checkers

    @call.get("/lists/{number}")
    def things(self, number: int) -> list[Thing]:
        """Return twenty things."""
        ...  # noqa: PIE790 - a body, for type checkers


class Ids(Shape):
    """What a page shows."""

    first: int
    second: int | None
    third: int | None


class Pages(ClientProfile):
    """A page for each way in which calls can stand to one another."""

    @endpoint.get("/lone")
    def one_call(self) -> int:
        """There is nothing to wait for beside it."""
        return Source.thing(1).id

    @endpoint.get("/chain")
    def three_in_a_row(self) -> int:
        """Each needs the one before it."""
        return Source.thing(Source.thing(Source.thing(1).other).other).id

    @endpoint.get("/beside")
    def three_beside(self) -> Ids:
        """Two of them have tasks of their own."""
        return Ids(first=Source.thing(1).id, second=Source.thing(2).id, third=Source.thing(3).id)

    @endpoint.get("/product")
    def two_in_a_row_one_beside(self) -> Ids:
        """The second needs the first, as on a product page."""
        first = Source.thing(1)
        second, third = optional(Source.thing(first.other)), optional(Source.thing(3))
        return Ids(first=first.id, second=second.id, third=third.id)

    @endpoint.get("/join")
    def one_and_twenty_for_its_items(self) -> list[int]:
        """A join without a batch is the interpreter's."""
        return each(Source.things(1), lambda thing: Source.thing(thing.id).other)


@dataclass(frozen=True)
class Case:
    """A page, and how its upstream answers."""

    plan: Plan
    bindings: Bindings
    run: Prepared


async def at_once(request: Request, _: Context) -> Response:
    """Answer at once."""
    return ANSWERS if request.target.startswith("/lists") else ANSWER


async def after_a_turn(request: Request, _: Context) -> Response:
    """Answer in the next turn of the loop."""
    await asyncio.sleep(0)
    return ANSWERS if request.target.startswith("/lists") else ANSWER


def cases(send: Send) -> Mapping[str, Case]:
    """Return the pages by name, all of their calls sent in one way."""
    app = BFF(Pages, observers=())
    source = app.upstreams[Source]

    def case(plan: Plan) -> Case:
        bindings = {operation: source.binding(operation) for operation in plan.operations}
        for binding in bindings.values():
            binding.send = send
        return Case(plan, bindings, prepared(plan, bindings, max_calls=100))

    return {plan.endpoint.name.replace("_", " "): case(plan) for plan in app.plans}


def new_scope() -> RequestScope:
    """Return the scope of a request that has two seconds."""
    now = asyncio.get_running_loop().time()
    return RequestScope(now, time.perf_counter(), now + 2.0, "id", {}, {})


async def planned(case: Case) -> None:
    """Run a plan."""
    await case.run({}, new_scope())


async def calls_alone(case: Case) -> None:
    """Make as many calls as a plan does, one after another, and nothing else."""
    scope = new_scope()
    for call_ in case.plan.calls:
        binding, decode = case.bindings[call_.operation], call_.decoder.decode
        for _ in range(20 if call_.is_joined else 1):
            await exchange(binding, (1,), decode, scope=scope, deadline=scope.deadline)


async def measure(page: Callable[[Case], Awaitable[None]], case: Case) -> float:
    """Return microseconds of CPU time a page."""
    pages = PAGES // 10 if any(call_.is_joined for call_ in case.plan.calls) else PAGES
    start = time.process_time()
    for _ in range(pages):
        await page(case)
    return (time.process_time() - start) / pages * 1e6


async def best(case: Case, rounds: int) -> tuple[float, float]:
    """Return what a page costs, and what its calls cost alone, the best of several rounds in turns."""
    both = [(await measure(planned, case), await measure(calls_alone, case)) for _ in range(rounds)]
    return min(whole for whole, _ in both), min(alone for _, alone in both)


def main(rounds: int = ROUNDS) -> None:
    """Print what pages cost over their calls."""
    print(f"Python {sys.version.split()[0]}, best of {rounds} x {PAGES} pages, CPU time")
    for how, send in {"at once": at_once, "after a turn": after_a_turn}.items():
        for name, case in cases(send).items():
            whole, alone = asyncio.run(best(case, rounds))
            print(f"{name:30} {how:13} {whole:7.1f} us   {whole - alone:+7.1f} us over the calls alone")


if __name__ == "__main__":
    main()
