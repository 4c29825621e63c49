"""What happens between a SIGTERM and the end."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from bff.rest._drain import Drain
from tests.support.virtual import run


class Server:
    """Keeps when, in seconds of the loop's time, the server's own handler was called, and with what."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        self.told.append((asyncio.get_running_loop().time() - 1000.0, number))


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that handles SIGTERM as uvicorn does."""
    server = Server()
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    yield server
    signal.signal(signal.SIGTERM, before)


def test_the_first_sigterm_reaches_the_server_after_the_drain(server: Server) -> None:
    async def main() -> None:
        drain = Drain(5.0)
        drain.install()
        assert not drain.is_draining

        signal.raise_signal(signal.SIGTERM)

        assert drain.is_draining
        await asyncio.sleep(4.9)
        assert server.told == []
        await asyncio.sleep(1)
        drain.restore()

    run(main())
    assert server.told == [(5.0, signal.SIGTERM)]


def test_a_second_sigterm_reaches_the_server_at_once(server: Server) -> None:
    async def main() -> None:
        drain = Drain(5.0)
        drain.install()
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(1)

        signal.raise_signal(signal.SIGTERM)

        drain.restore()
        await asyncio.sleep(10)

    run(main())
    assert server.told == [(1.0, signal.SIGTERM)]


def test_without_a_drain_the_server_is_told_in_the_next_turn_of_the_loop(server: Server) -> None:
    async def main() -> None:
        drain = Drain(0.0)
        drain.install()
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0.001)
        drain.restore()

    run(main())
    assert server.told == [(0.0, signal.SIGTERM)]


def test_shutdown_gives_the_signal_back_and_counts_as_draining(server: Server) -> None:
    async def main() -> None:
        drain = Drain(5.0)
        drain.install()
        assert signal.getsignal(signal.SIGTERM) != server.handle_exit

        drain.restore()

        assert drain.is_draining

    run(main())
    assert signal.getsignal(signal.SIGTERM) == server.handle_exit


def test_a_handler_that_someone_set_later_is_left_in_place(server: Server) -> None:
    def later(number: int, frame: FrameType | None) -> None:
        """Stand for another library's handler."""

    async def main() -> None:
        drain = Drain(5.0)
        drain.install()
        signal.signal(signal.SIGTERM, later)
        drain.restore()

    run(main())
    assert signal.getsignal(signal.SIGTERM) == later


def test_a_signal_after_a_loop_that_was_never_shut_down_reaches_the_server(server: Server) -> None:
    drain = Drain(5.0)
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))

    async def main() -> None:
        drain.install()

    run(main())
    signal.raise_signal(signal.SIGTERM)

    assert told == [signal.SIGTERM]
    drain.restore()


@pytest.mark.parametrize("disposition", [signal.SIG_DFL, signal.SIG_IGN])
def test_where_no_server_handles_the_signal_it_is_left_alone(server: Server, disposition: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, disposition)

    async def main() -> None:
        drain = Drain(5.0)
        drain.install()
        assert signal.getsignal(signal.SIGTERM) == disposition
        drain.restore()
        assert drain.is_draining

    run(main())
    assert signal.getsignal(signal.SIGTERM) == disposition


def test_in_another_thread_the_signal_is_left_alone(server: Server) -> None:
    drain = Drain(5.0)

    async def main() -> None:
        drain.install()
        drain.restore()

    thread = threading.Thread(target=lambda: run(main()))
    thread.start()
    thread.join()

    assert drain.is_draining
    assert signal.getsignal(signal.SIGTERM) == server.handle_exit


def test_sigint_stays_the_servers(server: Server) -> None:
    async def main() -> None:
        before = signal.getsignal(signal.SIGINT)
        drain = Drain(5.0)
        drain.install()
        assert signal.getsignal(signal.SIGINT) == before
        drain.restore()

    run(main())


def test_it_says_in_one_line_how_things_stand() -> None:
    assert repr(Drain(2.5)) == "Drain(seconds=2.5, is_draining=False)"


def test_an_app_that_is_started_twice_at_once_tells_the_server_all_the_same(server: Server) -> None:
    """As two clients of one app in a test start it; a server is not told by way of itself for ever."""

    async def main() -> None:
        drain = Drain(5.0)
        drain.install()
        drain.install()
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(6)
        drain.restore()
        drain.restore()
        assert server.handle_exit == signal.getsignal(signal.SIGTERM)

    run(main())
    assert server.told == [(5.0, signal.SIGTERM)]


def test_an_app_that_is_started_again_serves_again(server: Server) -> None:
    async def main() -> bool:
        drain = Drain(5.0)
        drain.install()
        drain.restore()
        drain.install()
        was_draining = drain.is_draining
        drain.restore()
        return was_draining

    assert not run(main())
    assert server.told == []
