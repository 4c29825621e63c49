"""Run all four services in one process: `python -m examples.upstreams --catalog 9001`."""

import argparse
import asyncio
import contextlib
from collections.abc import Mapping

import uvicorn

PORTS = {"catalog": 9001, "reviews": 9002, "inventory": 9003, "orders": 9004}


async def serve(ports: Mapping[str, int]) -> None:
    """Serve on loopback until a signal arrives; each server hands it on to the one that started before it."""
    configs = [
        # A dark service never answers, so its requests must not hold up the end.
        uvicorn.Config(f"examples.upstreams.{name}:app", port=port, log_level="warning", timeout_graceful_shutdown=1)
        for name, port in ports.items()
    ]
    await asyncio.gather(*(uvicorn.Server(config).serve() for config in configs))


def main() -> None:
    """Read the ports from the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m examples.upstreams", description=__doc__)
    for name, port in PORTS.items():
        parser.add_argument(f"--{name}", type=int, default=port, metavar="PORT", help=f"default {port}")
    ports: dict[str, int] = vars(parser.parse_args())
    for name, port in ports.items():
        print(f"{name:10} http://127.0.0.1:{port}", flush=True)  # noqa: T201 - a command speaks
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(ports))


if __name__ == "__main__":
    main()
