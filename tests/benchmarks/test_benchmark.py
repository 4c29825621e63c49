"""The benchmark's own reckoning: what is asked of whom, what counts as a mistake, and what rounds come to."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks
from benchmarks.__main__ import main
from benchmarks._cases import CASES
from benchmarks._claims import CLAIMS, verdicts
from benchmarks._contenders import BASELINE, CONTENDERS
from benchmarks._measure import Measured, Settings, miscount
from benchmarks._package import _PLACES, COMPILED, check_kind, place_of
from benchmarks._plot import drawn
from benchmarks._rate import AtRate
from benchmarks._rounds import jobs
from benchmarks._selection import SMOKE, lacking, minutes, selected
from benchmarks._summary import Summary, summary
from benchmarks._tools import Tool

EVERYBODY = {name for case in CASES for name in case.contenders}


def measured(cpu: float, *, at_rate: AtRate | None = None) -> Measured:
    return Measured(cpu=cpu, rate=1 / cpu, memory=1000, calls=3.0, at_rate=at_rate)


def nowhere(_name: str, path: str | None = None) -> None:
    """Find nothing."""


def summed(cpu: float, calls: float = 3.0) -> Summary:
    return Summary(cpu=cpu, least=cpu, most=cpu, rate=1 / cpu, memory=1000, calls=calls, at_rate=None)


def test_cases_name_contenders_that_there_are_and_all_of_them_take_part() -> None:
    assert {*CONTENDERS} == EVERYBODY


def test_whoever_is_written_with_bff_runs_what_pip_installs_or_says_otherwise() -> None:
    kinds = {name: contender.kind for name, contender in CONTENDERS.items() if contender.kind}
    assert {name for name in CONTENDERS if name.startswith("bff_")} == {*kinds}
    assert {name for name, kind in kinds.items() if kind == "interpreted"} == {"bff_interpreted"}
    assert [name for name, kind in kinds.items() if (kind == "compiled") != (COMPILED in CONTENDERS[name].needs)] == []


def test_modules_that_are_not_of_the_kind_that_a_row_says_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    check_kind("interpreted")
    monkeypatch.setitem(_PLACES, "compiled", place_of("interpreted"))
    with pytest.raises(RuntimeError, match=r"should have bff compiled, and has .* \(interpreted\)"):
        check_kind("compiled")


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.key for case in CASES}) == len(CASES)


def test_whoever_is_compared_is_compared_with_the_baseline() -> None:
    assert [case.key for case in CASES if BASELINE not in case.contenders] == ["pages/hop"]


def test_a_case_asks_for_hundreds_of_different_things() -> None:
    assert [case.key for case in CASES if len({*case.paths}) < 250] == []


def test_the_smoke_run_has_every_contender_of_the_pages() -> None:
    named = {name for case in selected(SMOKE, ()) for name in case.contenders}
    assert named == {name for case in CASES if case.group == "pages" for name in case.contenders}


def test_a_case_is_named_by_its_group_or_in_full() -> None:
    assert {case.group for case in selected(["join"], ())} == {"join"}
    assert [case.key for case in selected(["join/singly"], ())] == ["join/singly"]


def test_only_the_contenders_that_are_named_take_part_and_cases_without_any_are_left_out() -> None:
    cases = selected(["pages"], ["fastapi_aiohttp"])
    assert [(case.key, case.contenders) for case in cases] == [
        ("pages/web", ("fastapi_aiohttp",)),
        ("pages/mobile", ("fastapi_aiohttp",)),
    ]


@pytest.mark.parametrize(("groups", "contenders"), [(["page"], []), (["pages"], ["bff"])])
def test_a_name_that_is_nobodys_is_refused(groups: list[str], contenders: list[str]) -> None:
    with pytest.raises(ValueError, match="there is no"):
        selected(groups, contenders)


def test_a_process_answers_all_cases_of_one_app() -> None:
    work = jobs(selected(["fan-out", "bodies", "endpoints"], ["bff_off"]))
    assert sorted(len(asked) for asked in work.values()) == [1, 1, 1, 8]  # an app of each number of endpoints


def test_more_rounds_take_longer() -> None:
    cases = selected(["pages"], ())
    few, many = (minutes(cases, Settings(rounds=rounds, seconds=4, warm_up=2)) for rounds in (1, 5))
    assert 5 * few > many > 4 * few


@pytest.mark.parametrize(
    ("calls", "cut", "shares", "is_wrong"),
    [
        (300, 0, False, False),
        (299, 0, False, True),  # a page was answered from something else
        (301, 0, False, True),  # a call was made twice
        (348, 16, False, False),  # sixteen pages were under way when the load ended
        (349, 16, False, True),
        (120, 0, True, False),
        (301, 0, True, True),
        (0, 0, True, True),
    ],
)
def test_calls_are_counted_exactly_and_at_most_where_answers_are_shared(
    calls: int, cut: int, shares: bool, is_wrong: bool
) -> None:
    complaint = miscount(calls, 100, expected=3, cut=cut, shares=shares)
    assert (complaint is not None) is is_wrong


def test_nobody_is_called_where_nobody_is_there() -> None:
    assert miscount(0, 100, expected=0, cut=16, shares=False) is None
    assert miscount(1, 100, expected=0, cut=16, shares=False) is not None


def test_rounds_come_to_their_middle_one_and_how_far_apart_they_were() -> None:
    rounds = [measured(cpu, at_rate=AtRate(100, 400, cpu, cpu * 2)) for cpu in (0.5, 0.1, 0.2)]
    found = summary(rounds)
    assert (found.cpu, found.least, found.most) == (0.2, 0.1, 0.5)
    assert found.at_rate is not None
    assert (found.at_rate.p50, found.at_rate.p99) == (0.2, 0.4)


def test_a_claim_is_judged_only_where_both_sides_were_measured() -> None:
    both = {("pages/web", "bff_defaults"): summed(0.3), ("pages/web", "fastapi_aiohttp"): summed(1.0)}
    (verdict,) = verdicts(both)
    assert verdict.holds
    assert verdicts({("pages/web", "bff_defaults"): summed(0.3)}) == []


def test_a_claim_that_does_not_hold_is_said_not_to() -> None:
    (verdict,) = verdicts({("down/down", "bff_defaults"): summed(1.1), ("down/up", "bff_defaults"): summed(1.0)})
    assert not verdict.holds
    assert verdict.ratio == pytest.approx(1.1)


def test_claims_are_about_what_is_measured() -> None:
    known = {(case.key, name) for case in CASES for name in case.contenders}
    assert {key for claim in CLAIMS for key in (claim.one, claim.other)} - known == set()


def test_the_picture_names_everybody_and_is_the_same_for_the_same_figures() -> None:
    cases = selected(["pages/web"], ())
    figures = {("pages/web", name): summed(0.001 * (at + 1)) for at, name in enumerate(cases[0].contenders)}
    picture = drawn(cases, figures)
    assert [name for name in cases[0].contenders if CONTENDERS[name].title not in picture] == []
    assert drawn(cases, figures) == picture


def test_cases_that_grow_are_one_picture_of_lines() -> None:
    cases = selected(["fan-out"], ())
    figures = {(case.key, name): summed(0.001 * (case.size or 0)) for case in cases for name in case.contenders}
    picture = drawn(cases, figures)
    assert picture.count("CPU µs a request") == 1
    assert [name for name in cases[0].contenders if CONTENDERS[name].title not in picture] == []


def test_the_packages_of_node_are_pinned_without_saying_where_they_come_from() -> None:
    lock = Path(benchmarks.__file__).parent / "contenders" / "node" / "package-lock.json"
    packages = json.loads(lock.read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_whoever_lacks_a_program_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Tool("envoy", lambda: None, "`make bench` installs it")
    monkeypatch.setitem(CONTENDERS, "envoy", replace(CONTENDERS["envoy"], needs=[gone]))
    cases, lacks = lacking(selected(["pages/hop"], ()))
    assert cases == []
    assert lacks == {"envoy": [gone]}


def test_what_is_missing_ends_the_run_and_in_ci_it_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", nowhere)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--smoke"])
    for is_ci in ("", "true"):
        monkeypatch.setenv("CI", is_ci)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == (1 if is_ci else 0)
        assert "apt-get install wrk" in capsys.readouterr().out
