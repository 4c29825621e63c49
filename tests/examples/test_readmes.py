"""The curl lines in the examples' READMEs give what the READMEs show."""

import asyncio
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples._processes import free_port, running
from examples.demo import CLIENTS, UPSTREAMS, servers

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Command:
    """A line of a README and what it says comes out."""

    line: str
    output: str


def commands(readme: Path) -> Iterator[Command]:
    for block in re.findall(r"^```console\n(.*?)^```", readme.read_text(), re.DOTALL | re.MULTILINE):
        for line, output in re.findall(r"^\$ (curl .+)\n((?:[^$].*\n)*)", block, re.MULTILINE):
            yield Command(line, output.strip())


def moved(line: str, ports: Mapping[int, int]) -> str:
    """Return the line with the ports that the servers were given here."""
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda match: str(ports[int(match[0])]), line)


async def run(name: str) -> tuple[list[Command], list[Command]]:
    """Return the commands of a README with their output as it says and as it is."""
    upstreams = {upstream: free_port(0) for upstream in UPSTREAMS}
    client = {name: free_port(0)}
    ports = {
        **{UPSTREAMS[upstream]: port for upstream, port in upstreams.items()},
        CLIENTS[name]: client[name],
    }
    said = [*commands(EXAMPLES / f"{name}_bff" / "README.md")]
    async with running(servers(upstreams, client)):
        results = [
            await asyncio.to_thread(
                subprocess.run, moved(command.line, ports), shell=True, capture_output=True, text=True, check=True
            )
            for command in said
        ]
    return said, [Command(one.line, result.stdout.strip()) for one, result in zip(said, results, strict=True)]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_readme_tells_the_truth(name: str) -> None:
    said, found = asyncio.run(run(name))
    assert len(said) >= 2
    assert said == found
