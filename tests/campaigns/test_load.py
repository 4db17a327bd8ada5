"""What the load campaign must notice, and one small run of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaigns.busy_server import Arrival, Capacity
from tests.campaigns.load import Campaign, Outcome, Run, Scenario, report

SCENARIO = Scenario(name="two", about="2 at once", capacity=Capacity(((0.0, 2),)), concurrency=6)


def arrivals(*, refused: int, of: int, at_sec: float = 30.0) -> tuple[Arrival, ...]:
    """Return so many arrivals, all of other requests, so many of them refused."""
    return tuple(
        Arrival(at_sec=at_sec, digest=f"request {number}", was_refused=number < refused)
        for number in range(of)
    )


def outcome(**of_refusing: object) -> Outcome:
    """Return an outcome without a fault, with these changes to its first run."""
    good = Run(
        exit_code=0, took_sec=100.0, said="40 done, 240 requests", answers=240,
        arrivals=arrivals(refused=12, of=240),
    )  # fmt: skip
    changed = replace(good, **of_refusing)  # type: ignore[arg-type]
    return Outcome(scenario=SCENARIO, videos=40, refusing=changed, waiting=good)


def test_a_run_within_every_bound_has_no_deviation() -> None:
    assert list(outcome().deviations()) == []
    assert list(outcome(took_sec=134.0).deviations()) == []
    early = arrivals(refused=100, of=120, at_sec=5.0) + arrivals(refused=5, of=120)
    assert list(outcome(arrivals=early).deviations()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arrivals": arrivals(refused=13, of=240)}, "of the answers after 20 s are 429"),
        ({"took_sec": 136.0}, "1.36 times as long"),
        ({"exit_code": 1}, "ended with 1"),
        ({"said": "39 done, 1 failed, 240 requests"}, "ended with 0"),
    ],
)
def test_every_bound_is_held_against_a_run(changes: dict[str, object], words: str) -> None:
    (deviation,) = outcome(**changes).deviations()
    assert words in deviation
    assert words in report([outcome(**changes)])


def test_a_request_that_comes_again_before_its_retry_after_is_noticed() -> None:
    refused = Arrival(at_sec=1.0, digest="a", was_refused=True, retry_after_sec=3.0)
    again = Arrival(at_sec=3.9, digest="a", was_refused=False)
    assert outcome(arrivals=(refused, again)).refusing.too_early() == 1
    assert outcome(arrivals=(refused, replace(again, at_sec=4.1))).refusing.too_early() == 0
    assert outcome(arrivals=(refused, replace(again, digest="b"))).refusing.too_early() == 0


@pytest.mark.slow
def test_a_small_server_that_refuses_costs_no_video_and_no_repeated_request(
    tmp_path: Path,
) -> None:
    scenario = replace(SCENARIO, retry_after="1")
    run = Campaign(tmp_path, videos=3, takes_sec=(0.1, 0.3)).run_against(scenario, "refused")
    assert run.exit_code == 0
    assert "3 done" in run.said
    assert run.refused > 0
    assert run.too_early() == 0
    assert run.answers == 18
