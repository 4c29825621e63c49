"""Write a request that a page accepts: what its OpenAPI asks for, made up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from bff.app import BFF
from bff.rest._route import PageRoute
from bff.testing._samples import NoSample, Sampler

__all__ = ["Request", "request_for", "selecting", "title_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a page is asked: its path with the query, headers, and the body as data for JSON."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Any = None


def title_of(page: PageRoute) -> str:
    """Return method and path of a page, with the prefix that it is served under."""
    return f"{page.page.method} {page.path}"


def selecting(profile: object) -> dict[str, str]:
    """
    Return the headers that make a request that of a profile, where its `host` or its `header` says which are.

    >>> class Tablet:
    ...     host = ("tablet.test", "pad.test")
    ...     header = {"x-client": "tablet", "x-version": ">=2.1, <3"}
    >>> selecting(Tablet)
    {'host': 'tablet.test', 'x-client': 'tablet', 'x-version': '2.1'}
    """
    host: Any = getattr(profile, "host", None)
    header: Any = getattr(profile, "header", None)
    pairs = cast("list[tuple[str, str]]", [header] if isinstance(header, tuple) else [*(header or {}).items()])
    named = {name.lower(): _version(value) for name, value in pairs}
    return {"host": host if isinstance(host, str) else host[0], **named} if host else named


def request_for(app: BFF, page: PageRoute) -> Request:
    """Return a request with everything that is required and nothing else; raises `NoSample`."""
    document = app.openapi()
    described = document["paths"][page.path_format][page.page.method.lower()]
    sampler = Sampler(document)
    path, query, headers = page.path_format, list[str](), dict[str, str]()
    for parameter in described.get("parameters", ()):
        if parameter["required"]:
            name: str = parameter["name"]
            made = sampler.sample(parameter["schema"], name)
            texts = [_text(value) for value in (cast("list[object]", made) if isinstance(made, list) else [made])]
            match parameter["in"]:
                case "path":
                    path = path.replace(f"{{{name}}}", quote(texts[0], safe=""))
                case "query":
                    query += [f"{quote(name)}={quote(text, safe='')}" for text in texts]
                case "header":
                    headers[name] = ", ".join(texts)
                case _:
                    headers["cookie"] = "; ".join(filter(None, [headers.get("cookie"), f"{name}={texts[0]}"]))
    # What one path asks of several clients, each says in a way of its own.
    headers |= selecting(page.declared.profile)
    return Request("?".join(filter(None, [path, "&".join(query)])), headers, _body(described, sampler))


def _body(described: Mapping[str, Any], sampler: Sampler) -> Any:
    content = described.get("requestBody", {}).get("content", {})
    if not content:
        return None
    if "application/json" not in content:
        raise NoSample(f"it takes {', '.join(content)} and no JSON")
    return sampler.sample(content["application/json"]["schema"], "body")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _version(wanted: str) -> str:
    """Return a version that lies in a range, or what is wanted where that is none."""
    bounds = re.findall(r"([<>=]+)\s*([\d.]+)", wanted)
    lowest = next((text for sign, text in bounds if sign in {">=", "=="}), None)
    above = next((text for sign, text in bounds if sign == ">"), None)
    if not bounds:
        return wanted
    # Just above a bound that is not in the range itself, or else below all others.
    return lowest or (f"{above}.0.1" if above else "0")
