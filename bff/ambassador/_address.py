"""Take a base URL apart: where to connect to, what comes before every path, and a credential that it carries."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from bff._frames import user_frame
from bff.errors import DeclarationError, Problem

__all__ = ["Address", "address"]


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where an upstream is.

    `origin` is `scheme://host[:port]`, `prefix` what stands before every path (empty, or with a leading and no
    trailing slash). A user and password of the URL are in `headers` as an `Authorization` (RFC 7617), nowhere
    else: not in `repr`, not in errors.
    """

    origin: str
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def __str__(self) -> str:
        return self.origin + self.prefix


def address(base_url: str) -> Address:
    """
    Return the parts of `base_url`, which is absolute, http or https, and without query or fragment.

    Raises `DeclarationError` where it is anything else.
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        file, line = user_frame()
        # Only what no credential can stand in is repeated.
        shown = re.split("[?#]", base_url.rpartition("@")[2])[0]
        what = f"base_url is no http or https address: {shown!r}"
        mend = 'give scheme and host, and nothing after the path: "https://catalog.example:8443/api"'
        raise DeclarationError(Problem(what, mend, where="base_url", file=file, line=line))
    netloc = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{netloc}" + (f":{port}" if port else "")
    headers: dict[str, str] = {}
    if parts.username is not None:
        credential = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["authorization"] = f"Basic {b64encode(credential.encode()).decode()}"
    return Address(origin, parts.path.rstrip("/"), headers)
