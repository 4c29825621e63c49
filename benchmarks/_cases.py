"""What is asked: cases as data, each a way of asking for pages and what must come of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks._documents import PRODUCTS

__all__ = ["CASES", "App", "Case"]


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


PAGES: Final = (
    "fastapi_aiohttp",
    "fastapi_httpx",
    "starlette_pyreqwest",
    "fastify_undici",
    "fastify_cockatiel",
    "bff_defaults",
    "bff_granian",
    "bff_off",
)


def _pages(name: str) -> list[str]:
    return [f"/{name}/products/{product_id}" for product_id in PRODUCTS]


CASES: Final = (
    Case("pages", "web", _pages("web"), calls=3, contenders=PAGES, has_rate=True),
    Case("pages", "mobile", _pages("mobile"), calls=3, contenders=PAGES, has_rate=True),
    Case(
        "pages", "hop", [f"/products/{product_id}" for product_id in PRODUCTS], calls=1, contenders=("envoy",),
        has_rate=True,
    ),
)  # fmt: skip
