"""The command line: `bff plan`, `bff run`, `bff openapi`."""

from bff.cli._main import main

__all__ = ["main"]
