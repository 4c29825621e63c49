"""The simulation is reproducible, and what the page says of it is what came out."""

from dataclasses import replace

import pytest

from benchmarks.simulation.__main__ import PAGE
from benchmarks.simulation._clients import Crowd
from benchmarks.simulation._contenders import BY_HAND, CONTENDERS, DEFAULTS, NO_POLICY
from benchmarks.simulation._measure import Result, measure
from benchmarks.simulation._plots import drawn
from benchmarks.simulation._report import Report, as_json, from_json, with_tables
from benchmarks.simulation._scenarios import SCENARIOS, Scenario
from benchmarks.simulation._server import Phase, Setup

SHORT = Scenario(
    "short",
    "A short brown-out, and visitors who reload",
    (Setup(workers=2, phases=(Phase(3, 9, speed=0.2),)), Setup(workers=2)),
    Crowd(60, 12, reloads=1),
    (3, 9),
    tuple(CONTENDERS),
)


def results(scenario: Scenario, *, seed: int) -> dict[str, Result]:
    return {name: measure(scenario, name, seed=seed) for name in scenario.contenders}


def test_the_same_seed_gives_the_same_numbers_to_the_last_byte_and_another_one_others() -> None:
    first, again = (as_json(Report.of(SHORT, results(SHORT, seed=1)), seed=1) for _ in range(2))
    assert first == again
    assert measure(SHORT, NO_POLICY, seed=1) != measure(SHORT, NO_POLICY, seed=2)
    report = from_json("short", first)
    assert first == as_json(report, seed=1)
    assert drawn(report) == drawn(report)


@pytest.mark.parametrize(
    "setup",
    [Setup(phases=(Phase(5, 25, speed=0.3),)), Setup(phases=(Phase(5, 15, speed=0.0),))],
    ids=["brown-out", "hanging"],
)
def test_with_the_defaults_more_visitors_get_an_answer_than_with_no_policy_or_one_by_hand(setup: Setup) -> None:
    """What the page claims, in short: a default that breaks it is to be thought over."""
    scenario = replace(SHORT, addresses=(setup,), crowd=Crowd(115, 35, reloads=1))
    success = {name: measure(scenario, name, seed=1).success for name in (DEFAULTS, NO_POLICY, BY_HAND)}
    assert success[DEFAULTS] > success[NO_POLICY] + 0.05
    assert success[DEFAULTS] > success[BY_HAND] + 0.05


def test_the_page_shows_every_scenario_as_it_came_out() -> None:
    folder = PAGE.with_suffix("")
    reports = {
        scenario.name: from_json(scenario.name, (folder / f"{scenario.name}.json").read_text())
        for scenario in SCENARIOS
    }
    page = PAGE.read_text()
    assert page == with_tables(page, reports)
    for scenario in SCENARIOS:
        assert f"<!-- table: {scenario.name} -->" in page
        assert scenario.is_eventful == (f"(simulation/{scenario.name}.svg)" in page)
        assert (scenario.title, scenario.contenders) == (
            reports[scenario.name].title,
            tuple(reports[scenario.name].results),
        )
