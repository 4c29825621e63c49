"""Parameters in path and query are read as FastAPI reads them."""

from enum import Enum
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Path, Query

from bff import BFF, ClientProfile, endpoint
from bff.rest._parameters import reader
from tests.support.http import fetch


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(int, Enum):
    SMALL = 1


Code = Annotated[str, Query(alias="item-code", max_length=3)]


async def read(  # noqa: PLR0913, PLR0917 - it is about many
    number: Annotated[int, Path(gt=3)],
    name: str,
    colour: Colour = Colour.BLUE,
    size: Size | None = None,
    code: Code = "none",
    share: Annotated[float, Query(alias="name")] = 0.5,
    flag: bool | None = None,
    made: Annotated[str, Query(default_factory=lambda: "made")] = ...,  # type: ignore[assignment]
) -> list[Any]:
    return [number, name, colour, size, code, share, flag, made]


async def demanding(number: int, needed: int) -> list[int]:
    return [number, needed]


class Reader(ClientProfile):
    @endpoint.get("/read/{number}/{name}")
    async def read(  # noqa: PLR0913, PLR0917 - as above
        self,
        number: Annotated[int, Path(gt=3)],
        name: str,
        colour: Colour = Colour.BLUE,
        size: Size | None = None,
        code: Code = "none",
        share: Annotated[float, Query(alias="name")] = 0.5,
        flag: bool | None = None,
        made: Annotated[str, Query(default_factory=lambda: "made")] = ...,  # type: ignore[assignment]
    ) -> list[Any]:
        return await read(number, name, colour, size, code, share, flag, made)

    @endpoint.get("/demanding/{number}")
    async def demanding(self, number: int, needed: int) -> list[int]:
        return await demanding(number, needed)


@pytest.fixture(scope="module")
def apps() -> tuple[FastAPI, BFF]:
    bare = FastAPI()
    bare.add_api_route("/read/{number}/{name}", read)
    bare.add_api_route("/demanding/{number}", demanding)
    return bare, BFF(Reader, observers=())


@pytest.mark.parametrize(
    "path",
    [
        "/read/7/anna",
        "/read/3/anna",
        "/read/x/anna",
        "/read/7.0/anna",
        "/read/%207/%C3%A9",
        "/read/7/anna?colour=red&size=1&item-code=abc&name=1.5&flag=yes&made=x",
        "/read/7/anna?colour=green",
        "/read/7/anna?colour=red&colour=blue",
        "/read/7/anna?size=",
        "/read/7/anna?size=2",
        "/read/7/anna?item-code=abcd",
        "/read/7/anna?code=ignored&number=9&more=1",
        "/read/7/anna?item-code=%E2%82%AC+%26",
        "/read/7/anna?name=nan",
        "/read/7/anna?flag=",
        "/read/7/anna?made",
        "/demanding/1",
        "/demanding/1?needed=2",
        "/demanding/1?needed=",
        "/demanding/1?needed=2;3",
        "/demanding/99999999999999999999?needed=-0",
    ],
)
def test_they_are_what_fastapi_makes_of_them(apps: tuple[FastAPI, BFF], path: str) -> None:
    theirs, ours = (fetch(app, path) for app in apps)
    assert (theirs.status_code, theirs.json()) == (ours.status_code, ours.json())


def test_nothing_of_fastapi_s_own_reading_is_needed_where_they_are_right(apps: tuple[FastAPI, BFF]) -> None:
    page = next(page for page in apps[1].pages if page.path.startswith("/read"))
    read = reader(page.dependant)
    path = {"number": "7", "name": "anna"}
    assert {
        "number": 7,
        "name": "anna",
        "colour": Colour.RED,
        "size": None,
        "code": "none",
        "share": 0.5,
        "flag": None,
        "made": "made",
    } == read({"path_params": path, "query_string": b"colour=red"})
    assert read({"path_params": path, "query_string": b"colour=green"}) is None


class Alike(ClientProfile):
    """Pages whose parameters differ from those of another in one thing, or in none."""

    @endpoint.get("/first/{number}")
    async def first(self, number: int, limit: int = 3) -> list[Any]:
        return [number, limit]

    @endpoint.get("/same/{number}")
    async def same(self, number: int, limit: int = 3) -> list[Any]:
        return [number, limit]

    @endpoint.get("/default/{number}")
    async def default(self, number: int, limit: int = 4) -> list[Any]:
        return [number, limit]

    @endpoint.get("/typed/{number}")
    async def typed(self, number: int, limit: float = 3) -> list[Any]:
        return [number, limit]

    @endpoint.get("/placed")
    async def placed(self, number: int, limit: int = 3) -> list[Any]:
        return [number, limit]

    @endpoint.get("/choice/{number}")
    async def choice(self, number: int | str, limit: int | None = 3) -> list[Any]:
        return [number, limit]

    @endpoint.get("/turned/{number}")
    async def turned(self, number: str | int, limit: int | None = 3) -> list[Any]:
        return [number, limit]


def test_pages_with_the_same_parameters_share_what_fastapi_makes_of_them_and_others_do_not() -> None:
    pages = {page.declared.name: page for page in BFF(Alike, observers=()).pages}
    first, same = pages.pop("first"), pages.pop("same")
    assert same.dependant.path_params == first.dependant.path_params
    assert same.dependant.path_params[0] is first.dependant.path_params[0]
    assert (same.dependant.call, same.dependant.path) == (same.endpoint, "/same/{number}")
    fields = [field for page in pages.values() for field in (*page.dependant.path_params, *page.dependant.query_params)]
    assert len({*map(id, fields)}) == len(fields)


@pytest.mark.parametrize("query", ["", "?limit=5", "?limit=1.5", "?limit=x", "?number=2", "?number=x"])
@pytest.mark.parametrize("path", ["/first/1", "/same/1", "/same/x", "/default/1", "/typed/1", "/placed", "/turned/1"])
def test_what_pages_share_is_read_as_by_fastapi(path: str, query: str) -> None:
    bare, profile = FastAPI(), Alike()
    for page in BFF(Alike, observers=()).pages:
        bare.add_api_route(page.path, getattr(profile, page.declared.name))
    ours = fetch(BFF(Alike, observers=()), path + query)
    theirs = fetch(bare, path + query)
    assert (theirs.status_code, theirs.json()) == (ours.status_code, ours.json())


def test_a_route_that_shares_them_is_documented_and_included_like_any_other() -> None:
    app = FastAPI()
    app.include_router(Alike.router(), prefix="/in")
    paths = app.openapi()["paths"]
    first, same = (paths[f"/in/{name}/{{number}}"]["get"]["parameters"] for name in ("first", "same"))
    assert first == same == BFF(Alike).openapi()["paths"]["/same/{number}"]["get"]["parameters"]
    assert [parameter["name"] for parameter in same] == ["number", "limit"]
