"""An optional dependency that is missing says what to install."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("bff.observe.otel", "opentelemetry", "bff-framework[otel]"),
        ("bff.observe.prometheus", "prometheus_client", "bff-framework[prometheus]"),
    ],
)
def test_a_missing_package_names_the_extra(module: str, package: str, extra: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import {module}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"install {extra}" in result.stderr.splitlines()[-1]


def test_neither_is_imported_with_the_rest() -> None:
    code = "import bff, bff.app, bff.ambassador, bff.observe, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"bff.observe.otel", "bff.observe.prometheus", "prometheus_client"} & set(result.stdout.split())
