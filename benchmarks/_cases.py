"""What is asked: cases as data, each a way of asking for pages and what must come of it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from benchmarks._documents import PRODUCTS, SIZES

__all__ = ["CASES", "App", "Case"]

GROWING: Final = ("fan-out", "bodies", "clients", "endpoints")
BULKHEAD: Final = 200  # calls to one upstream, at once and waiting, that `bff` lets through by default


@dataclass(frozen=True)
class App:
    """
    What a contender serves, and upon what.

    `package` is where its code is, `endpoints` how many there are besides the one that is meant, `is_down` whether
    nobody listens where its upstreams should be. `at_once` is for contenders with a bulkhead: its defaults refuse
    what a case asks for, which is its work, but not what the case is about.
    """

    package: str = ""
    endpoints: int = 0
    is_down: bool = False
    at_once: int | None = None


@dataclass(frozen=True)
class Case:
    """
    A way of asking.

    `paths` are asked for in turn. Each makes `calls`: exactly, or at the most where `repeats` says that the same
    things are asked for at the same time and the contender shares answers. `has_rate` adds a fixed rate.
    """

    group: str
    name: str
    paths: Sequence[str]
    calls: int
    contenders: Sequence[str]
    app: App = App()
    clients: int = 16
    repeats: bool = False
    has_rate: bool = False

    @property
    def key(self) -> str:
        """The name in full."""
        return f"{self.group}/{self.name}"

    @property
    def size(self) -> int | None:
        """The number that a case is named for: how much of something there is; `None` where that is not the point."""
        return int(self.name.split()[0]) if self.group in GROWING else None


PAGES: Final = (
    "fastapi_aiohttp",
    "fastapi_httpx",
    "starlette_pyreqwest",
    "fastify_undici",
    "fastify_cockatiel",
    "bff_defaults",
    "bff_interpreted",
    "bff_granian",
    "bff_off",
)
# Beyond the two pages: how costs grow shows with the leanest by hand in both languages and the usual way. httpx would
# take most of the time to say again what it says on the pages; cockatiel, granian and interpreted modules add there
# what they add here.
LEAN: Final = ("fastapi_aiohttp", "starlette_pyreqwest", "fastify_undici", "bff_defaults", "bff_off")

MORE: Final = App("more", at_once=16 * 30)
"""What answers all but the pages; 16 times 30 calls at once are more than a bulkhead lets through by default."""


def _of_products(pattern: str) -> list[str]:
    return [pattern.format(product_id) for product_id in PRODUCTS]


def _pages() -> Iterator[Case]:
    for page in ("web", "mobile"):
        paths = _of_products(f"/{page}/products/{{}}")
        yield Case("pages", page, paths, calls=3, contenders=PAGES, has_rate=True)
    yield Case("pages", "hop", _of_products("/products/{}"), calls=1, contenders=["envoy"], has_rate=True)


def _fans() -> Iterator[Case]:
    """Parallel calls."""
    for parts in (1, 3, 10, 30):
        yield Case("fan-out", str(parts), _of_products(f"/fan/{parts}/{{}}"), calls=parts, contenders=LEAN, app=MORE)


def _bodies() -> Iterator[Case]:
    """One call, all of whose answer is shown; by four clients, as the largest take a while."""
    for size in SIZES:
        paths = _of_products(f"/boxes/{size}/{{}}")
        yield Case("bodies", f"{size} KB", paths, calls=1, contenders=LEAN, app=MORE, clients=4)


def _clients() -> Iterator[Case]:
    """
    The browser's page, asked for by few and by many at once.

    Where there are nearly as many clients as products, two of them may ask for the same.
    """
    for clients in (1, 16, 64, 256):
        app = App(at_once=256 if clients > BULKHEAD else None)
        paths = _of_products("/web/products/{}")
        repeats = clients > len(PRODUCTS) // 2
        yield Case("clients", str(clients), paths, calls=3, contenders=LEAN, app=app, clients=clients, repeats=repeats)


def _joins() -> Iterator[Case]:
    """A list of 100 things, with something for each: in one call for all, or in one for each by four clients."""
    yield Case("join", "batched", _of_products("/joined/{}"), calls=2, contenders=LEAN, app=MORE)
    yield Case("join", "singly", _of_products("/joined-singly/{}"), calls=101, contenders=LEAN, app=MORE, clients=4)


def _endpoints() -> Iterator[Case]:
    """A page of one call in an app of many like it, of which each is asked for."""
    for endpoints in (10, 100, 1000):
        order = random.Random(endpoints).sample(range(endpoints), endpoints)
        paths = [f"/small/{order[at % endpoints]}/{at % len(PRODUCTS) + 1}" for at in range(max(1000, endpoints))]
        app = replace(MORE, endpoints=endpoints)
        yield Case("endpoints", str(endpoints), paths, calls=1, contenders=LEAN, app=app)


def _down() -> Iterator[Case]:
    """The browser's page where nobody listens upstream, and the same where all is well."""
    paths = _of_products("/web/products/{}")
    contenders = [*LEAN, "fastify_cockatiel"]
    yield Case("down", "up", paths, calls=3, contenders=contenders)
    yield Case("down", "down", paths, calls=3, contenders=contenders, app=App(is_down=True))


def _zipf() -> Iterator[Case]:
    """The browser's page where few products are wanted by most, and answers are shared or not."""
    weights = [1 / rank for rank in range(1, len(PRODUCTS) + 1)]
    wanted = random.Random(1).choices(PRODUCTS, weights, k=20_000)
    paths = [f"/web/products/{product_id}" for product_id in wanted]
    contenders = ["fastapi_aiohttp", "starlette_pyreqwest", "fastify_undici", "bff_defaults", "bff_unshared"]
    yield Case("zipf", "64", paths, calls=3, contenders=contenders, clients=64, repeats=True)


CASES: Final = (
    *_pages(), *_fans(), *_bodies(), *_clients(), *_joins(), *_endpoints(), *_down(), *_zipf(),
)  # fmt: skip
