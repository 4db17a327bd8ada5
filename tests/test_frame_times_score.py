"""What the page about time claims of tools: the score, on cases that can be counted by hand."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.frame_times import (
    EXACT,
    PART,
    SPECIAL,
    Numbers,
    in_child,
    index_of,
    score_cuts,
    score_picks,
    with_table,
)
from tests.media.test_matrix import OPENCV_DISAGREES
from tests.support.matrix import MATRIX

PAGE = (Path(__file__).parents[1] / "docs/time.md").read_text(encoding="utf-8")
TIMES_SEC = {0: -1.0, 1: 0.0, 2: 0.5, 3: 3.0}


def test_a_pick_is_as_wrong_as_its_frame_is_far_away() -> None:
    picks = score_picks([1, 2, 3], [1, 3, 0], TIMES_SEC)
    assert (picks.wrong, picks.missing, picks.foreign) == (2, 0, 0)
    assert picks.greatest_error_sec == 4.0, "frame 0 is hidden, a second before the start"
    assert str(picks) == "4.00 s (2 of 3)"


def test_strangers_and_missing_pictures_are_told_apart() -> None:
    picks = score_picks([1, 2, 3], [2000, None, 3], TIMES_SEC)
    assert str(picks) == "another video (1 of 3), no picture (1 of 3)"
    assert str(score_picks([1, 2], [None, None], TIMES_SEC)) == "no picture"


@given(st.lists(st.sampled_from(sorted(TIMES_SEC)), min_size=1))
def test_right_pictures_are_exact(wanted: list[int]) -> None:
    assert str(score_picks(wanted, wanted, TIMES_SEC)) == EXACT


def test_clips_lose_double_and_borrow_frames() -> None:
    held = score_cuts([([0, 1, 2], [1, 1, 1, 2, 3]), ([3, 4], [4, None])])
    assert str(held) == "2 lost, 2 doubled, 2 foreign"


@given(st.lists(st.integers(0, 40), min_size=2, unique=True).map(sorted))
def test_neighbours_that_share_nothing_are_exact(stops: list[int]) -> None:
    pieces = [range(start, end) for start, end in itertools.pairwise(stops)]
    assert str(score_cuts([(piece, list(piece)) for piece in pieces])) == EXACT


@pytest.mark.parametrize(
    ("time_sec", "count", "index"), [(0.99, 100, 30), (9.9, 100, 99), (9.9, -1, 297)]
)
def test_an_index_stays_within_a_count_that_is_known(
    time_sec: float, count: int, index: int
) -> None:
    assert index_of(time_sec, 30.0, count) == index


def crashing(_path: str, _wanted_sec: Sequence[float], _turned: int) -> Numbers:
    os._exit(11)


def test_a_tool_that_crashes_costs_one_cell() -> None:
    assert in_child(crashing, "a.mp4", [0.0], 0) == "crashes"


def test_the_words_around_the_table_are_kept() -> None:
    page = "before\n<!-- measured: frame times -->\nold\n<!-- end -->\nafter\n"
    assert with_table(page, "new \\1\n") == page.replace("old", "new \\1")
    with pytest.raises(ValueError, match="no part between"):
        with_table("a page", "new\n")


# The page itself


def test_every_file_of_the_matrix_is_in_the_table_and_ours_is_exact() -> None:
    part = PART.search(PAGE)
    assert part is not None
    below_the_head = part[0].partition("|---|")[2].splitlines()[1:]
    rows = [line.strip("| ").split(" | ") for line in below_the_head]
    assert [row[0] for row in rows] == list(MATRIX)
    assert [row[1] for row in rows] == [SPECIAL[name] for name in MATRIX]
    assert {(row[2], row[-1]) for row in rows} == {(EXACT, EXACT)}


def test_every_known_disagreement_is_told_with_its_reason() -> None:
    for name, reason in OPENCV_DISAGREES.items():
        assert f"\n| {name} | {reason} |\n" in PAGE
