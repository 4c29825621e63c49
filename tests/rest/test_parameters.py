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
