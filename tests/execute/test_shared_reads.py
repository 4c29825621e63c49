"""Requests share the calls that they make at the same time, and none sees a time before what it has written."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx

from bff import BFF, ClientProfile, Retry, Upstream, call, endpoint
from bff.ambassador import Request
from tests.support.shop import get
from tests.support.virtual import run


class Notes(Upstream):
    base_url = "http://notes.test"
    retry = None

    @call.get("/notes")
    def count(self) -> int: ...

    @call.get("/notes/own", retry=Retry(2))
    def count_otherwise(self) -> int: ...

    @call.post("/notes", retry=Retry(3))
    def add(self) -> int: ...

    @call.put("/notes")
    def replace(self) -> int: ...


class Elsewhere(Upstream):
    base_url = "http://elsewhere.test"

    @call.post("/things")
    def add(self) -> int: ...


USER: ContextVar[str] = ContextVar("user")


def as_whoever_asks(_request: Request) -> dict[str, str]:
    """Take the credential from the context of the request that is answered, past all that travels by itself."""
    return {"authorization": USER.get()}


class Own(Upstream):
    base_url = "http://own.test"

    @call.get("/me")
    def me(self) -> str: ...


class Desk(ClientProfile):
    @endpoint.get("/me")
    def me(self) -> str:
        return Own.me()

    @endpoint.get("/notes")
    def notes(self) -> int:
        return Notes.count()

    @endpoint.get("/own")
    def own(self) -> int:
        return Notes.count_otherwise()

    @endpoint.post("/notes")
    def add(self) -> int:
        Notes.add()
        return Notes.count()

    @endpoint.put("/notes")
    def replace(self) -> int:
        return Notes.replace()

    @endpoint.post("/things")
    def elsewhere(self) -> int:
        Elsewhere.add()
        return Notes.count()

    @endpoint.get("/by-hand")
    async def by_hand(self, notes: Notes) -> int:
        return await notes.count()


class Mirror(httpx.AsyncBaseTransport):
    """Answers with who is asking."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers["authorization"])
        await asyncio.sleep(1.0)
        return httpx.Response(200, json=request.headers["authorization"])


@dataclass
class Book(httpx.AsyncBaseTransport):
    """Counts notes; a read tells how many there were when it came, a second later."""

    notes: int = 0
    asked: list[str] = field(default_factory=list[str])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.method)
        if request.method == "GET":
            seen = self.notes
            await asyncio.sleep(1.0)
            return httpx.Response(200, json=seen)
        await asyncio.sleep(0.25)
        self.notes += 1
        return httpx.Response(200, json=self.notes)


def told(*asked: tuple[float, str, str]) -> tuple[list[Any], Book]:
    """Return what each of several requests is told, each sent at a time."""
    book = Book()

    async def main() -> list[Any]:
        app = BFF(Desk, upstreams={kind: {"transport": book} for kind in (Notes, Elsewhere)}, observers=())

        async def ask(at: float, method: str, path: str) -> Any:
            await asyncio.sleep(at)
            reply = await get(app, path, method=method)
            assert reply is not None
            return reply.json()

        return await asyncio.gather(*(ask(*each) for each in asked))

    return run(main()), book


def test_pages_and_endpoints_by_hand_share_a_read() -> None:
    answers, book = told((0.0, "GET", "/notes"), (0.5, "GET", "/by-hand"), (0.75, "GET", "/notes"))
    assert ([0, 0, 0], ["GET"]) == (answers, book.asked)


def test_an_operation_with_policies_of_its_own_shares_with_itself() -> None:
    answers, book = told(*((0.0, "GET", path) for path in ("/notes", "/own", "/own")))
    assert ([0, 0, 0], ["GET", "GET"]) == (answers, book.asked)


def test_a_page_that_writes_sees_what_it_wrote() -> None:
    answers, _ = told((0.0, "GET", "/notes"), (0.25, "POST", "/notes"))
    assert [0, 1] == answers


def test_a_page_that_writes_elsewhere_waits_for_no_read_of_before() -> None:
    """What one service is told another may tell."""
    answers, _ = told((0.0, "GET", "/notes"), (0.25, "POST", "/things"))
    assert [0, 1] == answers


def test_whoever_asks_after_a_write_sees_it_whichever_layers_it_went_through() -> None:
    answers, book = told(
        (0.0, "GET", "/notes"),
        (0.0, "GET", "/own"),
        (0.125, "PUT", "/notes"),
        (0.5, "GET", "/notes"),
        (0.5, "GET", "/own"),
        (0.5, "GET", "/own"),
    )
    assert ([0, 0, 1, 1, 1, 1], 4) == (answers, book.asked.count("GET"))


def test_visitors_whom_only_an_upstreams_auth_tells_apart_get_their_own() -> None:
    mirror = Mirror()

    async def main() -> list[Any]:
        app = BFF(Desk, upstreams={Own: {"transport": mirror, "auth": as_whoever_asks}}, observers=())

        async def ask(user: str) -> Any:
            USER.set(user)
            reply = await get(app, "/me")
            assert reply is not None
            return reply.json()

        return await asyncio.gather(*(ask(user) for user in ("ann", "bob") * 5))

    assert ["ann", "bob"] * 5 == run(main())
    assert ["ann", "bob"] == mirror.asked
