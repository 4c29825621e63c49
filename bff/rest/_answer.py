"""Describe answers for OpenAPI: FastAPI makes a field of every one, which is needed when the document is made."""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Union, get_args

from fastapi._compat import ModelField
from fastapi.utils import create_model_field
from pydantic import BaseModel

from bff.declare._types import Type, as_class, origin_of
from bff.plan._style import Style

_SIMPLE = (str, int, float, bool, NoneType)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answers, `None` for nothing at all, and how it is written."""

    type: Type
    style: Style

    @property
    def documented(self) -> Type:
        """The type whose JSON schema is that of the answer."""
        return None if self.type is None else self.style.documented(self.type)

    @property
    def is_certain(self) -> bool:
        """Whether a field can be made of it for sure: any other type is tried out when the app is built."""
        return _is_certain(self.type)

    def field(self, name: str) -> ModelField | None:
        """Return FastAPI's field of that name; raises its `FastAPIError` for what pydantic cannot describe."""
        tp = self.documented
        return None if tp is None else create_model_field(name=name, type_=tp, mode="serialization")


def _is_certain(tp: Type) -> bool:
    cls = as_class(tp)
    if cls is not None and issubclass(cls, BaseModel):
        return cls.__pydantic_complete__
    if origin_of(tp) in (list, Union, UnionType):
        return all(map(_is_certain, get_args(tp)))
    return any(tp is simple for simple in _SIMPLE)
