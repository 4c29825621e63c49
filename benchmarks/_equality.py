"""Contenders that are compared give the same answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks._cases import Case
from benchmarks._contenders import CONTENDERS
from benchmarks._package import Kind, check_kind
from benchmarks._rounds import jobs
from benchmarks._server import serving
from benchmarks._upstream import Upstream

__all__ = ["check_equal"]

_ASKED: Final = (0, 6, 41, -1)  # of a case's paths: a few, and the last
_BAD: Final = 500


def check_equal(cases: Sequence[Case], upstream: Upstream, folder: Path) -> None:
    """
    Raise where two contenders answer a request differently, or where none should be answered well and one is.

    Those that are written with `bff` must have the one that their row says, compiled or not.
    """
    kinds: set[Kind | None] = {CONTENDERS[name].kind for case in cases for name in case.contenders}
    for kind in kinds:
        if kind is not None:
            check_kind(kind)
    answers: dict[str, tuple[str, Any]] = {}
    for (name, app), asked in jobs(cases).items():
        with (
            serving(CONTENDERS[name], app, upstream, folder) as running,
            httpx.Client(base_url=running.address, timeout=30, trust_env=False) as client,
        ):
            for case in asked:
                for path in {case.paths[index] for index in _ASKED if index < len(case.paths)}:
                    response = client.get(path)
                    if app.is_down:
                        _expect(response.status_code >= _BAD, f"{name} answers {path} with its upstreams down")
                        continue
                    _expect(response.is_success, f"{name}, {path}: {response.status_code}")
                    first, answer = answers.setdefault(path, (name, response.json()))
                    _expect(answer == response.json(), f"{name} answers {path} otherwise than {first}")


def _expect(is_true: bool, otherwise: str) -> None:
    if not is_true:
        raise RuntimeError(otherwise)
