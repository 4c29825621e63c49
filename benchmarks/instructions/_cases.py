"""The cases: pieces of a request, each done again and again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from benchmarks.contenders.more._bff import Cases
from benchmarks.instructions._canned import connecting_nowhere
from benchmarks.instructions._stage import (
    PRODUCTS,
    NullWire,
    asked,
    fetched,
    product_target,
    reviews_target,
    shelved,
    staged,
    stock_target,
)
from bff import BFF, ClientProfile, Coalescing, FaultInjection, Hedging, RateLimit, Shape, Upstream, endpoint
from bff.ambassador import Ambassador, Context, Request
from bff.ambassador._wires import new_wire
from bff.declare._exchange import exchange
from bff.declare._operation import operations_of
from bff.declare._scope import RequestScope
from bff.execute._run import Outcome, run
from bff.plan._plan import Plan
from examples.mobile_bff.app import Mobile
from examples.services import Catalog, Inventory, Reviews
from examples.web_bff.app import Web

Once: TypeAlias = Callable[[int], Awaitable[object]]
"""Does the work once, for a product."""

REFERENCE: Final = "reference"

_PAGES: Final[Mapping[str, type[ClientProfile]]] = {"web": Web, "mobile": Mobile}
_UPSTREAMS: Final[Mapping[str, type[Upstream]]] = {"product": Catalog, "reviews": Reviews, "stock": Inventory}
_OFF: Final[Mapping[str, object]] = dict.fromkeys(
    ("timeout", "retry", "breaker", "bulkhead", "coalescing", "deadline_header")
)


@dataclass(frozen=True, slots=True)
class Case:
    """A piece of work: `prepare` makes ready what does it `times` times over, and `tolerance` is a share of it."""

    prepare: Callable[[], Awaitable[Once]]
    times: int = 20
    tolerance: float = 0.03


async def _reference() -> Once:
    """Work of the interpreter alone: calls, attributes, containers, text."""

    class Counter:
        def __init__(self) -> None:
            self.seen: dict[str, int] = {}

        def add(self, key: str, number: int) -> int:
            self.seen[key] = self.seen.get(key, 0) + number
            return len(self.seen)

    async def once(number: int) -> object:
        counter = Counter()
        for step in range(200):
            counter.add(f"key-{step % 10}", number * step)
        return sorted(counter.seen.items())

    return once


async def _call(**options: Any) -> Once:
    """One call of an `Ambassador`."""
    options = {"base_url": "http://upstream", **options}
    ambassador = Ambassador(name="upstream", wire=NullWire(await fetched()), **options)

    async def once(number: int) -> object:
        return await ambassador.get(product_target(number))

    return once


async def _wire(document: str) -> Once:
    """One request and its answer over the default wire, on a connection that is kept."""
    documents = await fetched()
    wire = new_wire(None, connect=1.0, verify=True)
    headers = [("accept", "application/json"), ("user-agent", "bff")]
    targets = {number: _targets(documents, number)[document] for number in PRODUCTS}

    with connecting_nowhere(documents) as origin:

        async def once(number: int) -> object:
            answer = await wire.send(Request("GET", origin, targets[number], headers), Context("upstream"))
            assert len(answer.content) == len(documents[targets[number]])
            return answer

        await once(1)
    return once


async def _exchange() -> Once:
    """One call of an operation as a page makes it, answer undecoded."""
    app = await staged(Web)
    product = next(operation for operation in operations_of(Catalog) if operation.name == "product")
    binding = app.upstreams[Catalog].binding(product)

    async def once(number: int) -> object:
        scope = _scope()
        return await exchange(binding, (number,), len, scope=scope, deadline=scope.deadline)

    return once


async def _execute(page: str) -> Once:
    """The run of a plan: its calls are made with every policy off, and decoded."""
    return (await _planned(page))[1]


async def _encode(page: str) -> Once:
    """The writing of an answer."""
    plan, execute = await _planned(page)
    values = {number: (await execute(number)).value for number in PRODUCTS}

    async def once(number: int) -> object:
        return plan.encoder.encode(values[number])

    return once


async def _decode(page: str, document: str) -> Once:
    """The reading of one upstream's answers."""
    plan, _ = await _planned(page)
    decode = next(call.decoder.decode for call in plan.calls if call.operation.owner is _UPSTREAMS[document])
    documents = await fetched()
    bodies = {number: documents[_targets(documents, number, page)[document]] for number in PRODUCTS}

    async def once(number: int) -> object:
        return decode(bodies[number])

    return once


async def _edge() -> Once:
    """A whole app that answers without calling anybody."""

    class Greeting(Shape):
        number: int
        text: str

    class Edge(ClientProfile):
        expose = True

        @endpoint.get("/greetings/{number}")
        def greeting(self, number: int) -> Greeting:
            return Greeting(number=number, text="hello")

    app = BFF(Edge)

    async def once(number: int) -> object:
        return await asked(app, f"/greetings/{number}")

    return once


async def _page(page: str) -> Once:
    """A whole app with all its defaults that answers with a page of three calls."""
    app = await staged(Web, Mobile)

    async def once(number: int) -> object:
        return await asked(app, f"/{page}/products/{number}")

    return once


async def _large(path: str) -> Once:
    """A whole app with all its defaults that makes something of many parts."""
    app = await staged(Cases, documents=shelved())

    async def once(number: int) -> object:
        return await asked(app, path.format(number))

    return once


async def _flight(followers: int) -> Once:
    """A read, and others like it that wait for its answer."""
    documents = await fetched()
    ambassador = Ambassador(
        name="upstream", wire=NullWire(documents), base_url="http://upstream", coalescing=Coalescing()
    )

    async def once(number: int) -> object:
        target = product_target(number)
        return await asyncio.gather(*(ambassador.get(target) for _ in range(1 + followers)))

    return once


async def _wired(page: str) -> Once:
    """The same over the default wires: all that a page costs, but for the server and the kernel."""
    with connecting_nowhere(await fetched()) as origin:
        app = BFF(Web, Mobile, upstreams=dict.fromkeys(_UPSTREAMS.values(), origin))

        async def once(number: int) -> object:
            return await asked(app, f"/{page}/products/{number}")

        await once(1)
    return once


async def _planned(page: str) -> tuple[Plan, Callable[[int], Awaitable[Outcome]]]:
    """Return the plan of the product page, and what runs it on upstreams that have no policies."""
    profile = _PAGES[page]
    app = await staged(profile, upstreams=dict.fromkeys(_UPSTREAMS.values(), _OFF), observers=())
    plan = next(plan for plan in app.plans if plan.endpoint.route.path == "/products/{product_id}")
    bindings = {
        operation: app.upstreams[operation.owner].binding(operation) for operation in plan.operations if operation.owner
    }

    async def once(number: int) -> Outcome:
        return await run(plan, bindings, {"product_id": number}, _scope(), max_calls=profile.max_calls)

    return plan, once


def _targets(documents: Mapping[str, bytes], number: int, page: str = "web") -> Mapping[str, str]:
    """Return where what there is about a product is to be had."""
    product = product_target(number)
    return {
        "product": product,
        "reviews": reviews_target(number, page),
        "stock": stock_target(documents[product]),
    }


def _scope() -> RequestScope:
    """Return a request that has a second to live."""
    now = asyncio.get_running_loop().time()
    return RequestScope(now, now, now + 1.0, "0123456789abcdef0123456789abcdef", {}, {})


_EVERYTHING: Final[Mapping[str, Any]] = {
    "base_url": [f"http://10.0.0.{number}" for number in (1, 2, 3)],
    "coalescing": Coalescing(),
    "hedging": Hedging("p95"),
    "rate_limit": RateLimit(1e9),
    "fault": FaultInjection(1.0),
}

CASES: Final[Mapping[str, Case]] = {
    REFERENCE: Case(_reference),
    "onion/off": Case(partial(_call, **_OFF), times=100),
    "onion/ambassador": Case(_call, times=100),
    "onion/upstream": Case(partial(_call, coalescing=Coalescing()), times=100),
    "onion/all": Case(partial(_call, **_EVERYTHING), times=100),
    **{f"wire/{document}": Case(partial(_wire, document)) for document in ("product", "stock")},
    "exchange": Case(_exchange, times=100),
    **{f"executor/{page}": Case(partial(_execute, page)) for page in _PAGES},
    **{
        f"decode/{page}/{document}": Case(partial(_decode, page, document), times=100)
        for page in _PAGES
        for document in _UPSTREAMS
    },
    **{f"encode/{page}": Case(partial(_encode, page), times=100) for page in _PAGES},
    "edge": Case(_edge),
    **{f"page/{page}": Case(partial(_page, page)) for page in _PAGES},
    **{f"flight/{followers}": Case(partial(_flight, followers)) for followers in (0, 7)},
    "join/batched": Case(partial(_large, "/joined/{}")),
    "join/each": Case(partial(_large, "/joined-singly/{}"), times=10),
    "fan-out/30": Case(partial(_large, "/fan/30/{}"), times=10),
    **{f"page/{page}/wired": Case(partial(_wired, page)) for page in _PAGES},
}
