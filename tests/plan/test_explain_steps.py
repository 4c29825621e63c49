"""A plan says what is made for each item, what only in a branch, what writes, and what comes before what."""

from io import StringIO

import pytest
from pydantic import BaseModel
from rich.console import Console

from bff import BFF, ClientProfile, Hedging, Upstream, call, each, endpoint, fallback, optional, when
from bff.ambassador import Policies
from bff.cli._explain import draw
from bff.plan._explain import Explanation, explain, mermaid


class Thing(BaseModel):
    id: int
    flag: bool
    parts: list[int]


class Shop(Upstream):
    base_url = "http://shop.test"

    @call.get("/things/{thing_id}")
    def thing(self, thing_id: int) -> Thing: ...

    @call.get("/parts/{part_id}")
    def part(self, part_id: int) -> Thing: ...

    @call.get("/parts", batch_of="part", key="id", max_size=20)
    def parts(self, part_ids: list[int]) -> list[Thing]: ...

    @call.put("/things/{thing_id}")
    def touch(self, thing_id: int) -> Thing: ...


class Page(ClientProfile):
    max_calls = 10

    @endpoint.get("/batched")
    def batched(self) -> list[bool]:
        return each(Shop.thing(1).parts, lambda part: Shop.part(part).flag)

    @endpoint.get("/single")
    def single(self) -> list[bool]:
        return each(Shop.thing(1).parts, lambda part: Shop.thing(part).flag)

    @endpoint.get("/branches")
    def branches(self) -> int:
        return when(Shop.thing(1).flag, Shop.thing(2).id, fallback(Shop.thing(3).id, Shop.part(4).id))

    @endpoint.put("/touched")
    def touched(self) -> int:
        before = optional(Shop.thing(1))
        Shop.touch(1)
        return when(before.flag, Shop.thing(1).id, 0)


def explained(name: str, policies: Policies | None = None) -> Explanation:
    plans = {plan.endpoint.name: plan for plan in BFF(Page, observers=()).plans}
    return explain(plans[name], lambda _: policies or Policies())


def test_a_join_with_a_batch_is_one_call_for_many_items() -> None:
    thing, part = explained("batched").calls
    assert (False, "", 1) == (thing.is_joined, thing.batch, thing.batch_size)
    assert (True, "Shop.parts", 20, "GET /parts") == (part.is_joined, part.batch, part.batch_size, part.request)
    assert ((0,), True) == (part.after, part.is_required)
    assert 6 == explained("batched").worst_calls


def test_a_join_without_one_makes_as_many_calls_as_a_request_may() -> None:
    assert 3 + 9 * 3 == explained("single").worst_calls


def test_calls_in_branches_come_after_the_decision() -> None:
    calls = explained("branches").calls
    assert [False, True, True, True] == [each.is_conditional for each in calls]
    assert [(), (0,), (0,), (0,)] == [each.after for each in calls]
    assert [(), (), (), (2,)] == [each.after_settled for each in calls]
    assert [True, False, False, False] == [each.is_required for each in calls]


def test_writes_come_after_what_stands_above_them() -> None:
    before, touch, after = explained("touched").calls
    assert [False, True, False] == [each.is_write for each in (before, touch, after)]
    assert ((), (0,)) == (touch.after, touch.after_settled)
    assert 1 in after.after


def test_decisions_are_no_boxes_of_their_own_in_a_flowchart() -> None:
    drawn = mermaid(explained("branches"))
    assert 4 == drawn.count('["Shop.')
    assert "c0 --> c1" in drawn


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (Policies(hedging=Hedging("p95")), (3, "p95")),
        (Policies(retry=None, hedging=Hedging(0.2, max=2)), (3, 0.2)),
        (Policies(retry=None), (1, None)),
    ],
)
def test_hedges_are_tries_of_a_call(policies: Policies, expected: tuple[int, float | str | None]) -> None:
    first, *_ = explained("single", policies).calls
    assert expected == (first.attempts, first.hedged_after)


def test_the_tree_says_when_a_call_is_hedged() -> None:
    console = Console(width=200, record=True, file=StringIO())
    draw(explained("single", Policies(hedging=Hedging(0.2))), console)
    assert "at most  3 attempts within 5 s, sent once more after 0.2 s" in console.export_text()
