"""The command line: `bff new`, `bff run`, `bff plan`, `bff check`, `bff faults`, `bff openapi`."""

from bff.cli._main import main

__all__ = ["main"]
