"""A batch waited for its own calls to be over, where what decides in a loop is needed again behind the decision."""

from typing import Any

from pydantic import BaseModel

from bff import BFF, ClientProfile, Upstream, call, each, endpoint, when
from tests.support.service import Service, ask
from tests.support.virtual import run


class Part(BaseModel):
    key: int
    is_known: bool
    name: str


class Source(Upstream):
    base_url = "http://source.test"

    @call.get("/keys")
    def keys(self) -> list[int]: ...

    @call.get("/parts/{key}")
    def part(self, key: int) -> Part: ...

    @call.get("/parts", batch_of="part", key="key")
    def parts(self, keys: list[int]) -> list[Part]: ...


class Page(ClientProfile):
    @endpoint.get("/")
    def page(self) -> list[str]:
        return each(Source.keys(), lambda key: when(Source.part(key).is_known, Source.part(key).name, "unknown"))


def test_a_batch_waits_for_no_call_of_its_own() -> None:
    def keys() -> list[int]:
        return [1, 2]

    def parts(**_: Any) -> list[dict[str, Any]]:
        return [{"key": key, "is_known": key == 1, "name": f"part {key}"} for key in (1, 2)]

    wire = Service({"GET /keys": keys, "GET /parts": parts})
    response = run(ask(BFF(Page, upstreams=wire.upstreams(Source), observers=()), "GET", "/"))
    assert response is not None
    assert (200, ["part 1", "unknown"]) == (response.status_code, response.json())
    assert ["GET /keys", "GET /parts?keys=1&keys=2"] == wire.log
