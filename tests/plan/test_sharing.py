"""Pages that need the same of one operation decode its answers by the same means."""

from pydantic import BaseModel

from bff import Upstream, call
from bff.declare._operation import operations_of
from bff.plan._demand import WHOLE, Demand
from bff.plan._sharing import decoder_of


class Thing(BaseModel):
    id: int
    name: str


class Things(Upstream):
    base_url = "http://things"

    @call.get("/things/{number}")
    def thing(self, number: int) -> Thing: ...

    @call.get("/newest")
    def newest(self) -> Thing: ...


THING, NEWEST = operations_of(Things)


def test_equal_demands_on_one_operation_share_a_decoder() -> None:
    one, other = (Demand(fields={"id": Demand(), "name": WHOLE}), Demand(fields={"name": WHOLE, "id": Demand()}))
    assert decoder_of(THING, one) is decoder_of(THING, other)


def test_other_demands_have_decoders_of_their_own() -> None:
    demands = [WHOLE, Demand(), Demand(fields={"id": WHOLE}), Demand(fields={"name": WHOLE}), Demand(items=WHOLE)]
    assert len({id(decoder_of(THING, demand)) for demand in demands}) == len(demands)


def test_a_demand_that_is_merged_stays_what_it_is() -> None:
    demand = Demand(fields={"id": WHOLE})
    both = demand.merged(Demand(fields={"name": WHOLE}))
    assert ("id", "name") == decoder_of(THING, both).fields
    assert ("id",) == decoder_of(THING, demand).fields


def test_operations_share_nothing_even_where_they_answer_alike() -> None:
    assert decoder_of(THING, WHOLE) is not decoder_of(NEWEST, WHOLE)
