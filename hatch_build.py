"""Compile the hot modules for a wheel, where `HATCH_BUILD_HOOKS_ENABLE=1` asks for that (decision 29)."""

import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = "bff._compiled"
"""What all compiled modules are together, for calls from one to another stay in C then; mypyc adds `__mypyc`."""


class CompiledModules(BuildHookInterface[Any]):
    """
    Add a compiled module beside each of `include`; Python takes it instead of the source.

    All is done in a folder of its own, and nothing in the checkout: what is imported from there stays interpreted.
    """

    _folder: "TemporaryDirectory[str] | None" = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have what comes of it packed; an editable install is the checkout, and has nothing to pack."""
        if version == "editable":
            return
        sources: list[str] = self.config["include"]
        if gone := [source for source in sources if not Path(self.root, source).is_file()]:
            message = f"pyproject.toml wants modules compiled that are not there: {', '.join(gone)}"
            raise FileNotFoundError(message)
        self._folder = TemporaryDirectory(prefix="bff-mypyc-")
        with chdir(self.root):
            files = _compiled(sources, self.config["options"], Path(self._folder.name))
        build_data["force_include"].update(files)
        build_data["infer_tag"] = True
        build_data["pure_python"] = False

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what has been packed."""
        if self._folder is not None:
            self._folder.cleanup()


def _compiled(sources: list[str], options: dict[str, str], folder: Path) -> dict[str, str]:
    """Return where each file is that came of it, and where in the wheel it belongs."""
    # Here, for a pure wheel is built without them.
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    sys.path.insert(0, str(Path.cwd()))  # mypy asks for our plugin by its name
    arguments = ["--config-file", "pyproject.toml", "--cache-dir", str(folder / "cache"), *sources]
    extensions = mypycify(
        arguments,
        target_dir=str(folder / "c"),
        group_name=LIBRARY,
        opt_level=options["opt-level"],
        debug_level=options["debug-level"],
    )
    if sys.platform == "linux":
        for extension in extensions:
            extension.extra_compile_args.append("-fno-plt")  # a call into Python's library is one jump, not two
    command = build_ext(Distribution({"name": "bff", "ext_modules": extensions}))
    command.build_lib = str(folder / "lib")
    command.build_temp = str(folder / "objects")
    command.parallel = True
    command.ensure_finalized()
    command.run()
    return {output: str(Path(output).relative_to(command.build_lib)) for output in command.get_outputs()}
