"""Counts of instructions are held against the baseline as the how-to page says."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.instructions import __main__ as command
from benchmarks.instructions._baseline import BASELINE, Counts, Refusal, judge, refusal, updates
from benchmarks.instructions._cases import CASES, REFERENCE
from benchmarks.instructions._stage import PRODUCTS

ROOT = Path(__file__).parents[2]
TOLERANCES = {"wire": 0.03}


def counts(*, reference: int = 1_000_000, **instructions: int) -> Counts:
    return Counts("3.11", "3.11.7 of somewhere", {"pydantic": "2.14.0"}, {REFERENCE: reference, **instructions})


def verdicts(before: Counts, now: Counts, tolerances: Mapping[str, float] = TOLERANCES) -> list[tuple[str, bool]]:
    return [(one.verdict, one.is_failure) for one in judge(before, now, tolerances)]


def test_more_instructions_than_the_tolerance_allows_fail() -> None:
    assert [("slower", True)] == verdicts(counts(wire=10_000), counts(wire=10_301))


@pytest.mark.parametrize("now", [9_701, 10_000, 10_299])
def test_a_change_within_the_tolerance_is_none(now: int) -> None:
    assert [("as before", False)] == verdicts(counts(wire=10_000), counts(wire=now))


def test_an_improvement_is_told_and_does_not_fail() -> None:
    assert [("faster", False)] == verdicts(counts(wire=10_000), counts(wire=9_699))


def test_counts_are_compared_as_multiples_of_the_reference() -> None:
    before = counts(reference=1_000_000, wire=10_000)
    assert [("as before", False)] == verdicts(before, counts(reference=1_015_000, wire=10_400))
    assert [("slower", True)] == verdicts(before, counts(reference=985_000, wire=10_200))


def test_a_case_has_the_tolerance_that_it_says() -> None:
    before, now = counts(wire=10_000, page=10_000), counts(wire=10_400, page=10_400)
    assert [("slower", True), ("as before", False)] == verdicts(before, now, {"wire": 0.03, "page": 0.05})


def test_a_case_without_a_baseline_fails_and_so_does_a_baseline_without_its_case() -> None:
    assert [("new", True)] == verdicts(counts(), counts(wire=10_000))
    assert [("gone", True)] == verdicts(counts(wire=10_000), counts())


def test_another_minor_version_of_python_is_not_judged_and_no_baseline_would_mend_that() -> None:
    refused = refusal(counts(), replace(counts(), python="3.12"))
    assert Refusal("the baseline was counted with Python 3.11, and this is Python 3.12", is_mendable=False) == refused


def test_another_build_of_the_same_python_is_not_judged_and_says_what_differs() -> None:
    refused = refusal(counts(), replace(counts(reference=1_021_000), build="3.11.9 of elsewhere"))
    assert refused is not None
    assert refused.is_mendable
    assert "1,021,000 instructions, +2.1%" in refused.reason
    assert "3.11.9 of elsewhere" in refused.reason
    assert refusal(counts(), counts(reference=1_019_000)) is None


def test_packages_that_are_others_than_the_baseline_s_are_named() -> None:
    now = replace(counts(), packages={"pydantic": "2.15.0", "msgspec": "0.20.0"})
    assert ["pydantic 2.14.0 -> 2.15.0", "msgspec none -> 0.20.0"] == list(updates(counts(), now))


@pytest.mark.parametrize(
    ("found", "in_ci", "status", "told"),
    [
        ({"edge": 10_000}, True, 0, "as before"),
        ({"edge": 12_000}, False, 1, "1 of 1 fail"),
        ({"edge": 8_000}, True, 0, "make instructions ARGS=--update"),
        ({"edge": 10_000, REFERENCE: 1_100_000}, True, 1, "Not judged: this is another build"),
        ({"edge": 10_000, REFERENCE: 1_100_000}, False, 0, "Not judged: this is another build"),
    ],
    ids=["as before", "a regression", "an improvement", "another build in CI", "another build at home"],
)
def test_the_command_fails_for_a_regression_and_in_ci_for_a_baseline_that_says_nothing(
    found: Mapping[str, int],
    in_ci: bool,
    status: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    baseline = tmp_path / "baseline.json"
    Counts.here({REFERENCE: 1_000_000, "edge": 10_000}).write(baseline)
    monkeypatch.setattr(command, "BASELINE", baseline)

    def counted(_: Sequence[str]) -> Mapping[str, int]:
        return {REFERENCE: 1_000_000, **found}

    def which(_: str) -> str:
        return "/usr/bin/valgrind"

    monkeypatch.setattr(command, "counted", counted)
    monkeypatch.setattr("shutil.which", which)
    monkeypatch.setattr(sys, "argv", ["instructions", "--case", "edge"])
    monkeypatch.setenv("CI", "true" if in_ci else "")
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert (status, True) == (stopped.value.code, told in capsys.readouterr().out)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    counts(wire=7).write(tmp_path / "counts.json")
    assert counts(wire=7) == Counts.read(tmp_path / "counts.json")


def test_the_committed_baseline_has_every_case_and_no_other() -> None:
    assert {*CASES} == {*json.loads(BASELINE.read_text())["instructions"]}


@pytest.mark.parametrize("name", CASES)
def test_a_case_does_its_work(name: str) -> None:
    async def main() -> None:
        once = await CASES[name].prepare()
        for number in PRODUCTS:
            await once(number)

    asyncio.run(main())


def test_clocks_that_are_stopped_go_on_by_readings_alone() -> None:
    code = (
        "from benchmarks.instructions._clock import stop_the_clocks; stop_the_clocks();"
        "import asyncio, time; first = asyncio.new_event_loop().time();"
        "print(round((time.monotonic() - first) * 1e6), round((time.perf_counter() - time.perf_counter()) * 1e6))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "1 -1\n" == done.stdout
