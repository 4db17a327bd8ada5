"""The moments and parts of a video that a question names: seconds, clock times, numbers of frames.

Times are seconds, from the first displayed frame on; numbers of frames are 1-based.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from three_stage.vlm.offline.labels import Label

MOST_NAMED = 4
"""Moments and parts of one question that are looked at."""

_NUMBER = r"\d{1,7}(?:\.\d{1,6})?"
_SECONDS = r"(?:(?<![a-z])(?:seconds?|secs?|s)(?![a-z])|秒钟?)"
_MINUTES = r"(?:(?<![a-z])(?:minutes?|mins?|m)(?![a-z])|分钟?)"
_TIME = (
    rf"(?:(?:第\s*)?(?:\d{{1,3}}:)?\d{{1,3}}:\d{{2}}(?:\.\d{{1,6}})?(?![\d:])"
    rf"|(?:第\s*)?\d{{1,4}}\s*{_MINUTES}(?:\s*(?:and\s*)?{_NUMBER}\s*{_SECONDS})?"
    rf"|(?:第\s*)?{_NUMBER}\s*{_SECONDS})"
)
_TO = r"\s*(?:-|–|—|~|～|to|until|till|through|到|至)\s*"
_AND = r"\s*(?:and|和|与|跟)\s*"
_FRAME_WORD = r"(?:frames?|pictures?|images?)\s*(?:no\.?|number|[#])?"
_FRAME = rf"(?:{_FRAME_WORD}\s*|第\s*)"
_FRAME_UNIT = r"(?:\s*(?:帧|张|幅))?"

_NAMED = re.compile(
    rf"""
    (?P<early>(?:\bfirst|最初|最开始|开头|前)\s*的?(?P<early_sec>{_NUMBER})\s*{_SECONDS})
    | (?P<late>(?:\blast|\bfinal|最后|结尾|后)\s*的?(?P<late_sec>{_NUMBER})\s*{_SECONDS})
    | (?P<from>{_TIME}|(?:第\s*)?{_NUMBER}){_TO}(?P<to>{_TIME})
    | \bbetween\s+(?P<above>{_TIME}|{_NUMBER}){_AND}(?P<below>{_TIME})
    | (?P<above_zh>{_TIME}|(?:第\s*)?{_NUMBER}){_AND}(?P<below_zh>{_TIME})\s*之间
    | (?P<at>{_TIME})
    | (?:(?<![a-z])(?:frames?|pictures?|images?)|第)\s*(?P<frame_from>\d{{1,5}}){_FRAME_UNIT}
      {_TO}(?:{_FRAME})?(?P<frame_to>\d{{1,5}})(?!\d){_FRAME_UNIT}
    | (?<![a-z]){_FRAME_WORD}\s*(?P<frame>\d{{1,5}})(?!\d)
    | 第\s*(?P<frame_zh>\d{{1,5}})\s*(?:帧|张|幅)
    | (?P<whole>from\s+(?:the\s+)?(?:beginning|start)\s+to\s+(?:the\s+)?end|从头到尾
      |从(?:开头|开始)到(?:结尾|结束))
    | (?P<first>\b(?:at|in)\s+the\s+(?:very\s+)?(?:beginning|start)\b|\b(?:begins?|starts?)\s*\?
      |\bfirst\s+(?:frame|picture|image)\b|开头|一开始|第一帧|第一张)
    | (?P<last>\b(?:at|in)\s+the\s+(?:very\s+)?end\b|\bends?\s*\?
      |\blast\s+(?:frame|picture|image)\b|结尾|末尾|结束时|最后一帧|最后一张)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ALL_NUMBERS = re.compile(_NUMBER)
_MINUTES_IN = re.compile(_MINUTES, re.IGNORECASE)
_SECONDS_IN = re.compile(_SECONDS, re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """A moment (``start`` equals ``end``) or a part that a question names.

    ``unit`` says what ``start`` and ``end`` are: seconds, seconds before the end of the video, or
    numbers of frames. ``first`` and ``last`` name the first and the last picture.
    """

    unit: str
    start: float = 0.0
    end: float = 0.0

    @property
    def is_moment(self) -> bool:
        """Whether one moment is named, not a part."""
        return self.unit in ("first", "last") or (self.unit != "before_end" and self.is_point)

    @property
    def is_point(self) -> bool:
        """Whether it starts where it ends."""
        return self.start == self.end


@dataclass(frozen=True)
class Span:
    """Pictures [first, last], 0-based and in order, that belong to what is named."""

    named: Named
    first: int
    last: int


def named_in(text: str) -> tuple[tuple[Named, ...], str]:
    """Return what a question names, at most MOST_NAMED, and the question without it."""
    named = [each for found in _NAMED.finditer(text) if (each := _named(found)) is not None]
    return tuple(dict.fromkeys(named))[:MOST_NAMED], _NAMED.sub(" ", text)


def span_of(named: Named, labels: Sequence[Label], duration_sec: float | None) -> Span | None:
    """Find the pictures that belong to a moment or part; None where there are none."""
    last = len(labels) - 1
    if named.unit in ("first", "last"):
        index = 0 if named.unit == "first" else last
        return Span(named, index, index)
    if named.unit == "frame":
        inside = [index for index, label in enumerate(labels)
                  if named.start <= label.number_1based <= named.end]  # fmt: skip
        return Span(named, inside[0], inside[-1]) if inside else None
    return _span_of_time(named, labels, duration_sec)


def _span_of_time(named: Named, labels: Sequence[Label], duration_sec: float | None) -> Span | None:
    times = [label.time_sec for label in labels if label.time_sec is not None]
    if len(times) < len(labels) or not times:
        return None
    end_sec = max(duration_sec or 0.0, times[-1])
    start, end = named.start, named.end
    if named.unit == "before_end":
        start, end = max(end_sec - named.start, 0.0), end_sec
    if start > end_sec:
        return None
    inside = [index for index, time_sec in enumerate(times) if start <= time_sec <= end]
    if not inside:
        middle = (start + min(end, end_sec)) / 2
        inside = [min(range(len(times)), key=lambda index: abs(times[index] - middle))]
    return Span(named, inside[0], inside[-1])


def _named(found: re.Match[str]) -> Named | None:
    parts = {name: text for name, text in found.groupdict().items() if text is not None}
    if "whole" in parts:
        return None
    if "first" in parts or "last" in parts:
        return Named("first" if "first" in parts else "last")
    return _named_frames(parts) or _named_times(parts)


def _named_frames(parts: Mapping[str, str]) -> Named | None:
    start = parts.get("frame_from") or parts.get("frame") or parts.get("frame_zh")
    if start is None:
        return None
    return _ordered("frame", float(start), float(parts.get("frame_to", start)))


def _named_times(parts: Mapping[str, str]) -> Named:
    if "early" in parts:
        return Named("second", 0.0, float(parts["early_sec"]))
    if "late" in parts:
        return Named("before_end", float(parts["late_sec"]), 0.0)
    for start, end in (("from", "to"), ("above", "below"), ("above_zh", "below_zh")):
        if start in parts:
            return _ordered("second", *_from_to(parts[start], parts[end]))
    at_sec = _seconds(parts["at"])
    return Named("second", at_sec, at_sec)


def _ordered(unit: str, one: float, other: float) -> Named:
    return Named(unit, min(one, other), max(one, other))


def _from_to(start: str, end: str) -> Iterator[float]:
    """Yield both ends in seconds; a start without a unit has that of the end."""
    if ":" not in start and not _MINUTES_IN.search(start) and not _SECONDS_IN.search(start):
        only_minutes = _MINUTES_IN.search(end) and not _SECONDS_IN.search(end)
        number = float(_ALL_NUMBERS.findall(start)[0])
        yield number * 60 if only_minutes else number
    else:
        yield _seconds(start)
    yield _seconds(end)


def _seconds(text: str) -> float:
    """Return the seconds of one time: 1:02:03, 1:02.5, 2 min 3 s, 123 s."""
    if ":" in text:
        total = 0.0
        for part in text.lstrip("第 ").split(":"):
            total = total * 60 + float(part)
        return total
    numbers = [float(number) for number in _ALL_NUMBERS.findall(text)]
    if _MINUTES_IN.search(text):
        return numbers[0] * 60 + (numbers[1] if len(numbers) > 1 else 0.0)
    return numbers[0]
