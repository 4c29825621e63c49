"""Samples of a server are told by part, and drawn."""

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.flame._parts import COLOURS, levels, part_of, shares
from benchmarks.flame._samples import Frame, give, line_of, make_room, parsed
from benchmarks.flame._svg import drawn

ROOT = Path(__file__).parents[2]
LOOP = Frame("Runner.run", "/usr/lib/python3.11/asyncio/runners.py", 118)
SERVER = Frame("run_asgi", "/a/site-packages/uvicorn/protocols/http/httptools_impl.py", 422)
PAGE = Frame("Page.reply", f"{ROOT}/bff/rest/_page.py", 100)
SENT = Frame("Channel.begin", f"{ROOT}/bff/ambassador/_channel.py", 87)


def no_source(_: Frame) -> str:
    return ""


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("bff/ambassador/_channel.py", "wire"),
        ("bff/ambassador/_retrier.py", "exchange and onion"),
        ("bff/declare/_exchange.py", "exchange and onion"),
        ("bff/execute/_run.py", "executor"),
        ("bff/plan/_codecs.py", "codecs"),
        ("bff/rest/_page.py", "edge"),
        ("bff/_logging.py", "access log"),
        ("examples/web_bff/app.py", "page's functions"),
    ],
)
def test_a_sample_belongs_to_the_part_whose_module_it_is_in(place: str, part: str) -> None:
    assert (ROOT / place).exists() or "_channel" in place
    assert part == part_of([LOOP, SERVER, Frame("f", f"{ROOT}/{place}", 1)], no_source)


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        ([LOOP], "event loop and polling"),
        ([LOOP, SERVER], "server"),
        ([LOOP, PAGE, Frame("current_task", "/usr/lib/python3.11/asyncio/tasks.py", 39)], "edge"),
        ([LOOP, PAGE, Frame("emit", "/usr/lib/python3.11/logging/__init__.py", 9)], "access log"),
        ([LOOP, PAGE, Frame("answer", f"<bff plan {ROOT}/app.py:7>", 3)], "executor"),
        ([Frame("nobody", "/elsewhere/x.py", 1)], "other"),
        ([], "other"),
    ],
)
def test_what_is_nobodys_belongs_to_whoever_called_it(stack: list[Frame], part: str) -> None:
    assert part == part_of(stack, no_source)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("value = self._fast_decode(content)", "wire"),
        ("value = decode(content)", "codecs"),
        ("body = encode(made.value)", "codecs"),
        ('text = name.decode("latin-1")', "wire"),
        ("self._transport.write(message)", "writing to sockets"),
    ],
)
def test_what_is_compiled_is_known_by_the_line_that_calls_it(line: str, part: str) -> None:
    assert part == part_of([LOOP, SENT], lambda _: line)


def test_shares_are_of_all_samples_in_the_order_of_the_parts() -> None:
    told = shares({(LOOP,): 3, (LOOP, PAGE): 1}, no_source)
    assert [("edge", 0.25), ("event loop and polling", 0.75)] == list(told.items())
    assert set(told) <= set(COLOURS)


def test_a_picture_names_each_function_with_its_share_and_no_folder() -> None:
    samples = {(LOOP, SERVER, PAGE): 3, (LOOP, SERVER): 1}
    root = ET.fromstring(drawn(samples, no_source, title="a page"))
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "a page",
        "Runner.run (asyncio/runners.py): 100.0%",
        "run_asgi (uvicorn/protocols/http/httptools_impl.py): 100.0%",
        "Page.reply (bff/rest/_page.py): 75.0%",
    ]


def test_a_stack_that_was_read_while_it_changed_is_not_drawn() -> None:
    assert [] == levels((PAGE,), no_source)
    whole = drawn({(LOOP, SERVER): 1}, no_source, title="")
    assert whole == drawn({(LOOP, SERVER): 1, (PAGE,): 5}, no_source, title="")


def test_what_has_no_frame_is_drawn_on_top_of_the_line_that_calls_it() -> None:
    drawn_levels = levels((LOOP, SENT), lambda _: "self._transport.write(message)")
    assert ["Runner.run", "Channel.begin", "writing to sockets"] == [level.name for level in drawn_levels]


def test_what_py_spy_writes_is_read_and_equal_stacks_are_one() -> None:
    text = "run (a.py:1);<lambda> (/b (c)/d.py:2) 3\nrun (a.py:1);<lambda> (/b (c)/d.py:2) 4\n"
    assert {(Frame("run", "a.py", 1), Frame("<lambda>", "/b (c)/d.py", 2)): 7} == parsed(text)


def test_a_line_is_read_from_its_file_where_there_is_one() -> None:
    assert '"""Samples of a server are told by part, and drawn."""\n' == line_of(Frame("f", __file__, 1))
    assert not line_of(Frame("f", "<frozen x>", 1))


def test_a_server_gets_a_processor_that_others_leave_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, list[int]]] = []

    def refuse(*_: int) -> None:
        raise PermissionError

    def affinity(_: int) -> set[int]:
        return {3, 1, 2}

    def set_affinity(pid: int, mask: list[int]) -> None:
        asked.append((pid, mask))

    monkeypatch.setattr(os, "sched_getaffinity", affinity)
    monkeypatch.setattr(os, "sched_setaffinity", set_affinity)
    monkeypatch.setattr(os, "setpriority", refuse)
    give(make_room(), 77)
    assert [(0, [2, 3]), (77, [1])] == asked
