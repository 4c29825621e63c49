"""Behind a sidecar, one switch leaves to it what it does already."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from bff import (
    BFF,
    CircuitBreaker,
    ClientProfile,
    Coalescing,
    DeclarationError,
    Hedging,
    OutlierDetection,
    Retry,
    Timeout,
    Upstream,
    UpstreamUnreachable,
    call,
    endpoint,
)
from bff.ambassador import Ambassador, Context, Policies, Request, build_onion
from bff.cli._explain import draw
from bff.cli._policies import policies_of
from bff.plan._explain import explain
from tests.support.scripted import ScriptedWire, unreachable
from tests.support.virtual import run

KEPT = ("deadline", "bulkhead", "per-try timeout", "wire", "mesh")


class Catalog(Upstream):
    base_url = "http://catalog.test"
    retry = Retry(attempts=5)
    managed_by_mesh = True

    @call.get("/products/{product_id}", retry=Retry(attempts=9))
    def product(self, product_id: int) -> str: ...


class Shop(ClientProfile):
    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> str:
        return Catalog.product(product_id)


def test_a_mesh_has_retries_hedging_breaking_ejection_and_balancing_of_its_own() -> None:
    policies = Policies(
        retry=Retry(7),
        hedging=Hedging(),
        breaker=CircuitBreaker(),
        outliers=OutlierDetection(),
        coalescing=Coalescing(),
        managed_by_mesh=True,
    )
    ours = (policies.retry, policies.hedging, policies.breaker, policies.outliers, policies.balancing)
    assert (None,) * 5 == ours
    assert (Policies().bulkhead, Coalescing()) == (policies.bulkhead, policies.coalescing)
    assert replace(policies, retry=Retry(7)).retry is None
    assert Policies(retry=Retry(7)) == replace(Policies(retry=Retry(7)), managed_by_mesh=False)


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (Timeout(total=2.0), Timeout(total=2.0, per_try=None)),
        (Timeout(total=2.0, per_try=0.5), Timeout(total=2.0, per_try=0.5)),
        (None, None),
    ],
)
def test_one_try_of_ours_has_the_time_that_all_of_the_meshs_have(
    timeout: Timeout | None, expected: Timeout | None
) -> None:
    assert expected == Policies(timeout=timeout, managed_by_mesh=True).timeout


def test_a_call_is_tried_once_and_tells_the_mesh_how_long_it_may_take() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable()])
        onion = build_onion(Policies(Timeout(total=2.0), managed_by_mesh=True), send=wire.send, name="test")
        with pytest.raises(UpstreamUnreachable):
            await onion.send(Request("GET", "http://test", "/"), Context("test"))
        (sent,) = wire.requests
        assert "1995" == dict(sent.headers)["x-envoy-expected-rq-timeout-ms"]
        assert KEPT == onion.layers

    run(main())


def test_an_ambassador_shows_that_a_mesh_is_there() -> None:
    assert repr(Ambassador("http://test", managed_by_mesh=True)).endswith(f": {' > '.join(KEPT)}>")
    assert "mesh" not in repr(Ambassador("http://test"))


def test_an_upstream_is_left_to_a_mesh_by_its_class_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def layers() -> str:
        async with Catalog() as catalog:
            operation: Any = Catalog.product
            assert catalog.connection.policies_of(operation).retry is None
            return repr(catalog)

    assert "deadline > coalesce > bulkhead > per-try timeout > wire > mesh" in asyncio.run(layers())
    monkeypatch.setenv("BFF_CATALOG__MANAGED_BY_MESH", "false")
    assert "mesh" not in repr(Catalog())
    monkeypatch.setenv("BFF_CATALOG__MANAGED_BY_MESH", "perhaps")
    with pytest.raises(DeclarationError, match="BFF_CATALOG__MANAGED_BY_MESH"):
        Catalog()


def test_a_mesh_and_several_addresses_are_one_too_many() -> None:
    with pytest.raises(DeclarationError) as caught:
        BFF(Shop, upstreams={Catalog: ["http://a.test", "http://b.test"]})
    problems = [problem for problem in caught.value.problems if problem.where == "Catalog.managed_by_mesh"]
    assert ["it has several addresses, and its mesh is to choose between them"] == [each.what for each in problems]


def test_a_plan_counts_the_tries_that_are_ours(capsys: pytest.CaptureFixture[str]) -> None:
    app = BFF(Shop, observers=())
    (plan,) = app.plans
    explained = explain(plan, policies_of(app))
    draw(explained, Console(width=200))
    assert 1 == explained.worst_calls
    assert "1 attempt within 5 s, tried again by the mesh" in capsys.readouterr().out
