"""A pool of one part of a video: only what is on display there, as densely as asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media.conftest import Videos, assert_pictures_are_what_they_say
from three_stage.media.pool import choose_frames, sample_pool
from three_stage.media.table import FrameTable
from three_stage.settings import SamplingSettings

SETTINGS = dataclasses.replace(SamplingSettings(), max_frames=9, no_embed_index=True)


@dataclasses.dataclass
class Times:
    """Of a table, what the choice looks at."""

    times_sec: np.ndarray

    def __len__(self) -> int:
        return len(self.times_sec)


@settings(max_examples=30)
@given(
    gaps=st.lists(st.floats(0.001, 5.0), min_size=0, max_size=80),
    start=st.floats(0.0, 100.0),
    length=st.floats(0.001, 100.0),
    most=st.integers(1, 60),
)
def test_chosen_frames_are_on_display_in_the_part_and_spread_over_it(
    gaps: list[float], start: float, length: float, most: int
) -> None:
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    sampling = dataclasses.replace(SETTINGS, max_frames=most)
    table = cast("FrameTable", Times(times))
    chosen = choose_frames(table, sampling, 1, (start, start + length)).indices
    shown = [
        index
        for index, time in enumerate(times)
        if time < start + length and (index + 1 == len(times) or times[index + 1] > start)
    ] or [len(times) - 1]
    assert set(chosen) <= set(shown)
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) == min(most, len(shown))
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (shown[0], shown[-1])


@pytest.mark.parametrize("name", ["h264.mp4", "phone.mp4"])
def test_the_pictures_of_a_part_are_what_they_say(videos: Videos, name: str) -> None:
    video = videos(name)
    end_sec = video.case.times_sec[-1]
    span = (end_sec * 0.4, end_sec * 0.6)
    pool = sample_pool(video.path, SETTINGS, fewest_frames=1, span_sec=span)
    assert_pictures_are_what_they_say(pool, video.case)
    times = [frame.timestamp_sec for frame in pool.frames]
    assert len(times) == 9
    assert all(time_sec < span[1] for time_sec in times)
    assert times[1] > span[0]


def test_a_part_beyond_the_end_shows_the_last_picture(
    short_numbered: Callable[[int], Path],
) -> None:
    pool = sample_pool(short_numbered(12), SETTINGS, fewest_frames=1, span_sec=(90.0, 95.0))
    assert [frame.original_frame_index for frame in pool.frames] == [11]
    assert "90.00 to 95.00 s" in pool.note


def test_a_part_between_two_frames_shows_the_one_on_display(
    short_numbered: Callable[[int], Path],
) -> None:
    pool = sample_pool(short_numbered(12), SETTINGS, fewest_frames=1, span_sec=(0.11, 0.12))
    assert [frame.original_frame_index for frame in pool.frames] == [3]
