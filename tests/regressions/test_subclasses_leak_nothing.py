"""A page once sent what a subclass adds to the model that it declares."""

import httpx
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, endpoint
from tests.support.shop import get
from tests.support.virtual import run


class Person(BaseModel):
    name: str


class Employee(Person):
    salary: int


class Staff(Upstream):
    base_url = "http://staff.test"

    @call.get("/employees/{number}")
    def employee(self, number: int) -> Employee: ...

    @call.get("/employees")
    def employees(self) -> list[Employee]: ...


class Desk(Shape):
    owner: Person
    others: list[Person]


class Directory(ClientProfile):
    @endpoint.get("/one")
    def one(self) -> Person:
        return Staff.employee(1)

    @endpoint.get("/all")
    def all_of_them(self) -> list[Person]:
        return [Staff.employee(1), Staff.employee(2)]

    @endpoint.get("/desk")
    def desk(self) -> Desk:
        return Desk(owner=Staff.employee(1), others=Staff.employees())


def answer(request: httpx.Request) -> httpx.Response:
    employee = {"name": "Anna", "salary": 1}
    return httpx.Response(200, json=[employee] if request.url.path == "/employees" else employee)


def test_only_the_fields_that_are_declared_are_sent() -> None:
    app = BFF(Directory, upstreams={Staff: {"transport": httpx.MockTransport(answer)}}, observers=())
    replies = [run(get(app, path)) for path in ("/one", "/all", "/desk")]
    anna = {"name": "Anna"}
    assert [anna, [anna, anna], {"owner": anna, "others": [anna]}] == [reply.json() for reply in replies if reply]
