"""A sample of the fault campaign, and what the table and its page must hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaigns.fault_cases import ONE, Case, Rule, cases, sampled
from tests.campaigns.fault_trials import LOG, Outcome
from tests.campaigns.faults import Campaign
from tests.campaigns.faults_report import report

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
SEED = 3


@pytest.mark.slow
def test_runs_in_trouble_do_what_the_table_says_and_what_it_does_not_say_is_noticed(
    tmp_path: Path,
) -> None:
    chosen = sampled(cases(), 2, 1, SEED)
    (case,) = (case for case in cases() if case.name == "404, unknown path | every request")
    wrong = replace(case, requests=(2, 2), says=("all is well",), exit_code=0, videos=ONE)
    names = dict.fromkeys([*ONE, *(name for case in chosen for name in case.videos)])
    *outcomes, noticed = Campaign(tmp_path, 2, tuple(names)).run([*chosen, wrong])
    assert [(o.case.name, o.deviations) for o in outcomes if o.deviations] == []
    found = "\n".join(noticed.deviations)
    for words in ("exit code: 3, not 0", "1 requests, not (2, 2)", "no line with ('all is well',)"):
        assert words in found


def test_every_case_has_a_name_of_its_own_and_every_rule_has_cases() -> None:
    table = cases()
    assert [name for name, times in Counter(c.name for c in table).items() if times > 1] == []
    assert {case.rule for case in table} == set(Rule)


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_always_holds_cases_that_end_a_run(seed: int) -> None:
    chosen = sampled(cases(), 2, 3, seed)
    assert [case.ends_run for case in chosen] == [True] * 2 + [False] * 3
    assert chosen == sampled(cases(), 2, 3, seed)


def test_the_page_in_docs_has_every_case_and_nothing_unexpected() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [case.name for case in cases() if f"| {case.does} | {case.when} |" not in page] == []
    assert "## Not as expected\n\nNothing.\n" in page


def outcome_of(case: Case, line: str, *deviations: str) -> Outcome:
    return Outcome(case, case.exit_code, case.done, 7, 3, 5, line, 1.0, 1234, deviations)


def test_the_page_shows_what_was_seen_and_what_was_not_as_expected() -> None:
    first, second = cases()[:2]
    page = report([
        outcome_of(first, f"{LOG}2026-01-01T00:00:00.000Z DEBUG   a.b: said | at 127.0.0.1:4711"),
        outcome_of(second, "", "7 requests, not (1, 1)"),
    ])  # fmt: skip
    assert "log file: `said \\| at 127.0.0.1:8000`" in page
    assert f"- {second.name}: 7 requests, not (1, 1)" in page
    assert "2 cases, 1 as expected" in page
