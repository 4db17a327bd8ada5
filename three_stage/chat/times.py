"""Where a text names moments of a video: "12.5 s", "1:02", "1 min 5 s", "Frame 8", "第 8 帧".

Pure functions. Times are seconds, zero at the first displayed frame; frames are numbered from 1. A
time beyond the video's end, or a frame that there is not, names no moment; a part that goes on to
such a one ends with the video. "10 m" is a distance and "5 分" may be points: minutes are named by
a longer word, or with seconds behind them. "Second 5" needs a word such as "at" before it.
"""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from three_stage.chat.values import TimeRange

ROUNDED_BY_SEC = 0.0051
"""Times are told to two digits: one so near to a picture's, or so much beyond the end, means it."""

_NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_SEC = r"(?:seconds?|secs?|s(?![A-Za-z/²])|秒(?:钟)?)"
_MIN = r"(?:minutes?|mins?|分钟)"
_MIN_BEFORE_SEC = r"(?:minutes?|mins?|m|分(?:钟)?)"
_TO = r"(?:-|–|—|~|～|to|until|till|and|到|至|和|与)"
_TWO_DIGITS = r"[0-5][0-9]"
_FRAME_NUMBER = r"[0-9]{1,4}(?![0-9A-Za-z_:%]|\.[0-9])"
_BARE_END = rf"(?![0-9A-Za-z_:%]|\.[0-9])(?!\s?(?:{_SEC}|{_MIN}))"
_BEFORE_SECOND = "|".join(
    rf"(?<=\b{word}\s)" for word in ("at", "from", "to", "until", "till", "between", "and")
)

_MOMENT = re.compile(
    rf"""
    (?:(?<![\w.:/])(?<![0-9],)|(?<=[\u4e00-\u9fff]))(?:
      (?:(?P<hours>[0-9]{{1,2}}):(?P<hour_minutes>{_TWO_DIGITS}):(?P<hour_seconds>{_TWO_DIGITS}(?:\.[0-9]{{1,6}})?)
        |(?P<clock_minutes>[0-9]{{1,3}}):(?P<clock_seconds>{_TWO_DIGITS}(?:\.[0-9]{{1,6}})?)
      )(?!\s?[ap]\.?m\b)
    | (?P<minutes>{_NUMBER})\s?
        (?:{_MIN_BEFORE_SEC}\s?(?:and\s)?(?P<minute_seconds>{_NUMBER})\s?{_SEC}|{_MIN})
    | (?P<seconds>{_NUMBER})\s?{_SEC}
    | (?P<bare>{_NUMBER})(?=\s?{_TO}\s?第?\s?{_NUMBER}\s?{_SEC}(?![A-Za-z0-9_]))
    )(?![A-Za-z0-9_:])
    | (?:(?:{_BEFORE_SECOND})seconds?
        |\bseconds(?=\s{_NUMBER}\s?{_TO}\s?{_NUMBER}{_BARE_END})
      )\s(?P<second>{_NUMBER}){_BARE_END}
    | \b(?:frame|picture|image)(?P<plural>s)?\s?(?:no\.\s?|\#)?(?P<frame>{_FRAME_NUMBER})
    | 第\s?(?P<frame_zh>[0-9]{{1,4}})
        (?=(?:\s?(?:-|–|—|~|～|、|,|，|到|至|和|与)\s?第?\s?[0-9]{{1,4}}){{0,50}}\s?[帧张幅])(?:\s?[帧张幅])?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_TO_FRAME = re.compile(
    rf"\s?(?:-|–|—|~|～|to)\s?(?P<frame>{_FRAME_NUMBER})(?!\s?(?:{_SEC}|{_MIN}))", re.IGNORECASE
)
_NEXT_FRAME = re.compile(
    rf"\s?(?:-|–|—|~|～|to|and|&|,\s?and|,)\s?(?P<frame>{_FRAME_NUMBER})(?!\s?(?:{_SEC}|{_MIN}))",
    re.IGNORECASE,
)
_NEXT_FRAME_ZH = re.compile(
    r"\s?(?:-|–|—|~|～|、|,|，|到|至|和|与)\s?第?\s?(?P<frame>[0-9]{1,4})(?![0-9A-Za-z_:%]|\.[0-9])"
    r"(?!\s?[秒分])(?:\s?[帧张幅])?"
)
_NEXT_SECOND = re.compile(
    rf"\s?(?:-|–|—|~|～|to|until|till)\s?(?P<seconds>{_NUMBER}){_BARE_END}", re.IGNORECASE
)
_NEXT_OF_SECONDS = re.compile(
    rf"\s?(?:-|–|—|~|～|to|until|till|and)\s?(?P<seconds>{_NUMBER}){_BARE_END}", re.IGNORECASE
)
_BETWEEN = re.compile(rf"\s*{_TO}\s*(?:the\s+|第)?\s*", re.IGNORECASE)
_AND = re.compile(r"and|和|与", re.IGNORECASE)
_BETWEEN_WORD = re.compile(r"(?:between|在|从)\s*(?:第)?\s*$", re.IGNORECASE)
_SECONDS_A_MINUTE = 60
_SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Mention:
    """A moment that a text names, at ``text[start:end]``; ``frame`` when it names a picture."""

    start: int
    end: int
    time_sec: float
    frame: int | None = None


def mentions(text: str, end_sec: float, frame_times: Mapping[int, float]) -> list[Mention]:
    """Return the moments that a text names, in its order; ``end_sec`` is the video's end."""
    pictures_sec = sorted(frame_times.values())
    return [
        _at_a_picture(_until(one, end_sec), pictures_sec)
        for one in _named(text, frame_times)
        if one.time_sec <= end_sec + ROUNDED_BY_SEC
    ]


def range_in(text: str, end_sec: float, frame_times: Mapping[int, float]) -> TimeRange | None:
    """Return the first part of the video that a text names, such as "from 12 s to 18 s".

    One that goes on beyond the end of the video ends with it.
    """
    named = [_until(one, end_sec) for one in _named(text, frame_times)]
    for first, second in itertools.pairwise(named):
        between = text[first.end : second.start]
        joined = _BETWEEN.fullmatch(between)
        if not joined or second.time_sec <= first.time_sec:
            continue
        if not _AND.search(between) or _BETWEEN_WORD.search(text[: first.start]):
            return TimeRange(first.time_sec, second.time_sec)
    return None


def _named(text: str, frame_times: Mapping[int, float]) -> list[Mention]:
    """Return all that a text names; a frame behind the last one is at an infinite time."""
    found: list[Mention] = []
    at = 0
    while match := _MOMENT.search(text, at):
        if match["frame"] or match["frame_zh"]:
            named = list(_frames(text, match))
            found += [_timed(one, frame_times) for one in named if _is_frame(one, frame_times)]
        else:
            named = [Mention(match.start(), match.end(), _seconds(match))]
            if match["second"]:
                named += _next_second(text, match)
            found += named
        at = named[-1].end
    return found


def _next_second(text: str, match: re.Match[str]) -> list[Mention]:
    """Return the 8 of "seconds 5 to 8"; only a plural can be followed by "and"."""
    following = _NEXT_OF_SECONDS if match[0].lower().startswith("seconds") else _NEXT_SECOND
    other = following.match(text, match.end())
    return [] if other is None else [
        Mention(other.start("seconds"), other.end(), float(other["seconds"]))
    ]  # fmt: skip


def _at_a_picture(mention: Mention, pictures_sec: Sequence[float]) -> Mention:
    """Return a mention at the time of the picture that its rounded time means, if it means one.

    A player that is sent to a time which was rounded down shows the picture before.
    """
    at = bisect.bisect_left(pictures_sec, mention.time_sec)
    near_sec = [each for each in pictures_sec[max(0, at - 1) : at + 1]
                if abs(each - mention.time_sec) <= ROUNDED_BY_SEC]  # fmt: skip
    return replace(mention, time_sec=near_sec[-1]) if near_sec else mention


def _until(mention: Mention, end_sec: float) -> Mention:
    return replace(mention, time_sec=min(mention.time_sec, end_sec))


def _is_frame(mention: Mention, frame_times: Mapping[int, float]) -> bool:
    """Tell whether a frame is there, or would stand behind the last one."""
    number = mention.frame or 0
    return number in frame_times or number > max(frame_times, default=number)


def _frames(text: str, match: re.Match[str]) -> Iterator[Mention]:
    """Yield a named frame, and the others of a list such as "Frames 7–9" or "第3、5和8帧".

    Without a plural only a dash makes a list: "In Frame 3, 5 people" names one frame.
    """
    if match["frame_zh"]:
        following = _NEXT_FRAME_ZH
    else:
        following = _NEXT_FRAME if match["plural"] else _TO_FRAME
    yield Mention(match.start(), match.end(), 0.0, int(match["frame"] or match["frame_zh"]))
    end = match.end()
    while other := following.match(text, end):
        yield Mention(other.start("frame"), other.end(), 0.0, int(other["frame"]))
        end = other.end()


def _timed(mention: Mention, frame_times: Mapping[int, float]) -> Mention:
    assert mention.frame is not None  # noqa: S101 - for the type checker
    time_sec = frame_times.get(mention.frame, math.inf)
    return replace(mention, time_sec=time_sec)


def _seconds(match: re.Match[str]) -> float:
    def number(*names: str) -> float:
        return next((float(match[name]) for name in names if match[name]), 0.0)

    return (
        number("hours") * _SECONDS_AN_HOUR
        + number("hour_minutes", "clock_minutes", "minutes") * _SECONDS_A_MINUTE
        + number("hour_seconds", "clock_seconds", "minute_seconds", "seconds", "bare", "second")
    )
