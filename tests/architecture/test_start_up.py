"""What starting up costs, in what can be counted: modules, texts read, decoders made, memory held."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmarks._generated import write_app

ROOT = Path(__file__).parents[2]

NOT_FOR_SERVING = {
    "aiohttp": "a wire for those who ask for it",
    "dns": "for `dns://` addresses alone",
    "httpx": "a client that a user may hand over, and the one of tests",
    "httpx2": "as above",
    "hypothesis": "for tests",
    "opentelemetry.sdk": "for whoever observes",
    "prometheus_client": "as above",
    "pybreaker": "for listeners and storages that a user hands over",
    "pydantic_settings": "where settings are asked for by the command line",
    "pytest": "for tests",
    "rich": "for the command line",
    "typer": "as above",
    "unittest": "for tests",
    "uvicorn": "who serves is not the app's to say",
}

MODULES = """
import sys
import fastapi
before = {*sys.modules}
import examples.web_bff.app
print(*({*sys.modules} - before))
"""

COUNTS = """
__name__ = "bff.counting"  # what counts is not the user's, and is not looked at
import ast, gc, json, sys, tracemalloc
import fastapi
import fastapi.dependencies.utils as dependencies
from bff import BFF
import bff.declare._source as source, bff.declare._trace as trace, bff.declare._upstream as upstream
import bff.plan._compiled as compiled, bff.plan._sharing as sharing, bff.plan._shapes as shapes
import made

counts = {}

def counted(module, name):
    function = getattr(module, name)
    counts[name] = 0
    def count(*args, **kwargs):
        counts[name] += 1
        return function(*args, **kwargs)
    setattr(module, name, count)

def trees():
    return sum(isinstance(thing, ast.AST) for thing in gc.get_objects())

counted(source, "_functions_in")
counted(upstream, "class_place")
counted(sharing, "build_decoder")
counted(shapes, "_rules_of")
counted(trace, "_scope")
counted(dependencies, "create_model_field")
counts["events"] = 0
set_profile = sys.setprofile

def counting(note):
    def count(frame, event, what):
        counts["events"] += 1
        note(frame, event, what)
    count.__module__ = note.__module__
    count.is_counting = True
    return count

def patched(note):
    set_profile(note if note is None or hasattr(note, "is_counting") else counting(note))

sys.setprofile = patched
tracemalloc.start()
app = BFF(*made.profiles)
gc.collect()
counts["bytes"] = tracemalloc.get_traced_memory()[0]
counts["trees"] = trees()
counts["pages"] = len(app.pages)
counts["texts"] = compiled._code_of.cache_info().misses
counts["described"] = sum("response_field" in vars(page) for page in app.pages)
print(json.dumps(counts))
"""

Counts = Mapping[str, int]
A_PAGE = 100_000
"""Bytes that a page may hold: twice what it does, and far less than a page that shares nothing."""


def run(code: str, folder: Path = ROOT) -> str:
    path = f"{folder}:{ROOT}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Counts]:
    """Return what building an app of so many pages came to."""
    known: dict[int, Counts] = {}

    def build(pages: int) -> Counts:
        if pages not in known:
            folder = tmp_path_factory.mktemp(f"pages{pages}")
            write_app(folder, pages)
            known[pages] = json.loads(run(COUNTS, folder))
        return known[pages]

    return build


def test_an_app_that_is_built_has_imported_nothing_that_serving_has_no_use_for() -> None:
    loaded = {*run(MODULES).split()}
    assert "bff.app" in loaded
    assert loaded & NOT_FOR_SERVING.keys() == set()


def test_pages_that_need_the_same_of_an_operation_share_its_decoder(built: Callable[[int], Counts]) -> None:
    """Of 25 pages over one service twenty ask for an item by its number, five for a list: all decode the same."""
    pages = built(25)
    assert (25, 5) == (pages["pages"], pages["build_decoder"])


def test_the_text_of_pages_in_which_nothing_is_decided_is_never_read(built: Callable[[int], Counts]) -> None:
    """That of the services was read when they were declared."""
    assert built(25)["_functions_in"] == 0


def test_what_a_field_asks_of_its_values_is_worked_out_once_for_a_shape(built: Callable[[int], Counts]) -> None:
    """A page has a shape of ten fields, and one of two for its notes."""
    assert built(25)["_rules_of"] == 25 * 12


def test_a_node_is_made_once_for_both_traces_of_a_page(built: Callable[[int], Counts]) -> None:
    """What it depends on is worked out for each that is made: of a page some twenty-six are."""
    assert 25 * 20 < built(25)["_scope"] < 25 * 30


def test_fastapi_looks_at_parameters_once_that_many_pages_have(built: Callable[[int], Counts]) -> None:
    """One kind of page has a number in its path, the other a limit in its query."""
    assert built(25)["create_model_field"] == built(50)["create_model_field"] == 2


def test_where_a_setting_stands_is_looked_up_only_to_tell_of_a_mistake(built: Callable[[int], Counts]) -> None:
    """That reads the text of a whole file, for every attribute of every upstream."""
    assert built(25)["class_place"] == 0


def test_our_own_work_is_not_watched_while_a_page_is_traced(built: Callable[[int], Counts]) -> None:
    """A page is about thirty values; the interpreter tells of a few calls for each, and of hundreds if it is let."""
    counts = built(25)
    assert 0 < counts["events"] < counts["pages"] * 180


def test_the_trees_of_the_texts_are_let_go(built: Callable[[int], Counts]) -> None:
    """They take more memory than all the plans; a few nodes without places belong to the interpreter itself."""
    assert built(25)["trees"] == built(50)["trees"] < 50


def test_what_an_app_holds_grows_with_its_pages_alone(built: Callable[[int], Counts]) -> None:
    few, many = built(25), built(50)
    assert (many["bytes"] - few["bytes"]) / 25 < A_PAGE


def test_functions_of_one_text_are_compiled_once_for_all_pages(built: Callable[[int], Counts]) -> None:
    """A page of the app has six functions, or five."""
    assert built(25)["texts"] <= 15
    assert built(50)["texts"] <= 30


def test_an_answer_is_described_only_when_the_document_is_asked_for(built: Callable[[int], Counts]) -> None:
    assert built(25)["described"] == 0
