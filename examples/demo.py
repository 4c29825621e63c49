"""Show what each client gets: a product, with everything up and with one service dark, a list, and an order."""

import argparse
import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import httpx
from rich.columns import Columns
from rich.console import Console, Group
from rich.json import JSON
from rich.panel import Panel
from rich.text import Text

from examples._processes import Server, ServerError, free_port, running

UPSTREAMS = {"catalog": 9001, "reviews": 9002, "inventory": 9003, "orders": 9004}
CLIENTS = {"web": 8001, "mobile": 8002, "iot": 8003}
LATENCY = "0.02"  # seconds that every upstream answer takes, so that the timings mean something

JSONValue: TypeAlias = "dict[str, JSONValue] | list[JSONValue] | str | float | bool | None"


@dataclass(frozen=True)
class Question:
    """What a client asks; with a `body` it is a POST, with a `key` one that may come again."""

    path: str
    body: JSONValue = None
    key: str = ""

    @property
    def method(self) -> str:
        """Return the method of HTTP."""
        return "GET" if self.body is None else "POST"


PRODUCT = Question("/products/7")
LISTS = {
    "web": Question("/products?limit=4"),
    "mobile": Question("/products"),
    "iot": Question("/products?ids=1&ids=2&ids=3"),
}
PURCHASE = Question("/orders", {"product_id": 7, "quantity": 2, "card": "visa"}, key="5c7f")
DECLINED = Question("/orders", {"product_id": 7, "card": "card-declined"}, key="90ae")


@dataclass(frozen=True)
class Seen:
    """What one client got, and what it took."""

    client: str
    url: str
    response: httpx.Response
    milliseconds: float
    calls: Mapping[str, int]


@dataclass(frozen=True)
class Demo:
    """Where everything listens, by name, and what to talk to it with."""

    upstreams: Mapping[str, str]
    clients: Mapping[str, str]
    http: httpx.AsyncClient
    console: Console

    async def ask(self, name: str, question: Question = PRODUCT) -> Seen:
        """Ask as one client and count the upstream calls that it took."""
        before = await self._requests()
        url = self.clients[name] + question.path
        headers = {"idempotency-key": question.key} if question.key else {}
        start = time.perf_counter()
        response = await self.http.request(question.method, url, json=question.body, headers=headers)
        elapsed = time.perf_counter() - start
        after = await self._requests()
        calls = {
            upstream: after[upstream] - before[upstream] for upstream in after if after[upstream] > before[upstream]
        }
        return Seen(name, url, response, elapsed * 1000, calls)

    async def _requests(self) -> dict[str, int]:
        return {
            name: (await self.http.get(f"{base}/_stats")).json()["requests"] for name, base in self.upstreams.items()
        }

    async def turn(self, upstream: str, **knobs: float | bool) -> None:
        """Set the knobs of one upstream."""
        (await self.http.put(f"{self.upstreams[upstream]}/_knobs", json=knobs)).raise_for_status()

    async def show(self, title: str, *questions: tuple[str, Question]) -> None:
        """Ask as the clients named, or each for the product, and print the answers side by side."""
        asked = questions or [(name, PRODUCT) for name in self.clients]
        seen = [await self.ask(name, question) for name, question in asked]
        width = max(30, self.console.width // len(seen) - 1)
        self.console.print()
        self.console.rule(title)
        self.console.print(Columns([panel(one, width=width) for one in seen]))


def panel(seen: Seen, *, width: int) -> Panel:
    """Return one client's answer: cut, with its size, its time and what it cost upstream."""
    calls = ", ".join(f"{name} {count}" for name, count in seen.calls.items()) or "none"
    facts = Text.assemble(
        (f"{seen.response.status_code}  {len(seen.response.content):,} bytes  {seen.milliseconds:.0f} ms\n", "bold"),
        (f"calls: {calls}\n", "dim"),
    )
    partial = seen.response.headers.get("bff-partial")
    if partial:
        facts.append(f"BFF-Partial: {partial}\n", "yellow")
    body = JSON.from_data(abridged(seen.response.json()), indent=2)
    return Panel(Group(facts, body), title=seen.client, subtitle=seen.url, width=width)


def abridged(value: JSONValue, *, longest: int = 60) -> JSONValue:
    """
    Cut long texts and long lists, so that a page fits on a screen.

    >>> abridged({"name": "Kettle", "sizes": [160, 480, 960]})
    {'name': 'Kettle', 'sizes': [160, '... 2 more']}
    """
    match value:
        case dict():
            return {key: abridged(item, longest=longest) for key, item in value.items()}
        case [first, _, *_]:
            return [abridged(first, longest=longest), f"... {len(value) - 1} more"]
        case str() if len(value) > longest:
            return f"{value[:longest]}..."
        case _:
            return value


async def demonstrate(demo: Demo) -> None:
    """Show the product with everything up and without the reviews, and orders."""
    for name in demo.clients:
        await demo.ask(name)  # the first request opens connections, which is not the point here
    await demo.show("The same product, three clients")
    await demo.turn("reviews", dark=True)
    await demo.show("The reviews service takes requests and never answers")
    await demo.turn("reviews", latency=float(LATENCY))
    await demo.show("Lists joined with stock: one call for all items", *LISTS.items())
    orders = [("web", PURCHASE), ("web", PURCHASE), ("web", DECLINED)]
    await demo.show("An order, the same once more, and one with a card that is declined", *orders)


def servers(upstreams: Mapping[str, int], clients: Mapping[str, int]) -> list[Server]:
    """Return the child processes: the four services in one, and a process for each BFF."""
    shop = Server(
        name="upstreams",
        module="examples.upstreams",
        arguments=[part for name, port in upstreams.items() for part in (f"--{name}", str(port))],
        probes=[f"{local(port)}/_stats" for port in upstreams.values()],
        environment={"LATENCY": LATENCY},
    )
    addresses = {f"BFF_{name.upper()}__BASE_URL": local(port) for name, port in upstreams.items()}
    bffs = [
        Server(
            name=name,
            module="uvicorn",
            arguments=[f"examples.{name}_bff.app:app", "--port", str(port), "--log-level", "warning"],
            probes=[f"{local(port)}/readyz"],
            environment=addresses,
        )
        for name, port in clients.items()
    ]
    return [shop, *bffs]


def local(port: int) -> str:
    """Return the address of a port on this machine."""
    return f"http://127.0.0.1:{port}"


def ports(wanted: Mapping[str, int], console: Console) -> dict[str, int]:
    """Return the wanted ports, or a free one where somebody else listens, and say so."""
    chosen = {name: free_port(port) for name, port in wanted.items()}
    for name, port in chosen.items():
        if port != wanted[name]:
            console.print(f"Port {wanted[name]} is taken: {name} listens on {port}.")
    return chosen


def farewell(demo: Demo) -> None:
    """Say where everything is, and how to play with it."""
    lines = [f"curl -i {base}{PRODUCT.path}" for base in demo.clients.values()]
    lines += [f"curl '{demo.clients[name]}{question.path}'" for name, question in LISTS.items()]
    lines += [f"curl '{base}/search?q=kettle'" for base in demo.clients.values()]
    as_json = "-H 'content-type: application/json' -d"
    lines.append(f"curl {demo.clients['web']}{PURCHASE.path} {as_json} '{json.dumps(PURCHASE.body)}'")
    lines.append(f"curl -X PUT {demo.upstreams['catalog']}/_knobs {as_json} '{{\"error_rate\": 0.3}}'")
    demo.console.print("\nAll of it is still running. Ask it yourself, or make a service misbehave:\n")
    for line in lines:
        demo.console.print(f"  {line}", highlight=False, soft_wrap=True)
    documents = "  ".join(f"{base}/docs" for base in demo.clients.values())
    demo.console.print(f"\nDocumentation: {documents}\nCtrl-C stops everything.", soft_wrap=True)


async def run(console: Console, *, once: bool) -> None:
    """Start everything, show it, and go on serving until told to stop unless `once`."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    upstreams, clients = ports(UPSTREAMS, console), ports(CLIENTS, console)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10.0, trust_env=False))
        if not console.is_terminal:
            console.print("Starting four services and three BFFs ...")
        with console.status("Starting four services and three BFFs ..."):
            await stack.enter_async_context(running(servers(upstreams, clients)))
        demo = Demo(
            {name: local(port) for name, port in upstreams.items()},
            {name: local(port) for name, port in clients.items()},
            http,
            console,
        )
        await demonstrate(demo)
        if not once:
            farewell(demo)
            await asyncio.Event().wait()


def main() -> None:
    """Run the demo from the command line."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="show, stop everything and exit")
    once: bool = parser.parse_args().once
    console = Console()
    if not console.is_terminal:
        console.width = 150
    try:
        asyncio.run(run(console, once=once))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped.")
    except ServerError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
