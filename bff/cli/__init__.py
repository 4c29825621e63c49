"""The command line: `bff plan`, `bff run`, `bff openapi`, `bff faults`."""

from bff.cli._main import main

__all__ = ["main"]
