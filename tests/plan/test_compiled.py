"""The functions of a plan are compiled once for all plans, and are each plan's own all the same."""

import traceback
from types import FunctionType

import pytest

from bff.plan._compiled import _code_of, compiled

HALF = "def half(v):\n    return [number / 2 for number in v]"
THIRD = "def third(v):\n    return half(v) + [\n        limit / number for number in v\n    ]"


def test_a_function_stands_in_a_traceback_where_it_stands_in_the_source() -> None:
    source, functions = compiled("# head\n# more", [HALF, THIRD], "<bff plan a>", {"limit": 1})
    with pytest.raises(ZeroDivisionError) as caught:
        functions["third"]([0])
    innermost = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert ("<bff plan a>", "limit / number for number in v") == (innermost.filename, innermost.line)
    assert innermost.line == source.splitlines()[(innermost.lineno or 0) - 1].strip()


def test_code_is_what_compiling_the_whole_source_makes_of_it() -> None:
    source, functions = compiled("# head", [HALF, THIRD], "<bff plan b>", {})
    whole: dict[str, FunctionType] = {}
    exec(compile(source, "<bff plan b>", "exec"), whole)
    for name, function in functions.items():
        code = whole[name].__code__
        assert [*code.co_positions()] == [*function.__code__.co_positions()]
        assert (code, code.co_filename) == (function.__code__, function.__code__.co_filename)


def test_equal_texts_are_compiled_once_and_use_the_names_of_their_own_plan() -> None:
    before = _code_of.cache_info().misses
    text = "def answer(v):\n    return v + add  # once"
    _, one = compiled("# one", [text], "<bff plan one>", {"add": 1})
    _, two = compiled("# two", [text], "<bff plan two>", {"add": 2})
    assert (1, 2, 3) == (_code_of.cache_info().misses - before, one["answer"](1), two["answer"](1))
