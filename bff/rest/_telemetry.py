"""Ask FastAPI whether its own telemetry is on, as often as the answer may have changed."""

import sys
from collections.abc import Callable
from typing import Final

__all__ = ["Telemetry"]

_PROVIDERS: Final = (
    ("opentelemetry.trace", "_TRACER_PROVIDER"),
    ("opentelemetry.metrics._internal", "_METER_PROVIDER"),
    ("opentelemetry._logs._internal", "_LOGGER_PROVIDER"),
)
"""Where OpenTelemetry keeps what was set for the whole process."""


class Telemetry:
    """
    Says whether FastAPI's telemetry is on.

    FastAPI asks three providers and the environment at every request, which takes longer than to find a page. It gets
    another answer only where another provider has been set; where we do not know how to tell it is asked every time.
    """

    def __init__(self, is_enabled: Callable[[], bool]) -> None:
        self._is_enabled = is_enabled
        self._answer = True
        modules = [(vars(sys.modules[name]) if name in sys.modules else {}, key) for name, key in _PROVIDERS]
        self._trace, self._meter, self._log = (module for module, _ in modules)
        self._is_known = all(key in module for module, key in modules)
        self._seen: tuple[object, ...] = (self, self, self)

    @property
    def is_on(self) -> bool:
        """Whether it is."""
        trace, meter, log = self._seen
        if not (
            self._is_known
            and self._trace["_TRACER_PROVIDER"] is trace
            and self._meter["_METER_PROVIDER"] is meter
            and self._log["_LOGGER_PROVIDER"] is log
        ):
            self._answer = self._is_enabled()
            if self._is_known:
                providers = zip((self._trace, self._meter, self._log), _PROVIDERS, strict=True)
                self._seen = tuple(module[key] for module, (_, key) in providers)
        return self._answer
