"""What it costs to read what upstreams answer and to write a page: by pydantic alone, and as plans do it."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter

from benchmarks._documents import _documents
from bff import BFF
from bff.declare._graph import Call
from bff.declare._tracing import trace
from bff.plan._demand import demand
from bff.plan._encoding import by_pydantic
from bff.plan._narrow import narrow
from bff.plan._order import Writes
from bff.plan._plan import Plan
from examples.mobile_bff.app import Mobile
from examples.web_bff.app import Web

CALLS: Final = 500
ROUNDS: Final = 15
PAGE: Final = "GET /products/{product_id}"
SHOWN: Final = {"Web": 10, "Mobile": 3}
SKU: Final = "stock/SKU-00001"


def measure(work: Mapping[str, Callable[[], object]], *, rounds: int) -> Mapping[str, float]:
    """Return microseconds of CPU time for each piece of work, the best of rounds in which they take turns."""
    best = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, do in work.items():
            start = time.process_time()
            for _ in range(CALLS):
                do()
            best[name] = min(best[name], time.process_time() - start)
    return {name: seconds / CALLS * 1e6 for name, seconds in best.items()}


def decoders_by_pydantic(plan: Plan) -> list[Callable[[bytes], Any]]:
    """Return what decodes the answers of a plan's calls by pydantic alone, just what is needed of them."""
    traced = trace(plan.endpoint)
    needed = demand(traced, Writes(traced).roots())
    calls = [node for node in traced.nodes if isinstance(node, Call) and node.id in needed]
    return [TypeAdapter[Any](narrow(call.type, needed[call.id], {})).validator.validate_json for call in calls]


def page(plan: Plan, documents: Mapping[str, bytes], *, rounds: int) -> None:
    """Print what the codecs of a product page cost."""
    profile = plan.endpoint.profile.__name__
    names = {"product": "products/1", "stock": SKU, "of_product": f"reviews/1-{SHOWN[profile]}"}
    work: dict[str, Callable[[], object]] = {}
    outcomes: dict[str, list[Any]] = {"pydantic": [], "plan": []}
    for call, slow in zip(plan.calls, decoders_by_pydantic(plan), strict=True):
        content = documents[names[call.operation.name]]
        for kind, decode in (("pydantic", slow), ("plan", call.decoder.decode)):
            work[f"{kind}: {call.operation.full_name}"] = partial(decode, content)
            outcomes[kind].append(decode(content))
    for kind, encode in (("pydantic", by_pydantic), ("plan", plan.encoder.encode)):
        answer = plan.answer(outcomes[kind], [None] * len(plan.calls), {}, None, [])
        work[f"{kind}: answer"] = partial(encode, answer)
    if work["pydantic: answer"]() != work["plan: answer"]():
        raise SystemExit(f"{plan.endpoint.where} is not written alike")
    cost = measure(work, rounds=rounds)
    total = dict.fromkeys(outcomes, 0.0)
    for name in [name.partition(": ")[2] for name in work if name.startswith("plan")]:
        before, after = cost[f"pydantic: {name}"], cost[f"plan: {name}"]
        total["pydantic"] += before
        total["plan"] += after
        print(f"{plan.endpoint.where:16} {name:20} {before:6.1f} us {after:6.1f} us")
    print(f"{plan.endpoint.where:16} {'all':20} {total['pydantic']:6.1f} us {total['plan']:6.1f} us")


def main(rounds: int = ROUNDS) -> None:
    """Print what the codecs of the example pages cost: by pydantic alone, then as the plan does it."""
    print(f"Python {sys.version.split()[0]}, best of {rounds} x {CALLS}, CPU time: by pydantic alone, by the plan")
    documents = asyncio.run(_documents())
    for plan in BFF(Web, Mobile, observers=()).plans:
        if plan.endpoint.title == PAGE:
            page(plan, documents, rounds=rounds)


if __name__ == "__main__":
    main()
