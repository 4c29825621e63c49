"""The objects that generated code uses, each under a name of its own."""

import math
import re

from bff.plan import _runtime
from bff.plan._layout import quoted

_OWN_NAME = re.compile(
    r"[vfpxmqr]|[ndievfq]\d+|(inputs|decide|try)_\d+(_\d+)?|(items|column)_\d+|calls(_\d+)?|answer|found|error"
    r"|None|True|False"
)
"""Names that the generated code gives by itself: no object of the user's may take one."""

_OWN_STEM = re.compile(r"(inputs|decide|try|items|column|calls)(_\d+)*")
"""Names that would become such a one with a number behind."""


class Names:
    """Names of objects, and of nothing that the generated code names itself."""

    def __init__(self) -> None:
        self.known: dict[str, object] = dict(_runtime.NAMES)

    def hold(self, value: object, hint: str) -> str:
        """Return a name by which the code can use an object."""
        stem = re.sub(r"\W", "_", hint)
        if _OWN_STEM.fullmatch(stem):
            stem += "_"
        name, number = stem, 2
        while _OWN_NAME.fullmatch(name) or self.known.get(name, value) is not value:
            name, number = f"{stem}_{number}", number + 1
        self.known[name] = value
        return name

    def constant(self, value: object) -> str:
        """Return the text of a value: a literal where there is one."""
        if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
            return quoted(value)
        return "[]" if value == [] else self.hold(value, f"K_{type(value).__name__}")
