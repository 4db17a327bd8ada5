"""What the chat's load campaign must notice, and one small run of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaigns.canned_upstream import canned
from tests.campaigns.chat_load import Load, Outcome, Streaming, report, run
from tests.campaigns.process_memory import Memory, can_be_seen

MB = 1_000_000


def outcome(first_sec: float = 0.2, **changes: object) -> Outcome:
    """Return an outcome without a fault, with these changes to what was seen."""
    good = Streaming(
        exact=50,
        finished=50,
        latencies_sec=(0.01, 0.02),
        most_at_once=50,
        body_mb=8.0,
        upload_status=201,
        upload_sec=10.0,
        is_beside=True,
        memory=Memory(200 * MB, 500 * MB, 400 * MB),
        looks=100,
    )
    streaming = replace(good, **changes)  # type: ignore[arg-type]
    return Outcome(load=Load(), streaming=streaming, first_tokens_sec=(first_sec,) * 3)


def test_a_run_within_every_bound_has_no_deviation() -> None:
    assert list(outcome().deviations()) == []
    assert "None." in report(outcome())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (outcome(exact=49), "1 of 50 readers have not exactly"),
        (outcome(finished=48), "2 of 50 answers did not end well"),
        (outcome(most_at_once=12), "only 12 of 50"),
        (outcome(upload_status=507), "answered with 507"),
        (outcome(is_beside=False), "not under way"),
        (outcome(memory=Memory(1, 2, 601 * MB)), "memory reached 601 MB"),
        (outcome(first_sec=0.6), "the first token took 600 ms"),
    ],
)
def test_every_bound_is_held_against_a_run(changed: Outcome, words: str) -> None:
    (deviation,) = changed.deviations()
    assert words in deviation
    assert words in report(changed)


@pytest.mark.slow
def test_a_few_conversations_lose_nothing_while_a_video_is_uploaded(tmp_path: Path) -> None:
    load = Load(
        conversations=6, videos=1, pieces=40, takes_sec=2.0, upload_mb=5, first_tokens=1,
        video_sec=3,
    )  # fmt: skip
    told = run(load, tmp_path).streaming
    assert (told.exact, told.finished, told.most_at_once) == (6, 6, 6)
    assert (told.upload_status, told.is_beside) == (201, True)
    assert len(told.latencies_sec) == 6 * 40
    assert not can_be_seen() or 0 < told.memory.tree_pss < 600 * MB
    assert canned(1, 40) != canned(2, 40)
