"""Find the app that a command names, and say plainly why there is none."""

import importlib
import sys
from pathlib import Path

from rich.console import Console
from rich.traceback import Traceback

from bff.app import BFF
from bff.cli._problems import show_problems
from bff.errors import DeclarationError

USAGE_ERROR = 2


class NoApp(Exception):
    """There is no app to work with; `status` is how the command ends."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def load(name: str, console: Console) -> BFF:
    """
    Return the app `module:attribute` (`app` where no attribute is named); the current folder is looked in first.

    Raises `NoApp` once it has said on `console` what is wrong.
    """
    module_name, _, attribute = name.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except DeclarationError as error:
        show_problems(error, console)
        raise NoApp(1) from error
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _broken(error, console) from error
        raise _refused(f"There is no module `{error.name}` in {folder} or on the path.", console) from error
    except Exception as error:
        raise _broken(error, console) from error
    app = getattr(module, attribute or "app", None)
    if app is None:
        raise _refused(f"`{module_name}` has no attribute `{attribute or 'app'}`: name it, as `module:name`.", console)
    if not isinstance(app, BFF):
        raise _refused(f"`{name}` is a {type(app).__name__}, and no BFF app.", console)
    return app


def _refused(why: str, console: Console) -> NoApp:
    console.print(f"[red]error:[/] {why}", highlight=False)
    return NoApp(USAGE_ERROR)


def _broken(error: Exception, console: Console) -> NoApp:
    """Show where in the user's own code an import failed."""
    console.print(
        Traceback.from_exception(type(error), error, error.__traceback__, suppress=[importlib], max_frames=10)
    )
    return NoApp(1)
