"""Derive from a contract what msgspec decodes as pydantic would; what it would not is pydantic's, part by part."""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, NewType, TypeAlias, Union, cast, get_args

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import force_setattr
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import TypeAliasType, is_typeddict

from bff.declare._generics import CHECKED, as_class, class_of
from bff.declare._models import HARMLESS, UNCHANGEABLE, is_root_model, is_rule
from bff.declare._types import Type, element, listed, mapped, mapping_value, origin_of, spell
from bff.plan._demand import Demand
from bff.plan._native import is_read_alike, is_written_alike, reader_of_text, small_float
from bff.plan._subsets import config_of, has_parts, infos_of_parts, parts_of, why_whole

__all__ = ["Structs", "Unlike"]

Decode: TypeAlias = Callable[[bytes], Any]
_Read: TypeAlias = Callable[[Any], Any]

_HARMLESS: Final = HARMLESS | {"revalidate_instances"}

_MADE_ANEW: Final[tuple[type[Any], ...]] = (list, dict)
"""Containers that are made anew for every value, where they are empty."""


class Unlike(Exception):
    """Msgspec would not do as pydantic does; its text says why."""


class Structs:
    """
    Makes of contracts what msgspec decodes.

    `decoder` returns pydantic's decoder of a part; `left` are the parts that it reads, by path, and why.
    """

    def __init__(self, decoder: Callable[[Type, Demand], Decode]) -> None:
        self.left: dict[str, str] = {}
        self._decoder = decoder
        self._around: tuple[Type, ...] = ()

    def of(self, tp: Type, wanted: Demand, path: str = "") -> Type:
        """Return a type for msgspec, of what is needed of a type; raises `Unlike`."""
        origin = origin_of(tp)
        if as_class(tp) in CHECKED or isinstance(tp, TypeAliasType) or isinstance(origin, TypeAliasType):
            raise Unlike(spell(tp))
        if origin is Annotated:
            inner, *notes = get_args(tp)
            if any(isinstance(note, FieldInfo) or is_rule(note) for note in notes):
                raise Unlike(f"{spell(inner)} with constraints")
            return self.of(inner, wanted, path)
        if origin in (Union, types.UnionType):
            return self._nullable(tp, wanted, path)
        if isinstance(tp, NewType):
            return self.of(tp.__supertype__, wanted, path)
        if is_read_alike(tp):
            return small_float() if tp is float and wanted.is_written else tp
        if has_parts(tp):
            return self._struct(tp, wanted, path)
        return self._container(tp, wanted, path)

    def _nullable(self, tp: Type, wanted: Demand, path: str) -> Type:
        inner = [arg for arg in get_args(tp) if arg is not type(None)]
        if len(inner) > 1:
            raise Unlike(spell(tp))
        return Union[(self.of(inner[0], wanted, path), None)]  # noqa: UP007 - bounds are kept

    def _container(self, tp: Type, wanted: Demand, path: str) -> Type:
        args, items = get_args(tp), wanted.of_items()
        if args and mapping_value(tp) is not None and args[0] is str:
            return mapped(str, self.of(args[1], items, f"{path}[]"))
        if not args or element(tp) is None or (wanted.is_whole and origin_of(tp) not in (list, tuple, Sequence)):
            raise Unlike(spell(tp))
        if origin_of(tp) is not tuple:
            return listed(self.of(args[0], items, f"{path}[]"))
        inner = (arg if arg is Ellipsis else self.of(arg, items, f"{path}[]") for arg in args)
        return tuple.__class_getitem__(tuple(inner))

    def _struct(self, tp: Type, wanted: Demand, path: str) -> Type:
        known = parts_of(tp)
        parts = {name: part for name, part in known.items() if wanted.is_whole or name in wanted.fields}
        reason = self._why_unlike(tp, parts, wanted)
        if reason:
            raise Unlike(f"{spell(tp)}: {reason}")
        infos, around, before = infos_of_parts(tp), self._around, {**self.left}
        self._around = (*around, tp)
        try:
            made, readers = self._fields(parts, infos, wanted, path)
            return _struct_of(tp, made, readers)
        except Exception:
            self.left = before
            raise
        finally:
            self._around = around

    def _why_unlike(self, tp: Type, parts: Mapping[str, Type], wanted: Demand) -> str:
        """Say why no Struct may stand in for a contract; the empty string where one may."""
        if is_typeddict(class_of(tp)):
            return "it is a TypedDict"
        cls = cast("type[Any]", class_of(tp))
        if wanted.is_whole and not wanted.is_written:
            return "all of it is handed on"
        if issubclass(cls, BaseModel) and is_root_model(cls):
            return "it is a RootModel"
        if tp in self._around:
            return "it is made of itself"
        infos = infos_of_parts(tp)
        odd = sorted(config_of(tp).keys() - _HARMLESS)
        fields = (_why_unlike(name, infos[name], config_of(tp)) for name in parts)
        reason = (
            why_whole(tp, parts)
            or (f"its model_config sets `{odd[0]}`" if odd else "")
            or next(filter(None, fields), "")
        )
        return reason or (_why_unwritten(tp, parts) if wanted.is_written else "")

    def _fields(
        self, parts: Mapping[str, Type], infos: Mapping[str, FieldInfo], wanted: Demand, path: str
    ) -> tuple[list[tuple[str, Type, Any]], dict[str, _Read]]:
        made: list[tuple[str, Type, Any]] = []
        readers: dict[str, _Read] = {}
        for name, part in parts.items():
            at, inner = f"{path}.{name}" if path else name, wanted.of_field(name)
            text, read = _text(part, infos[name])
            if read is None:
                try:
                    text = self.of(part, inner, at)
                except Unlike as error:
                    text, read = Raw, _of_raw(self._decoder(part, inner))
                    self.left[at] = str(error)
            else:
                self.left[at] = spell(part)
            if read is not None:
                if wanted.is_written and not is_written_alike(part):
                    raise Unlike(f"{spell(part)} under `{name}`")
                readers[name] = read
            made.append((name, text, _declared(name, infos[name])))
        return made, readers


def _text(tp: Type, info: FieldInfo) -> tuple[Type, _Read | None]:
    """Return the type of a text that pydantic makes a value of, and how, where a field is such a value."""
    parts = (
        [arg for arg in get_args(tp) if arg is not type(None)] if origin_of(tp) in (Union, types.UnionType) else [tp]
    )
    read = reader_of_text(parts[0]) if len(parts) == 1 else None
    if read is None or isinstance(info.default, str):
        return None, None
    return (str if parts == [tp] else str | None), _of_text(read)


def _of_text(read: Callable[[str], Any]) -> _Read:
    def reader(value: Any) -> Any:
        return read(value) if type(value) is str else value

    return reader


def _of_raw(decode: Decode) -> _Read:
    def reader(value: Any) -> Any:
        return decode(bytes(value)) if type(value) is Raw else value

    return reader


def _declared(name: str, info: FieldInfo) -> Any:
    """Return what a field is called on the wire, and its default."""
    alias = info.validation_alias
    options: dict[str, Any] = {"name": alias if isinstance(alias, str) else name}
    kind = type(cast("object", info.default))
    if kind in _MADE_ANEW:
        options["default_factory"] = kind
    elif info.default_factory is not None:
        options["default_factory"] = info.default_factory
    elif info.default is not PydanticUndefined:
        options["default"] = info.default
    return msgspec.field(**options)


def _why_unlike(name: str, info: FieldInfo, config: Mapping[str, Any]) -> str:
    """Say why a field is not just read from under one name, or left at one value."""
    if info.validation_alias is not None and not isinstance(info.validation_alias, str):
        return f"`{name}` is read from under several names"
    is_named = info.validation_alias not in (None, name)
    if is_named and (config.get("populate_by_name") or config.get("validate_by_name")):
        return f"`{name}` is read from under several names"
    factory = class_of(info.default_factory)
    if info.default_factory is not None and factory not in _MADE_ANEW:
        return f"the default of `{name}` is made by a function"
    default = info.default
    is_settled = default is PydanticUndefined or type(default) in UNCHANGEABLE or is_read_alike(type(default))
    if not (is_settled or (type(default) in _MADE_ANEW and not default)):
        return f"`{name}` has a default that could be changed"
    return f"the default of `{name}` is validated" if info.validate_default else ""


def _why_unwritten(tp: Type, parts: Mapping[str, Type]) -> str:
    """Say why msgspec would not write all of a contract as pydantic does; the empty string where it would."""
    cls, infos = cast("type[Any]", class_of(tp)), infos_of_parts(tp)
    if not issubclass(cls, BaseModel):
        return "it is a dataclass"
    decorators = cls.__pydantic_decorators__
    if decorators.computed_fields or decorators.field_serializers or decorators.model_serializers:
        return "it is not written as it is read"
    if config_of(tp).get("extra") == "allow":
        return "it keeps fields that it does not know"
    for name, info in infos.items():
        alias = info.serialization_alias or info.alias
        if (alias or name) != (info.validation_alias or name) or info.exclude or info.exclude_if:
            return f"`{name}` is not written as it is read"
        is_default = info.default is PydanticUndefined or is_written_alike(type(info.default)) or not info.default
        if not (is_default and is_written_alike(parts[name], has_small_floats=True)):
            return f"msgspec would write `{name}` in another way"
    return ""


def _struct_of(tp: Type, made: Sequence[tuple[str, Type, Any]], readers: Mapping[str, _Read]) -> type[Struct]:
    is_frozen = bool(config_of(tp).get("frozen"))
    namespace = {"__post_init__": _finishing(readers, is_frozen=is_frozen)} if readers else {}
    name = cast("type[Any]", class_of(tp)).__name__
    try:
        # What JSON is made into is a tree: the collector of cycles has nothing to find in it.
        return msgspec.defstruct(
            name, made, namespace=namespace, frozen=is_frozen, kw_only=True, module=__name__, gc=False
        )
    except (TypeError, ValueError) as error:
        raise Unlike(f"{spell(tp)}: {error}") from error


def _finishing(readers: Mapping[str, _Read], *, is_frozen: bool) -> Callable[[Struct], None]:
    """Return what has pydantic read the parts that are left to it."""
    pairs, assign = tuple(readers.items()), force_setattr if is_frozen else setattr

    def finish(struct: Struct) -> None:
        for name, read in pairs:
            assign(struct, name, read(getattr(struct, name)))

    return finish
