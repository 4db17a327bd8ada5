"""Time and index arithmetic: properties over random videos, and values worked out by hand."""

from __future__ import annotations

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from three_stage.media.timeline import (
    CutWindow,
    continued,
    cut_window,
    frames_between,
    has_variable_rate,
    increasing_places,
    last_frame_duration,
    nearest_increasing,
    nearest_index,
    seconds_of_ticks,
    segment_times,
    shown_at,
    source_time,
    targets,
    ticks_of_seconds,
    trustworthy_stamps,
)

gaps = st.lists(st.integers(1, 4000), min_size=0, max_size=60)
"""Milliseconds between frames: bursts, holds, and everything between."""


def times_of(gaps_ms: list[int]) -> list[float]:
    return [total / 1000 for total in itertools.accumulate(gaps_ms, initial=0)]


# Ticks and seconds


def test_ticks_become_seconds_from_the_first_displayed_frame() -> None:
    assert seconds_of_ticks([1024, 1536, 2560], Fraction(1, 1024)).tolist() == [0.0, 0.5, 1.5]
    assert seconds_of_ticks([-512, 0], Fraction(1, 1024)).tolist() == [0.0, 0.5]
    assert seconds_of_ticks([0, 1, 2], Fraction(1001, 30000)).tolist() == [
        0.0,
        1001 / 30000,
        2002 / 30000,
    ]
    assert seconds_of_ticks([], Fraction(1, 30)).tolist() == []


@given(gaps, st.integers(-(10**6), 10**9), st.sampled_from([1000, 15360, 90000, 30]))
def test_a_tick_is_found_again_by_its_seconds(gaps_ms: list[int], first: int, rate: int) -> None:
    ticks = list(itertools.accumulate(gaps_ms, initial=first))
    base = Fraction(1, rate)
    seconds = seconds_of_ticks(ticks, base).tolist()
    assert [ticks_of_seconds(second, first, base) for second in seconds] == ticks


def test_seconds_go_to_the_nearest_tick() -> None:
    assert ticks_of_seconds(0.049, 100, Fraction(1, 10)) == 100
    assert ticks_of_seconds(0.051, 100, Fraction(1, 10)) == 101
    assert ticks_of_seconds(-0.051, 100, Fraction(1, 10)) == 99


# Which stamps tell the time


def test_only_stamps_above_all_before_them_are_displayed_frames() -> None:
    assert increasing_places([0, 3, 3, 2, None, 4]) == [0, 1, 5]
    assert increasing_places([None, 7, None, 8]) == [1, 3]
    assert increasing_places([-5, -6, 0]) == [0, 2]
    assert increasing_places([]) == []


def test_decoding_stamps_count_only_where_they_alone_run_in_order() -> None:
    shuffled, running = [1, 3, 2, 4], [2, 3, 4, 5]
    assert trustworthy_stamps(shuffled, running) == running
    assert trustworthy_stamps(running, shuffled) == running
    # Both run in order: presentation times it is.
    assert trustworthy_stamps([0, 512, 1024], [7, 8, 9]) == [0, 512, 1024]


def test_frames_that_come_after_the_last_packet_continue_the_stamps() -> None:
    assert continued([2, 3, None, None]) == [2, 3, 4, 5]
    assert continued([0, 20, 40, None, None]) == [0, 20, 40, 60, 80]
    assert continued([0, 20, 60, 80, None]) == [0, 20, 60, 80, 100]
    assert continued([10, None, None]) == [10, 11, 12]
    assert continued([None, 4, 6, None]) == [None, 4, 6, 8]
    assert continued([]) == []


# Targets


def test_targets_are_spread_evenly_and_end_at_the_last_frame() -> None:
    assert targets(9.0, 4) == [0.0, 3.0, 6.0, 9.0]
    assert targets(5.0, 2) == [0.0, 5.0]
    assert targets(5.0, 1) == [0.0]
    assert targets(0.0, 1) == [0.0]
    with pytest.raises(ValueError, match="at least one picture, not 0"):
        targets(5.0, 0)


@given(st.floats(0.001, 1e6), st.integers(2, 2000))
def test_the_last_target_is_the_last_time_to_the_bit(last_sec: float, count: int) -> None:
    spread = targets(last_sec, count)
    assert len(spread) == count
    assert spread[0] == 0.0
    assert spread[-1] == last_sec
    assert spread == sorted(spread)
    assert np.allclose(np.diff(spread), last_sec / (count - 1))


# The nearest frame


def test_the_nearest_time_is_found_and_ties_go_to_the_earlier() -> None:
    times = [0.0, 1.0, 2.0, 4.0]
    wanted = [-9.0, 0.4, 0.5, 0.6, 1.0, 3.0, 3.1, 4.0, 9.0]
    assert nearest_index(times, wanted).tolist() == [0, 0, 0, 1, 1, 2, 3, 3, 3]
    assert nearest_index([7.0], [0.0, 7.0, 9.0]).tolist() == [0, 0, 0]
    assert nearest_index([1.0, 2.0], [5.0, 0.0, 1.5, 1.6]).tolist() == [1, 0, 0, 1]


@given(gaps, st.lists(st.floats(-5, 250), max_size=20))
def test_no_other_time_is_nearer(gaps_ms: list[int], wanted: list[float]) -> None:
    times = times_of(gaps_ms)
    for asked, index in zip(wanted, nearest_index(times, wanted).tolist(), strict=True):
        best = min(abs(known - asked) for known in times)
        assert abs(times[index] - asked) == best
        assert all(abs(known - asked) > best for known in times[:index])


# The pool: strictly increasing, least total deviation


def test_frames_of_a_pool_by_hand() -> None:
    # All nearest ones differ: they are taken.
    assert nearest_increasing([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 2.1, 4.0]) == [0, 2, 4]
    # A hold: both middle targets are nearest to frame 1; the cheaper one of the two moves.
    assert nearest_increasing([0.0, 5.0, 9.0, 10.0], [0.0, 3.3, 6.7, 10.0]) == [0, 1, 2, 3]
    # A burst at the start, then nothing.
    assert nearest_increasing([0.0, 0.1, 0.2, 10.0], [0.0, 5.0, 10.0]) == [0, 2, 3]
    # A burst at the end: frames before the nearest have to be taken.
    assert nearest_increasing([0.0, 9.7, 9.8, 9.9, 10.0], [0.0, 2.5, 5.0, 7.5, 10.0]) == [
        0, 1, 2, 3, 4,
    ]  # fmt: skip
    assert nearest_increasing([0.0, 1.0], []) == []
    assert nearest_increasing([3.0], [0.0]) == [0]


def test_more_pictures_than_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="3 different frames wanted, only 2 there"):
        nearest_increasing([0.0, 1.0], [0.0, 0.5, 1.0])
    assert nearest_increasing([0.0, 1.0], [0.0, 0.1]) == [0, 1]


@given(gaps, st.integers(1, 61))
def test_a_pool_spans_the_video_and_repeats_no_frame(gaps_ms: list[int], most: int) -> None:
    times = times_of(gaps_ms)
    count = min(most, len(times))
    chosen = nearest_increasing(times, targets(times[-1], count))
    assert len(chosen) == count
    assert all(first < second for first, second in itertools.pairwise(chosen))
    assert chosen[0] == 0
    assert count == 1 or chosen[-1] == len(times) - 1


@given(
    st.lists(st.integers(1, 40), min_size=0, max_size=9),
    st.lists(st.integers(0, 200), min_size=1, max_size=6),
)
def test_no_other_choice_deviates_less(gaps_ms: list[int], wanted: list[int]) -> None:
    times = times_of(gaps_ms)
    asked = sorted(value / 1000 for value in wanted)[: len(times)]
    chosen = nearest_increasing(times, asked)

    def deviation(indices: tuple[int, ...]) -> float:
        return sum(abs(times[i] - t) for i, t in zip(indices, asked, strict=True))

    least = min(map(deviation, itertools.combinations(range(len(times)), len(asked))))
    assert sorted(set(chosen)) == chosen
    assert deviation(tuple(chosen)) == pytest.approx(least, abs=1e-12)


@given(gaps, st.lists(st.floats(0, 250), max_size=20))
def test_where_the_nearest_frames_differ_they_are_taken(
    gaps_ms: list[int], wanted: list[float]
) -> None:
    times = times_of(gaps_ms)
    nearest = dict.fromkeys(nearest_index(times, sorted(wanted)).tolist())
    asked = [times[index] for index in nearest]
    assert nearest_increasing(times, asked) == list(nearest)


def test_a_million_frames_are_no_wait() -> None:
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.choice([0.001, 0.033, 1.0], 1_000_000, p=[0.5, 0.499, 0.001]))
    times -= times[0]
    started = time.perf_counter()
    chosen = nearest_increasing(times, targets(float(times[-1]), 2000))
    assert time.perf_counter() - started < 2.0
    assert len(set(chosen)) == 2000


def test_a_long_hold_makes_many_targets_collide_and_is_still_quick() -> None:
    times = np.concatenate([np.arange(3000) * 0.001, 3600 + np.arange(3000) * 0.001])
    started = time.perf_counter()
    chosen = nearest_increasing(times, targets(float(times[-1]), 2000))
    assert time.perf_counter() - started < 5.0
    # An hour of nothing: its targets take the last frames before it and the first ones after it.
    assert chosen == [0, 1802, *range(2002, 3998), 4197, 5999]


# Segments


def test_a_segment_ends_where_its_end_picture_is_shown_or_at_the_end_of_the_video() -> None:
    pool, end = [0.0, 1.5, 3.25], 4.0
    assert segment_times(pool, end, 1, 2) == (0.0, 1.5)
    assert segment_times(pool, end, 2, 3) == (1.5, 3.25)
    assert segment_times(pool, end, 3, 4) == (3.25, 4.0)
    assert segment_times(pool, end, 1, 4) == (0.0, 4.0)


def test_a_segment_counts_the_displayed_frames_of_the_source() -> None:
    assert frames_between([0, 10, 25], 31, 1, 2) == 10
    assert frames_between([0, 10, 25], 31, 2, 3) == 15
    assert frames_between([0, 10, 25], 31, 3, 4) == 6
    assert frames_between([0, 10, 25], 31, 1, 4) == 31


@pytest.mark.parametrize(("start", "end"), [(0, 1), (2, 2), (3, 2), (1, 5), (4, 5), (-1, 2)])
def test_a_range_outside_the_pool_is_refused(start: int, end: int) -> None:
    words = rf"range \[{start}, {end}\) is not within the 3 pictures of a pool"
    with pytest.raises(ValueError, match=words):
        segment_times([0.0, 1.0, 2.0], 3.0, start, end)
    with pytest.raises(ValueError, match=words):
        frames_between([0, 1, 2], 3, start, end)


@given(gaps, st.data())
def test_neighbours_share_no_frame_and_lose_none(gaps_ms: list[int], data: st.DataObject) -> None:
    times = times_of(gaps_ms)
    pool = sorted(data.draw(st.sets(st.integers(0, len(times) - 1), min_size=1)) | {0})
    ends = data.draw(st.sets(st.integers(1, len(pool) + 1))) | {1, len(pool) + 1}
    ranges = list(itertools.pairwise(sorted(ends)))
    counted = [frames_between(pool, len(times), start, end) for start, end in ranges]
    assert sum(counted) == len(times)
    end_sec = times[-1] + 0.04
    spans = [segment_times([times[i] for i in pool], end_sec, *part) for part in ranges]
    for (start, end), count in zip(spans, counted, strict=True):
        assert sum(start <= shown < end for shown in times) == count
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))


# Clips


def test_clip_times_count_from_the_start_of_the_clip() -> None:
    assert source_time(12.5, 0.25) == 12.75
    assert source_time(0.0, 3.5) == 3.5


def test_frames_of_a_clip_are_found_in_the_source() -> None:
    source = [0.0, 0.04, 0.08, 1.0, 1.04]
    assert shown_at(source, 0.04, [0.0, 0.04, 0.96]) == [1, 2, 3]
    assert shown_at(source, 0.04, [0.0001, 0.0399]) == [1, 2]


def window(
    start_sec: float, end_sec: float, *, offset: float = 0.0, clock: float = 0.0, fps: float = 30.0
) -> CutWindow:
    return cut_window(
        start_sec, end_sec, first_frame_offset_sec=offset, clock_start_sec=clock, average_fps=fps
    )


def test_a_cut_is_aimed_just_before_its_frames_and_sought_well_before() -> None:
    assert window(10.0, 12.0) == CutWindow(7_999_998, 9_999_998, 11_999_998)
    # Seeking goes back by 17 frames where these last longer than two seconds.
    assert window(10.0, 12.0, fps=4.0) == CutWindow(5_749_998, 9_999_998, 11_999_998)
    # ffmpeg seeks from the start of the container, and cuts by the file's own clock.
    assert window(10.0, 12.0, offset=0.5) == CutWindow(8_499_998, 10_499_998, 12_499_998)
    assert window(10.0, 12.0, offset=-0.5) == CutWindow(7_499_998, 9_499_998, 11_499_998)
    assert window(10.0, 12.0, offset=0.5, clock=1.4) == CutWindow(8_499_998, 11_899_998, 13_899_998)
    assert window(10.0, 12.0, clock=-1.0) == CutWindow(7_999_998, 8_999_998, 10_999_998)
    assert window(0.0, 1.0) == CutWindow(0, -2, 999_998)
    assert window(1 / 3, 2 / 3) == CutWindow(0, 333_331, 666_665)


@pytest.mark.parametrize("end_sec", [2.0, 1.9])
def test_an_empty_cut_is_refused(end_sec: float) -> None:
    with pytest.raises(ValueError, match=rf"nothing between 2.0 s and {end_sec} s"):
        window(2.0, end_sec)


@given(
    st.lists(st.integers(1, 5000), min_size=3, max_size=30),
    st.sampled_from([30, 1000, 15360, 90000]),
    st.integers(0, 2000),
    st.data(),
)
def test_rounded_to_ticks_a_cut_holds_exactly_its_frames(
    tick_gaps: list[int], rate: int, first: int, data: st.DataObject
) -> None:
    """ffmpeg's own rule: µs are rounded to the nearest tick; kept is start ≤ tick < end."""
    ticks = list(itertools.accumulate(tick_gaps, initial=first))
    times = seconds_of_ticks(ticks, Fraction(1, rate)).tolist()
    start = data.draw(st.integers(0, len(times) - 2))
    end = data.draw(st.integers(start + 1, len(times) - 1))
    clock = data.draw(st.integers(-first, first)) / rate
    kept = window(times[start], times[end], offset=first / rate - clock, clock=clock)
    low = round(Fraction(kept.start_us * rate, 1_000_000))
    high = round(Fraction(kept.end_us * rate, 1_000_000))
    assert [low <= tick < high for tick in ticks] == [start <= i < end for i in range(len(ticks))]


# Rate and duration


def test_rounding_to_ticks_is_no_variable_rate() -> None:
    at_30 = [round(i * 1000 / 30) / 1000 for i in range(90)]
    assert not has_variable_rate(at_30, 0.001)
    assert not has_variable_rate([i / 30 for i in range(90)], 1 / 15360)
    assert has_variable_rate([0.0], 0.001) is False
    assert not has_variable_rate([0.0, 5.0], 0.001)
    # 2 % of the gap is allowed, 3 % is not; with coarse ticks one and a half of them.
    assert not has_variable_rate([0.0, 1.0, 2.0, 3.019], 0.0001)
    assert has_variable_rate([0.0, 1.0, 2.0, 3.021], 0.0001)
    assert has_variable_rate([0.0, 1.0, 2.0, 2.979], 0.0001)
    assert not has_variable_rate([0.0, 0.01, 0.02, 0.0349], 0.01 / 3)
    assert has_variable_rate([0.0, 0.01, 0.02, 0.0351], 0.01 / 3)


def test_one_dropped_frame_makes_the_rate_variable() -> None:
    times = [i / 30 for i in range(90) if i != 40]
    assert has_variable_rate(times, 1 / 15360)


def test_the_last_frame_stays_as_declared_or_as_long_as_the_others() -> None:
    assert last_frame_duration([0.0, 1.0, 2.0], 0.5, 0.04) == 0.5
    assert last_frame_duration([0.0, 1.0, 2.0, 9.0], 0.0, 0.04) == 1.0
    assert last_frame_duration([0.0, 1.0], -1.0, 0.04) == 1.0
    assert last_frame_duration([0.0], 0.0, 0.04) == 0.04
    assert last_frame_duration([0.0], 0.0001, 0.04) == 0.0001
