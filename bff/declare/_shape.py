"""`Shape`: a model that may be built from symbolic values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel
from pydantic._internal._model_construction import ModelMetaclass

from bff.declare import _graph as graph
from bff.declare._fitting import mend_of, suggest
from bff.declare._models import infos_of, is_root_model, required_fields
from bff.declare._narrowing import narrowed
from bff.declare._symbol import Symbol, attribute, lift, node_of, told_apart, trace_now
from bff.declare._trace import Trace, current_trace
from bff.declare._types import Type, fields, fits, is_model, members, spell, without_none
from bff.declare._unwatched import unwatched


class _ShapeMeta(ModelMetaclass):
    """Writes a construction into the trace where there is one; hidden from type checkers, which see a model."""

    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **values: Any) -> Any:  # noqa: N805 - of a metaclass
            trace = current_trace()
            if trace is None:
                return super().__call__(*args, **values)
            if len(args) == 1 and is_root_model(cls):
                args, values = (), {"root": args[0]}
            if args:
                first = next(iter(cls.model_fields), "field")
                raise trace.fail(f"`{cls.__name__}` takes its fields by name", f"write `{first}=...`")
            return _built(trace, cls, _by_name(cls, values))


class Shape(BaseModel, metaclass=_ShapeMeta):
    """
    What a client gets: a pydantic model whose fields may be filled with symbolic values.

    In a traced endpoint both `Shape(...)` and `Shape.of(...)` check at start-up that every value fits its field.
    """

    if not TYPE_CHECKING:

        @classmethod
        def model_validate(cls, obj: Any, **settings: Any) -> Any:
            trace = current_trace()
            if trace is not None and type(obj) is Symbol:
                what = f"`{cls.__name__}.model_validate` looks at the symbolic value, not at the real one"
                raise trace.fail(what, f"shape it: `{cls.__name__}.of(...)`")
            return super().model_validate(obj, **settings)

    @classmethod
    def of(cls, *sources: object, **values: Any) -> Self:
        """
        Build the shape: named values as given, every other field from the source that has one of that name.

        Two sources with the same field need a named value that says which one counts.
        """
        if sources and {*map(type, sources)} == {Symbol}:
            symbol: Self = _of_symbols(cls, sources, values)
            return symbol
        trace = current_trace()
        if trace is None:
            found = {name: value for name in cls.model_fields for value in _attributes(name, sources)}
            return cls(**{_spelling(cls, name): value for name, value in {**found, **values}.items()})
        made: Self = _of(trace, cls, sources, values)
        return made


@unwatched
def _built(trace: Trace, shape: type[BaseModel], values: Mapping[str, Any]) -> Symbol:
    return Symbol(_build(trace, shape, values))


def _of(trace: Trace, shape: type[BaseModel], sources: tuple[object, ...], values: Mapping[str, Any]) -> Any:
    return _built(trace, shape, {**_matching(trace, shape, sources, values), **values})


@unwatched
def _of_symbols(shape: type[BaseModel], sources: tuple[object, ...], values: Mapping[str, Any]) -> Any:
    """Return the symbol for a shape that takes nothing from real values: reading these may run code of the user's."""
    trace, given = trace_now(), told_apart((*sources, *values.values()))
    if given is None:
        return _of(trace, shape, sources, values)
    key = (shape, len(sources), *values, *given)
    return Symbol(trace.step(key, lambda: _build(trace, shape, {**_matching(trace, shape, sources, values), **values})))


def _attributes(name: str, sources: tuple[object, ...]) -> list[object]:
    return [getattr(source, name) for source in reversed(sources) if hasattr(source, name)]


def _spelling(shape: type[BaseModel], name: str) -> str:
    """Return the keyword that pydantic takes for a field: its alias, unless names are allowed too."""
    info = infos_of(shape).get(name)
    by_name = shape.model_config.get("populate_by_name") or shape.model_config.get("validate_by_name")
    alias = info.validation_alias if info else None
    return alias if isinstance(alias, str) and not by_name else name


def _by_name(shape: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that may be keyed by alias, keyed by field."""
    names = {_spelling(shape, name): name for name in infos_of(shape)}
    return {names.get(key, key): value for key, value in values.items()}


def _matching(
    trace: Trace, shape: type[BaseModel], sources: tuple[object, ...], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Take every field that is not named from the one source that has it."""
    for source in sources:
        _check_source(trace, shape, source)
    found: dict[str, Any] = {}
    known = [(source, _fields_of(source)) for source in sources]
    if len(sources) == 1 and type(source := sources[0]) is Symbol:
        read = [name for name in infos_of(shape) if name not in values and name in known[0][1]]
        return {name: Symbol(attribute(source, name)) for name in read}
    for name in (name for name in infos_of(shape) if name not in values):
        owners = [source for source, fields_of_source in known if name in fields_of_source]
        if len(owners) > 1:
            mend = f"say which: `{name}=...`"
            raise trace.fail(f"two sources of `{shape.__name__}` have a field `{name}`", mend)
        if owners:
            found[name] = getattr(owners[0], name)
    return found


def _check_source(trace: Trace, shape: type[BaseModel], source: object) -> None:
    if not _fields_of(source):
        tp = spell(node_of(source).type) if type(source) is Symbol else type(source).__name__
        what = f"`{shape.__name__}.of` takes models, and gets `{tp}`"
        raise trace.fail(what, "name the field it is for: `field=value`; for a list use each(items, fn)")


@unwatched
def _fields_of(source: object) -> frozenset[str]:
    types = members(without_none(node_of(source).type)) if type(source) is Symbol else (type(source),)
    known = [frozenset(fields(tp)) if is_model(tp) else frozenset[str]() for tp in types]
    return frozenset[str].intersection(*known) if known else frozenset()


def _build(trace: Trace, shape: type[BaseModel], values: Mapping[str, Any]) -> graph.Build:
    known = fields(shape)
    unknown = [name for name in values if name not in known]
    if unknown:
        what = f"`{shape.__name__}` has no field `{unknown[0]}`"
        raise trace.fail(what, suggest(unknown[0], [*known]))
    missing = [name for name in required_fields(shape) if name not in values]
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        what = f"`{shape.__name__}` gets no value for {listed}"
        raise trace.fail(what, f"name it: `{missing[0]}=...`, or give it a default")
    ordered = {name: lift(values[name]) for name in known if name in values}
    for name, node in ordered.items():
        _check_field(trace, shape, name, node, known[name])
        ordered[name] = narrowed(trace, node, known[name])
    return trace.add(graph.Build, shape, shape=shape, names=tuple(ordered), values=tuple(ordered.values()))


def _check_field(trace: Trace, shape: type[BaseModel], name: str, node: graph.Node, wanted: Type) -> None:
    if fits(node.type, wanted):
        return
    what = f"`{shape.__name__}.{name}` is `{spell(wanted)}`, and gets `{spell(node.type)}`"
    raise trace.fail(what, mend_of(node, wanted))
