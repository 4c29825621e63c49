"""Who is calling: a FastAPI dependency runs for every page, and its result is `caller` in those that are traced."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from bff import BFF, ClientProfile, DeclarationError, Shape, Upstream, call, caller, derived, endpoint, or_else
from tests.support.http import fetch


class User(BaseModel):
    id: int
    name: str
    city: str | None = None


class Orders(Upstream):
    base_url = "http://orders.test"

    @call.get("/users/{user_id}/orders")
    def of(self, user_id: int) -> list[int]: ...


USERS = {"anna": User(id=7, name="Anna", city="Ulm"), "bert": User(id=8, name="Bert")}


async def identified(x_user: Annotated[str, Header()]) -> User:
    if x_user not in USERS:
        raise HTTPException(401, "who are you?")
    return USERS[x_user]


@derived
def greeting(user: User) -> str:
    return f"Hello {user.name}"


class Greeting(Shape):
    id: int
    city: str
    text: str


class Shop(ClientProfile):
    identify = identified

    @endpoint.get("/me")
    def me(self) -> Greeting:
        return Greeting(id=caller.id, city=or_else(caller.city, "nowhere"), text=greeting(caller))

    @endpoint.get("/orders")
    def orders(self) -> list[int]:
        return Orders.of(caller.id)

    @endpoint.get("/public")
    def public(self) -> int:
        return 1

    @endpoint.get("/awaited")
    async def awaited(self, user: Annotated[User, Depends(identified)]) -> str:
        return user.name


class Anyone(ClientProfile):
    @endpoint.get("/public")
    def public(self) -> int:
        return 1


def orders(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=[int(request.url.path.split("/")[2]), 1])


def shop(profile: type[ClientProfile] = Shop) -> BFF:
    transport = httpx.MockTransport(orders)
    return BFF(profile, upstreams={Orders: {"transport": transport, "retry": None}}, observers=())


def test_a_page_is_made_for_who_is_calling() -> None:
    app = shop()
    assert [
        {"id": 7, "city": "Ulm", "text": "Hello Anna"},
        {"id": 8, "city": "nowhere", "text": "Hello Bert"},
    ] == [fetch(app, "/me", headers={"x-user": user}).json() for user in ("anna", "bert")]


def test_a_call_is_made_with_who_is_calling() -> None:
    assert [7, 1] == fetch(shop(), "/orders", headers={"x-user": "anna"}).json()


@pytest.mark.parametrize("path", ["/me", "/orders", "/public", "/awaited"])
def test_who_is_not_known_is_refused_everywhere(path: str) -> None:
    reply = fetch(shop(), path, headers={"x-user": "eve"})
    assert (401, {"detail": "who are you?"}) == (reply.status_code, reply.json())
    assert 422 == fetch(shop(), path).status_code


@pytest.mark.parametrize("path", ["/me", "/orders", "/public", "/awaited"])
def test_no_shared_cache_keeps_an_answer(path: str) -> None:
    reply = fetch(shop(), path, headers={"x-user": "anna"})
    assert 200 == reply.status_code
    assert "private" in reply.headers["cache-control"]


def test_without_identify_everyone_is_anonymous() -> None:
    assert "no-cache" == fetch(shop(Anyone), "/public").headers["cache-control"]


def test_openapi_says_what_identifies() -> None:
    bearer = HTTPBearer()

    def named(token: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
        return token.credentials

    class Secured(ClientProfile):
        identify = named

        @endpoint.get("/me")
        def me(self) -> str:
            name: str = caller
            return name + "!"

    app = BFF(Secured, observers=())
    document: Any = app.openapi()
    assert [{"HTTPBearer": []}] == document["paths"]["/me"]["get"]["security"]
    assert "x-user" in [parameter["name"] for parameter in shop().openapi()["paths"]["/me"]["get"]["parameters"]]
    assert [401, 200] == [fetch(app, "/me", headers=said).status_code for said in ({}, {"authorization": "Bearer a"})]
    assert "a!" == fetch(app, "/me", headers={"authorization": "Bearer a"}).json()


class Named:
    """A dependency that is a class: who is calling is an instance of it."""

    def __init__(self, request: Request) -> None:
        self.name = request.headers.get("x-user", "nobody")


class ByTable:
    """A dependency that is an object."""

    def __call__(self, x_user: Annotated[str, Header()]) -> User:
        return USERS[x_user]


async def opened(x_user: Annotated[str, Header()]) -> AsyncIterator[User]:
    yield USERS[x_user]


def plain(x_user: Annotated[str, Header()]) -> User:
    return USERS[x_user]


@pytest.mark.parametrize("dependency", [ByTable(), opened, plain, Depends(plain), staticmethod(plain)])
def test_any_kind_of_dependency_identifies(dependency: Any) -> None:
    class Web(ClientProfile):
        identify = dependency

        @endpoint.get("/name")
        def title(self) -> str:
            user: User = caller
            return user.name

    assert "Anna" == fetch(BFF(Web, observers=()), "/name", headers={"x-user": "anna"}).json()


def test_a_class_identifies_with_its_instances() -> None:
    @derived
    def shown(who: Named) -> str:
        return who.name

    class Web(ClientProfile):
        identify = Named

        @endpoint.get("/name")
        def title(self) -> str:
            return shown(caller)

    assert "anna" == fetch(BFF(Web, observers=()), "/name", headers={"x-user": "anna"}).json()


def test_a_dependency_runs_once_though_the_endpoint_asks_for_it_too() -> None:
    seen: list[str] = []

    def counted(x_user: Annotated[str, Header()]) -> User:
        seen.append(x_user)
        return USERS[x_user]

    class Web(ClientProfile):
        identify = counted

        @endpoint.get("/name")
        def title(self, user: Annotated[User, Depends(counted)]) -> list[str]:
            return [user.name, caller.name]

    assert ["Anna", "Anna"] == fetch(BFF(Web, observers=()), "/name", headers={"x-user": "anna"}).json()
    assert ["anna"] == seen


def test_overridden_dependencies_identify() -> None:
    app = shop()
    app.dependency_overrides[identified] = lambda: User(id=1, name="Test")
    assert "Hello Test" == fetch(app, "/me").json()["text"]


def test_one_page_of_two_profiles_knows_two_kinds_of_callers() -> None:
    class Partner(BaseModel):
        id: str
        name: str
        city: str | None = None

    def partner() -> Partner:
        return Partner(id="p1", name="Partner")

    class Base(ClientProfile):
        identify = plain

        @endpoint.get("/title")
        def title(self) -> int | str:
            number: int | str = caller.id
            return number

    class Other(Base):
        identify = partner  # type: ignore[assignment] # a caller of another kind

    app = BFF(Base, Other, observers=())
    assert [7, "p1"] == [fetch(app, f"/{name}/title", headers={"x-user": "anna"}).json() for name in ("base", "other")]


def test_outside_of_a_trace_the_word_is_refused_where_it_is_used() -> None:
    with pytest.raises(DeclarationError, match="none is being traced"):
        _ = caller.id


def test_a_module_that_imports_the_word_may_be_looked_through() -> None:
    assert not isinstance(caller, str)
    assert not hasattr(caller, "__wrapped__")


def test_a_caller_shows_in_the_generated_code() -> None:
    (plan,) = [plan for plan in shop().plans if plan.endpoint.name == "orders"]
    assert "return (x.caller.id,)" in plan.source


def test_a_404_of_who_is_calling_is_not_what_was_asked_for() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(404))
    app = BFF(Shop, upstreams={Orders: {"transport": transport, "retry": None}}, observers=())
    reply = fetch(app, "/orders", headers={"x-user": "anna"})
    assert (502, "not-found") == (reply.status_code, reply.json()["cause"])


def test_a_page_in_another_app_knows_who_is_calling() -> None:
    existing = FastAPI()
    existing.include_router(Shop.router(observers=()), prefix="/shop")
    assert "Hello Anna" == fetch(existing, "/shop/me", headers={"x-user": "anna"}).json()["text"]
    assert 401 == fetch(existing, "/shop/public", headers={"x-user": "eve"}).status_code
