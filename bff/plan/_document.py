"""Read an OpenAPI document, 3.0 or 3.1: find operations in it, and say what a schema lets through."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

Schema: TypeAlias = Mapping[str, Any]

UNKNOWN = ""
"""The kind of a schema that says nothing which we could hold against anybody."""

_PLACEHOLDER = re.compile(r"\{[^}/]*\}")
_DEEP = 64
_NESTED = 5  # unions directly in unions: a schema may be a union of itself
_SUCCESS = re.compile(r"2(\d\d|XX)", re.IGNORECASE)
_EMPTY = ("204", "205")
_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


@dataclass(frozen=True, slots=True)
class Alternative:
    """One sort of values that a schema lets through: `kind` is a type of JSON, or `UNKNOWN`."""

    kind: str
    schema: Schema

    @property
    def values(self) -> tuple[Any, ...] | None:
        """The values that there are, where the schema lists them."""
        if "const" in self.schema:
            return (self.schema["const"],)
        return tuple(self.schema["enum"]) if isinstance(self.schema.get("enum"), list) else None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """An OpenAPI document; what it says in a form that is not understood counts as nothing said."""

    content: Schema

    @property
    def paths(self) -> Schema:
        """The paths that it describes, by template."""
        return _mapping(self.content.get("paths"))

    def path_item(self, wanted: Iterable[str]) -> Schema | None:
        """
        Return what stands under the first of the wanted paths that there is; placeholders may have other names.

        What the document's servers put before every path counts as part of it, or not.
        """
        prefixes = ["", *(urlsplit(str(server.get("url", ""))).path.rstrip("/") for server in self._servers())]
        for path in (_PLACEHOLDER.sub("{}", path) for path in wanted):
            for template in sorted(self.paths, key=lambda template: len(_PLACEHOLDER.findall(template))):
                if any(_takes(prefix + template, path) for prefix in prefixes):
                    return self.resolved(self.paths[template])
        return None

    def parameters(self, item: Schema, method: str) -> list[Schema]:
        """Return the parameters of an operation, those of its path too."""
        described = [*_sequence(item.get("parameters")), *_sequence(_mapping(item.get(method)).get("parameters"))]
        return [self.resolved(parameter) for parameter in described]

    def body(self, item: Schema, method: str) -> Schema:
        """Return what an operation says of its body; nothing where it takes none."""
        return self.resolved(_mapping(item.get(method)).get("requestBody"))

    def answers(self, item: Schema, method: str) -> list[Any] | None:
        """
        Return the schemas of what an operation answers when it succeeds; `None` where it always answers nothing.
        """
        responses = _mapping(_mapping(item.get(method)).get("responses"))
        good = {str(status): answer for status, answer in responses.items() if _SUCCESS.fullmatch(str(status))}
        if good and all(status in _EMPTY for status in good):
            return None
        return [schema for answer in good.values() for schema in json_schemas(self.resolved(answer))]

    def alternatives(self, schema: Any, depth: int = 0) -> list[Alternative]:
        """Return the sorts of values that a schema lets through."""
        if schema is False:
            return []
        plain = self._flat(schema, 0)
        if plain is None or depth > _NESTED:
            return [Alternative(UNKNOWN, {})]
        for word in ("anyOf", "oneOf"):
            if isinstance(plain.get(word), list):
                rest = {key: value for key, value in plain.items() if key != word}
                branches = [self._merged(rest, branch, 0) for branch in plain[word]]
                return [found for branch in branches for found in self.alternatives(branch, depth + 1)]
        return [*_typed(plain)]

    def resolved(self, part: Any) -> Schema:
        """Follow a reference inside the document; one that leads nowhere says nothing."""
        for _ in range(_DEEP):
            plain = _mapping(part)
            if "$ref" not in plain:
                return plain
            part = self._at(str(plain["$ref"]))
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return {}
        here: Any = self.content
        for step in reference[2:].split("/"):
            here = _mapping(here).get(step.replace("~1", "/").replace("~0", "~"), {})
        return here

    def _flat(self, schema: Any, depth: int) -> Schema | None:
        """Return a schema with references followed and `allOf` put together; `None` where it says nothing."""
        if not isinstance(schema, Mapping) or depth > _DEEP:
            return None
        plain = cast("Schema", schema)
        if "$ref" in plain:
            rest = {key: value for key, value in plain.items() if key != "$ref"}
            target = self.resolved({"$ref": plain["$ref"]})
            if not target:
                return None
            return self._flat(self._merged(rest, target, depth) if rest else target, depth + 1)
        if isinstance(plain.get("allOf"), list):
            merged: Any = {key: value for key, value in plain.items() if key != "allOf"}
            for part in plain["allOf"]:
                merged = self._merged(merged, part, depth + 1)
                if merged is True:
                    return None
            return self._flat(merged, depth + 1)
        return plain

    def _merged(self, one: Any, other: Any, depth: int) -> Any:
        """Return what two schemas say together; `True`, which says nothing, where that is not for us to know."""
        left = self._flat(one, depth)
        right = self._flat(other, depth) if left is not None else None
        if left is None or right is None:
            return True
        merged: dict[str, Any] = {**left, **right}
        merged["required"] = [*_sequence(left.get("required")), *_sequence(right.get("required"))]
        mine, theirs = _mapping(left.get("properties")), _mapping(right.get("properties"))
        if mine or theirs:
            both = {name: {"allOf": [mine[name], theirs[name]]} for name in mine.keys() & theirs.keys()}
            merged["properties"] = {**mine, **theirs, **both}
        is_split = any(word in left and word in right for word in ("anyOf", "oneOf", "enum", "const"))
        is_torn = "type" in left and "type" in right and left["type"] != right["type"]
        return True if is_split or is_torn else merged

    def _servers(self) -> list[Schema]:
        return [_mapping(server) for server in _sequence(self.content.get("servers"))]


def json_schemas(described: Schema) -> list[Any]:
    """Return the schemas that an answer or a body has as JSON."""
    content = _mapping(described.get("content"))
    return [
        _mapping(media).get("schema", True)
        for kind, media in content.items()
        if "json" in kind.lower() or kind.startswith("*/")
    ]


def _typed(schema: Schema) -> Iterator[Alternative]:
    kinds, is_nullable = _kinds(schema), schema.get("nullable") is True
    schema = {word: said for word, said in schema.items() if word != "nullable"}
    for kind in kinds:
        if "enum" in schema:
            yield Alternative(kind, {**schema, "enum": [each for each in schema["enum"] if _fits(each, kind)]})
        else:
            yield Alternative(kind, schema)
    if is_nullable and "null" not in kinds:
        yield Alternative("null", {})


def _kinds(schema: Schema) -> list[str]:
    """Return the types of JSON that a schema names, or else those that follow from what it says."""
    named = schema.get("type")
    if isinstance(named, str):
        return [named]
    if isinstance(named, list):
        return [str(each) for each in cast("list[object]", named)]
    if "const" in schema or isinstance(schema.get("enum"), list):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return [*dict.fromkeys(_kind_of(value) for value in values)]
    if "properties" in schema:
        return ["object"]
    return [UNKNOWN]


def _kind_of(value: object) -> str:
    kind: type = type(value)
    return _KINDS.get(kind, UNKNOWN)


def _fits(value: object, kind: str) -> bool:
    found = _kind_of(value)
    return found == kind or (found, kind) == ("integer", "number")


def _takes(template: str, path: str) -> bool:
    """Say whether a template of a document stands for a path whose placeholders are `{}`."""
    literals = [re.escape(literal) for literal in _PLACEHOLDER.split(template)]
    return re.fullmatch("[^/]+".join(literals), path) is not None


def _mapping(value: Any) -> Schema:
    return cast("Schema", value) if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()
