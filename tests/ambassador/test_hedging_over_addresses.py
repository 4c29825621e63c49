"""Hedges and retries where there are several addresses: each try goes to one that has not been tried yet."""

import random

from tenacity import wait_none

from bff import Hedging, LoadBalancing, Retry
from bff.ambassador import Context, Policies, Request, build_onion
from bff.ambassador._addresses import Addresses
from bff.ambassador._cluster import Cluster
from tests.support.racing import Plan, PlannedWire
from tests.support.virtual import run

ORIGINS = ["http://a", "http://b", "http://c"]


def tried(*plans: Plan) -> list[str]:
    """Return the addresses that the tries of one call went to, in their order."""

    async def main() -> list[str]:
        wire = PlannedWire(*plans)
        cluster = Cluster("test", ORIGINS, balancing=LoadBalancing(), outliers=None, random=random.random)
        policies = Policies(hedging=Hedging(0.1), retry=Retry(3, wait=wait_none()))
        onion = build_onion(policies, send=wire.send, name="test", addresses=Addresses(cluster))
        await onion.send(Request("GET", "http://a", "/"), Context("test"))
        assert [0, 0, 0] == [member.active for member in cluster.members]
        return [request.origin for request in wire.requests]

    return run(main())


def test_a_hedge_goes_to_another_address() -> None:
    for _ in range(20):
        first, second = tried(Plan(9.0), Plan(0.02))
        assert first != second


def test_a_retry_after_both_have_failed_goes_to_the_third() -> None:
    for _ in range(20):
        assert sorted(ORIGINS) == sorted(tried(Plan(0.2, 503), Plan(0.3, 503), Plan(0.02)))
