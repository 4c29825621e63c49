"""What is made up fits what it is made up for, and is the same every time."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from fastapi import Body, Cookie, Header, Query
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from pydantic_core import from_json

from bff import BFF, ClientProfile, endpoint
from bff.testing import failure_modes
from bff.testing._content import content_of
from bff.testing._samples import NoSample, Sampler


class Chain(BaseModel):
    name: str
    next: "Chain | None" = None


class Many(BaseModel):
    all: list["Many"]


class Endless(BaseModel):
    again: "Endless"


class Needy(BaseModel):
    all: Annotated[list["Needy"], Field(min_length=1)]


def sample(tp: Any) -> Any:
    schema = TypeAdapter(tp).json_schema()
    made = Sampler(schema).sample(schema)
    TypeAdapter(tp).validate_python(made)
    return made


@pytest.mark.parametrize(
    ("tp", "expected"),
    [
        (int, 1),
        (Annotated[int, Field(ge=5)], 5),
        (Annotated[int, Field(gt=5)], 6),
        (Annotated[int, Field(le=-3)], -3),
        (Annotated[int, Field(lt=-3)], -4),
        (Annotated[int, Field(ge=7, multiple_of=4)], 8),
        (Annotated[float, Field(gt=0, lt=1)], 0.5),
        (Annotated[float, Field(ge=0.25, le=0.75)], 0.5),
        (bool, True),
        (int | None, 1),
        (None, None),
        (Literal["a", "b"], "a"),
        (Literal["only"], "only"),
        (list[int], [1, 2]),
        (Annotated[list[int], Field(max_length=1)], [1]),
        (Annotated[set[int], Field(min_length=3)], [1, 2, 3]),
        (tuple[int, bool], [1, True]),
        (dict[str, int], {"value": 1}),
        (Annotated[str, Field(min_length=10)], "value-1xxx"),
        (Annotated[str, Field(max_length=3)], "val"),
        (Annotated[str, Field(pattern=r"^\d{5}$")], "11111"),
        (Annotated[str, Field(pattern=r"^[A-Z]{2}$")], "AA"),
        (Annotated[str, Field(examples=["an example"])], "an example"),
        (Chain, {"name": "name-1", "next": None}),
        (Many, {"all": []}),
        (Any, "value-1"),
    ],
)
def test_a_value_fits_its_type(tp: Any, expected: object) -> None:
    assert expected == sample(tp)


@pytest.mark.parametrize("tp", [Endless, Needy, Annotated[str, Field(pattern="^hello$")]])
def test_what_cannot_be_made_up_is_told_of(tp: Any) -> None:
    with pytest.raises(NoSample, match=r"`(again|all|value)` (contains itself|has to match)"):
        sample(tp)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"allOf": [{"type": "integer"}, {"minimum": 4}]}, 4),
        ({"type": ["null", "boolean"]}, True),
        ({"type": ["null"]}, None),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "string", "pattern": "^hello$"}, {"type": "integer"}]}, 1),
        ({"type": "string", "format": "date"}, "2026-01-01"),
    ],
)
def test_documents_of_others_are_understood(schema: dict[str, Any], expected: object) -> None:
    assert expected == Sampler({}).sample(schema)


class Sku(RootModel[str]):
    """A text."""


@dataclass
class Size:
    width: int


class Sized(BaseModel):
    model_config = ConfigDict(extra="allow")

    sku: Sku
    sizes: dict[str, Size]
    label: str = Field(validation_alias=AliasChoices("Label", "label"))


def test_answers_are_written_by_the_names_that_are_read() -> None:
    value = Sized.model_validate({"sku": "a", "sizes": {"s": {"width": 1}}, "Label": "A", "more": [{"b": 2}]})
    written = content_of((value,))
    expected = [{"sku": "a", "sizes": {"s": {"width": 1}}, "Label": "A", "more": [{"b": 2}]}]
    assert expected == from_json(written)
    assert value == Sized.model_validate_json(written[1:-1])


class Asking(ClientProfile):
    @endpoint.get("/everything/{flag}")
    async def everything(
        self,
        flag: bool,
        many: Annotated[list[int], Query()],
        session: Annotated[str, Cookie()],
        theme: Annotated[Literal["dark"], Cookie()],
        x_level: Annotated[int, Header(ge=3)],
        left: str = "out",
    ) -> str:
        return f"{flag} {many} {session} {theme} {x_level} {left}"

    @endpoint.post("/notes")
    async def note(self, text: Annotated[str, Body(media_type="text/plain")]) -> str:
        return text


def test_a_request_has_all_that_is_required_and_what_is_no_json_is_not_asked() -> None:
    everything, note = failure_modes(BFF(Asking, observers=())).pages
    assert ("", [200]) == (everything.note, [mode.outcome.status for mode in everything.modes])
    assert "not asked: it takes text/plain and no JSON" == note.note
    lines = failure_modes(BFF(Asking, observers=())).to_markdown().splitlines()
    assert "Not asked: it takes text/plain and no JSON." in lines
