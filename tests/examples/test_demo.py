"""`make demo`: what it shows, and that it stops what it started."""

import re
import signal
import subprocess
import sys

import httpx
import pytest

from examples.demo import JSONValue, abridged

DEMO = [sys.executable, "-u", "-m", "examples.demo"]


def test_once_shows_products_lists_and_orders_and_ends() -> None:
    result = subprocess.run([*DEMO, "--once"], capture_output=True, text=True, timeout=120, check=False)
    assert (0, "") == (result.returncode, result.stderr)
    assert 2 == result.stdout.count('"available": true')
    assert 2 == result.stdout.count("BFF-Partial: reviews;cause=timeout")
    assert 2 == len(re.findall(r"200 +25 bytes", result.stdout))
    calls = re.findall(r"calls: catalog 1, inventory 1(?:, orders (\d))? ", result.stdout)
    assert ["", "", "", "", "", "3", "3", "2"] == calls  # of two products and three lists, and of the orders
    assert 2 == result.stdout.count('"status": "confirmed"')
    assert 1 == result.stdout.count('"cause": "card-declined"')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_told_to_stop_and_takes_everything_along(number: signal.Signals) -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        addresses = set(re.findall(r"http://127\.0\.0\.1:\d+(?=/)", said))
        assert 4 == len(addresses)
        assert [200] * 3 == [httpx.get(address).status_code for address in re.findall(r"(\S+/docs)", said)]
        demo.send_signal(number)
        assert "Stopped.\n" == demo.stdout.read()
        assert 0 == demo.wait(timeout=60)
    for address in addresses:
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)


def test_long_texts_and_lists_are_cut() -> None:
    page: JSONValue = {"name": "Kettle", "sizes": [160, 480, 960], "text": "x" * 100, "brand": None, "tags": ["one"]}
    expected = {
        "name": "Kettle",
        "sizes": [160, "... 2 more"],
        "text": "x" * 60 + "...",
        "brand": None,
        "tags": ["one"],
    }
    assert expected == abridged(page)
