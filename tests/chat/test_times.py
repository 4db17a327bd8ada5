"""Which moments and parts a text names, in English and Chinese, and what names none."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from three_stage.chat.times import mentions, range_in
from three_stage.chat.values import TimeRange

END_SEC = 600.0
FRAMES = {number: number * 1.5 for number in range(1, 51)}

WORDS = st.sampled_from(
    [
        "Frame ",
        "frames ",
        "第",
        "帧",
        "秒",
        "分",
        "分钟",
        " s",
        "s",
        ":",
        "-",
        "–",
        " to ",
        "到",
        "和",
        "、",
        ", ",
        " and ",
        "min",
        " m ",
        "12",
        "8",
        "0.5",
        "59",
        "1e9",
        "\n",
        "between ",
        "在",
        "(",
        ".",
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map("".join))


def times(text: str) -> list[float]:
    return [mention.time_sec for mention in mentions(text, END_SEC, FRAMES)]


@given(TEXTS, st.floats(0.1, 5000.0))
def test_mentions_lie_one_behind_the_other_in_the_text_and_in_the_video(
    text: str, end_sec: float
) -> None:
    found = mentions(text, end_sec, FRAMES)
    for mention in found:
        assert 0 <= mention.start < mention.end <= len(text)
        assert (mention.frame in FRAMES) or 0 <= mention.time_sec <= end_sec
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


@given(TEXTS)
def test_a_named_part_runs_forward_from_one_named_moment_to_another(text: str) -> None:
    span = range_in(text, END_SEC, FRAMES)
    if span is not None:
        assert span.start_sec < span.end_sec
        assert {span.start_sec, span.end_sec} <= {*times(text), END_SEC}


@given(st.floats(0, END_SEC).map(lambda sec: round(sec, 2)))
def test_a_time_as_we_write_it_is_found_again(time_sec: float) -> None:
    assert times(f"It brakes at {time_sec:.2f} s.") == [time_sec]
    assert times(f"它在{time_sec:.2f}秒刹车") == [time_sec]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("at 12.5 s", [12.5]),
        ("at 12s, then", [12.0]),
        ("12 seconds in", [12.0]),
        ("12 sec", [12.0]),
        ("(12.34 s)", [12.34]),
        ("**12.5 s**", [12.5]),
        ("at 0 s.", [0.0]),
        ("1:02", [62.0]),
        ("00:12", [12.0]),
        ("[0:05.5]", [5.5]),
        ("0:01:02", [62.0]),
        ("1 min 5 s", [65.0]),
        ("1m5s", [65.0]),
        ("2 minutes and 3 seconds", [123.0]),
        ("2 minutes", [120.0]),
        ("12-18 s", [12.0, 18.0]),
        ("12 to 18 seconds", [12.0, 18.0]),
        ("10.5–11 s", [10.5, 11.0]),
        ("0:10-0:20", [10.0, 20.0]),
        ("第12秒", [12.0]),
        ("在12.5秒时", [12.5]),
        ("12秒钟", [12.0]),
        ("1分5秒", [65.0]),
        ("2分钟后", [120.0]),
        ("从12到18秒", [12.0, 18.0]),
        ("第12秒到第18秒", [12.0, 18.0]),
        ("在0:10到0:20之间", [10.0, 20.0]),
        ("Frame 8", [12.0]),
        ("frame #8", [12.0]),
        ("Frame 8.", [12.0]),
        ("(Frame 8)", [12.0]),
        ("Frame no. 8", [12.0]),
        ("Frames 7–9", [10.5, 13.5]),
        ("Frames 3, 5 and 8", [4.5, 7.5, 12.0]),
        ("Frames 3, 5, and 8", [4.5, 7.5, 12.0]),
        ("Frame 7-9", [10.5, 13.5]),
        ("Picture 2", [3.0]),
        ("第8帧", [12.0]),
        ("第 8 帧", [12.0]),
        ("第3、5和8帧", [4.5, 7.5, 12.0]),
        ("第3帧到第5帧", [4.5, 7.5]),
        ("第3-5帧", [4.5, 7.5]),
        ("Frame 8 (12.00 s)", [12.0, 12.0]),
        ("Frames 3 and 8 at 20 s", [4.5, 12.0, 20.0]),
        ("600.00 s", [600.0]),
        ("at second 12, a car", [12.0]),
        ("from second 12.5 on", [12.5]),
    ],
)
def test_what_names_a_moment(text: str, found: list[float]) -> None:
    assert times(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "16:9",
        "a ratio of 3:1",
        "10 m away",
        "20 m",
        "10 m/s",
        "5 s/frame",
        "9.8 m/s²",
        "60 km/h",
        "2024-05-12",
        "version 1.2.3",
        "v12 s2",
        "1,200 s",
        "12 ms",
        "30 fps",
        "12 servers",
        "s 12",
        "the 4:30 pm train",
        "Frame 51",
        "Frame 0",
        "Frame 8.5",
        "Frame 1024x576",
        "framework 8",
        "601 s",
        "99:00",
        "1:2:3",
        "0:75",
        "5分",
        "5个",
        "12",
        "第12个",
        "3 steps",
        "12s2",
        "192.168.0.1:80",
        "1:02:03:04",
        "12 °",
        "the second 2 cars",
        "a few seconds 5 people",
        "at second 12:30",
        "at second 700",
        "100%",
    ],
)
def test_what_names_none(text: str) -> None:
    assert times(text) == []


def test_a_number_behind_a_single_frame_is_no_frame() -> None:
    assert times("In Frame 3, 5 people wait") == [4.5]
    assert times("Frame 3 and 2 cars") == [4.5]
    assert times("Frames 3 and 8.5") == [4.5]


def test_a_time_that_was_rounded_up_is_the_end() -> None:
    (mention,) = mentions("it ends at 61.20 s", 61.196, {})
    assert mention.time_sec == 61.196


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("What happens from 12 s to 18 s?", (12, 18)),
        ("12-18 s", (12, 18)),
        ("0:10-0:20", (10, 20)),
        ("between 12 s and 18 s", (12, 18)),
        ("between 0:10 and 0:20", (10, 20)),
        ("from 12 to 18 seconds", (12, 18)),
        ("12 s until 18 s", (12, 18)),
        ("Frames 4 to 8", (6, 12)),
        ("between Frame 4 and Frame 8", (6, 12)),
        ("from 1 min 5 s to 1 min 10 s", (65, 70)),
        ("第12秒到18秒", (12, 18)),
        ("从第12秒到第18秒发生了什么", (12, 18)),
        ("在12秒和18秒之间", (12, 18)),
        ("12秒至18秒", (12, 18)),
        ("第4帧到第8帧", (6, 12)),
        ("1分5秒到1分10秒", (65, 70)),
        ("at 3 s; and from 12 s to 18 s", (12, 18)),
        ("from 12 s to 1800 s", (12, END_SEC)),
        ("0:12-99:00", (12, END_SEC)),
        ("Frames 4 to 99", (6, END_SEC)),
        ("seconds 5 to 8", (5, 8)),
        ("What happens in Seconds 5-8?", (5, 8)),
        ("between seconds 5 and 8.5", (5, 8.5)),
        ("from second 12 to second 18", (12, 18)),
        ("from second 12 to 18", (12, 18)),
        ("between second 12 and second 18", (12, 18)),
    ],
)
def test_what_names_a_part(text: str, span: tuple[float, float]) -> None:
    assert range_in(text, END_SEC, FRAMES) == TimeRange(*span)


@pytest.mark.parametrize(
    "text",
    [
        "What happens?",
        "at 12 s and 18 s",
        "from 18 s to 12 s",
        "12 s to 12 s",
        "12 s. To 18 s",
        "compare 12 s and 18 s",
        "12秒和18秒",
        "from 700 s to 1800 s",
        "in a few seconds 5 people cross to 3 shops",
        "Frames 60 to 99",
        "on 2024-05-12 to 2024-06-01",
        "3:1 to 4:1",
        "from 10 m to 20 m",
    ],
)
def test_what_names_no_part(text: str) -> None:
    assert range_in(text, END_SEC, FRAMES) is None


def test_a_rounded_time_means_the_picture_that_it_was_rounded_from() -> None:
    times = {25: 22.9666667, 26: 23.9333333}
    named = mentions("at 23.93 s, then 23.5 s", 46.9, times)
    assert [one.time_sec for one in named] == [23.9333333, 23.5]
