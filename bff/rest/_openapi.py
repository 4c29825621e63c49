"""Describe in OpenAPI a path that several clients share: what any of them may send, and what any may get."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from bff.declare._profile import Profile
from bff.declare._selector import pairs_in, versions

if TYPE_CHECKING:
    from bff.rest._route import PageRoute

__all__ = ["chosen_parameters", "joined", "told_apart"]

_Object: TypeAlias = dict[str, Any]

_MARK = "#"
"""No path has it: it begins what is not sent to a server."""


def chosen_parameters(profile: type[Profile]) -> _Object | None:
    """Return what OpenAPI says of the headers by which requests are a profile's."""
    parameters: list[_Object] = []
    for name, wanted in pairs_in(profile.header) or ():
        schema: _Object = {"type": "string"}
        schema |= {"description": f"a version {wanted}"} if versions(wanted) else {"const": wanted}
        told = f"Makes the request one of the client `{profile.name}`."
        parameters.append({"name": name, "in": "header", "required": True, "schema": schema, "description": told})
    return {"parameters": parameters} if parameters else None


@contextmanager
def told_apart(pages: Sequence["PageRoute"]) -> Generator[None]:
    """
    Give pages that share path and method with one of another client paths of their own, while the context lasts.

    The one that keeps the path is the least particular one: what is said of it in words is said of all.
    """
    seen: set[tuple[str, str]] = set()
    marked: list[tuple[PageRoute, str]] = []
    for page in sorted(pages, key=lambda page: page.place, reverse=True):
        address = (page.path_format, page.page.method)
        if address in seen:
            marked.append((page, page.path_format))
        seen.add(address)
    for number, (page, path) in enumerate(marked):
        page.path_format = f"{path}{_MARK}{number}"
    try:
        yield
    finally:
        for page, path in marked:
            page.path_format = path


def joined(document: _Object) -> _Object:
    """Put what was told apart back under its path, as one operation that stands for all."""
    paths: dict[str, _Object] = document.get("paths", {})
    for marked in [path for path in paths if _MARK in path]:
        path = marked.partition(_MARK)[0]
        for method, operation in paths.pop(marked).items():
            methods = paths.setdefault(path, {})
            methods[method] = _either(methods[method], operation) if method in methods else operation
    return document


def _either(one: _Object, other: _Object) -> _Object:
    """Return an operation that does what either of two does."""
    made = {**other, **one}
    made["tags"] = [*dict.fromkeys([*one.get("tags", ()), *other.get("tags", ())])]
    parameters = _either_parameter(one.get("parameters", []), other.get("parameters", []))
    if parameters:
        made["parameters"] = parameters
    bodies = [operation["requestBody"] for operation in (one, other) if "requestBody" in operation]
    if bodies:
        made["requestBody"] = _either_content(bodies[0], bodies[-1])
        made["requestBody"]["required"] = len(bodies) > 1 and all(body.get("required") for body in bodies)
    answers: Mapping[str, _Object] = one["responses"]
    others: Mapping[str, _Object] = other["responses"]
    made["responses"] = {
        status: _either_content(answers.get(status) or others[status], others.get(status) or answers[status])
        for status in sorted({**answers, **others})
    }
    return made


def _either_parameter(one: Sequence[_Object], other: Sequence[_Object]) -> list[_Object]:
    found: dict[tuple[str, str], list[_Object]] = {}
    for parameter in (*one, *other):
        found.setdefault((parameter["in"], parameter["name"].lower()), []).append(parameter)
    made: list[_Object] = []
    for (place, _), parameters in found.items():
        is_required = place == "path" or (len(parameters) > 1 and all(entry.get("required") for entry in parameters))
        schema = _either_schema(parameters[0].get("schema", {}), parameters[-1].get("schema", {}))
        made.append({**parameters[0], "required": is_required, "schema": schema})
    return made


def _either_content(one: _Object, other: _Object) -> _Object:
    if "content" not in one or "content" not in other:
        return {**other, **one}
    content = {**other["content"], **one["content"]}
    for kind in one["content"].keys() & other["content"].keys():
        schemas = [part["content"][kind].get("schema", {}) for part in (one, other)]
        content[kind] = {**content[kind], "schema": _either_schema(*schemas)}
    return {**one, "content": content}


def _either_schema(one: _Object, other: _Object) -> _Object:
    schemas: list[_Object] = []
    for schema in (one, other):
        # What is either already lies flat.
        is_either = set(schema) == {"anyOf"}
        schemas += [part for part in (schema["anyOf"] if is_either else [schema]) if part not in schemas]
    return schemas[0] if len(schemas) == 1 else cast("_Object", {"anyOf": schemas})
