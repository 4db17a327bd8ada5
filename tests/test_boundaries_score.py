"""The score that says how well step boundaries were found, on cases that can be counted by hand."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.boundaries import (
    Prediction,
    count_found,
    match_boundaries,
    parse_seeds,
    read_prediction,
    score_video,
    to_markdown,
)
from examples.render import TrueBoundary, TrueStep, Truth

times = st.lists(st.integers(0, 600).map(lambda tenths: tenths / 10), max_size=8, unique=True)


def truth() -> Truth:
    edges = [0.0, 10.0, 20.0, 30.0, 40.0]
    return Truth(
        seed=5,
        fps=25,
        duration_sec=40.0,
        steps=tuple(TrueStep(a, b, "work") for a, b in pairwise(edges)),
        boundaries=(
            TrueBoundary(10.0, "soft"),
            TrueBoundary(20.0, "hard"),
            TrueBoundary(30.0, "soft"),
        ),
    )


@pytest.mark.parametrize(
    ("true_sec", "found_sec", "errors"),
    [
        ([10.0, 20.0], [10.0, 20.0], [0.0, 0.0]),
        ([10.0, 20.0], [], [None, None]),
        ([], [10.0], []),
        # Just within and just outside the tolerance of 1 s.
        ([10.0, 20.0], [11.0, 21.01], [1.0, None]),
        # One found boundary between two true ones is worth one, the nearer.
        ([10.0, 11.0], [10.75], [None, -0.25]),
        # Two found ones near one true one are worth one as well, the nearer.
        ([10.0], [9.25, 10.5], [0.5]),
        # The closest pair goes first; what is left over still finds its own partner.
        ([10.0, 11.0], [10.75, 9.5], [-0.5, -0.25]),
    ],
)
def test_boundaries_are_paired_one_to_one_the_closest_first(
    true_sec: list[float], found_sec: list[float], errors: list[float | None]
) -> None:
    assert match_boundaries(true_sec, found_sec, 1.0) == errors


@given(times, times, st.integers(0, 30))
def test_no_found_boundary_counts_twice_or_from_too_far(
    true_sec: list[float], found_sec: list[float], tolerance_tenths: int
) -> None:
    tolerance = tolerance_tenths / 10
    errors = match_boundaries(true_sec, found_sec, tolerance)
    hits = [(t, e) for t, e in zip(true_sec, errors, strict=True) if e is not None]
    assert len(errors) == len(true_sec)
    assert len(hits) <= len(found_sec)
    assert all(abs(error) <= tolerance + 1e-6 for _, error in hits)
    partners = sorted(round(time + error, 6) for time, error in hits)
    assert len(set(partners)) == len(partners)
    assert set(partners) <= {round(time, 6) for time in found_sec}


@given(times, times, st.integers(0, 2**16))
def test_the_order_in_which_boundaries_were_found_does_not_matter(
    true_sec: list[float], found_sec: list[float], seed: int
) -> None:
    shuffled = random.Random(seed).sample(found_sec, len(found_sec))
    count = sum(error is not None for error in match_boundaries(true_sec, found_sec, 1.0))
    again = sum(error is not None for error in match_boundaries(true_sec, shuffled, 1.0))
    assert count == again


def test_hard_and_soft_boundaries_are_counted_apart() -> None:
    score = score_video(truth(), Prediction((10.5, 20.9, 33.0), pool_interval_sec=0.8))
    assert count_found(score.errors_sec, "soft") == (1, 2)
    assert count_found(score.errors_sec, "hard") == (1, 1)
    assert (score.true_steps, score.found_steps) == (4, 4)
    # An even split into four steps of 10 s is right by accident here.
    assert count_found(score.even_split_errors_sec, "soft") == (2, 2)


def test_the_tolerance_is_one_interval_between_pictures_and_a_fifth_of_a_second() -> None:
    near = Prediction((10.99,), pool_interval_sec=0.8)
    far = Prediction((11.01,), pool_interval_sec=0.8)
    assert count_found(score_video(truth(), near).errors_sec, "soft") == (1, 2)
    assert count_found(score_video(truth(), far).errors_sec, "soft") == (0, 2)


def test_the_report_gives_both_shares_and_every_seed() -> None:
    report = to_markdown([score_video(truth(), Prediction((10.5, 20.9), pool_interval_sec=0.8))])
    assert "| hard | 1 | 1 | 100% | >= 80% |" in report
    assert "| soft | 1 | 2 | 50% | >= 60% |" in report
    assert "| 5 | 4 | 3 | 1/1 | 1/2 | 1.00 s |" in report


def test_a_report_without_hard_boundaries_does_not_divide_by_zero() -> None:
    assert "| hard | 0 | 0 | - |" in to_markdown([])


def test_the_prediction_is_where_every_step_but_the_first_begins(tmp_path: Path) -> None:
    (tmp_path / "stage1").mkdir()
    (tmp_path / "stage2").mkdir()
    frames = [{"timestamp_sec": 0.5 * index} for index in range(5)]
    segments = [{"start_sec": start, "end_sec": start + 1} for start in (0.0, 1.0, 1.5)]
    manifest, found = {"frames": frames}, {"segments": segments}
    (tmp_path / "stage1" / "frame_manifest.json").write_text(json.dumps(manifest), "utf-8")
    (tmp_path / "stage2" / "step_segments.json").write_text(json.dumps(found), "utf-8")
    prediction = read_prediction(tmp_path)
    assert prediction == Prediction((1.0, 1.5), pool_interval_sec=0.5)
    assert prediction.steps == 3


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [3]), ("3,5", [3, 5]), ("10-12", [10, 11, 12]), ("1,4-5", [1, 4, 5])]
)
def test_seeds_are_read_as_they_are_written(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-b", "5-3"])
def test_what_is_no_seed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"seeds|invalid literal"):
        parse_seeds(text)
