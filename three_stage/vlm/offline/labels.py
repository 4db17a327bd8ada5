"""What a conversation says about its pictures: their names and times, and how long the video is.

The forms are those in which pictures are sent to any model: a line ``Frame 07 at 12.34 s`` before
a picture, ``The video lasts 61.20 s.``, and a sentence that names the part that is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from three_stage.vlm.offline.request import Medium

_LABEL = re.compile(
    r"\s*(?:Frame|Picture|Image)\s+(\d{1,6})(?:\s+at\s+(\d{1,9}(?:\.\d{1,9})?)\s*s)?\s*[:.]?\s*",
    re.IGNORECASE,
)
_LASTS = re.compile(r"\bThe video lasts (\d{1,9}(?:\.\d{1,9})?) s\.")
_PART = re.compile(
    r"(?:from Frame (\d{1,6}) to Frame (\d{1,6}) )?show one part of the video more "
    r"closely: (\d{1,9}(?:\.\d{1,9})?) s to (\d{1,9}(?:\.\d{1,9})?) s\."
)
_NOT_THE_QUESTION = re.compile(
    r"\A.*(?:\bThe video lasts [\d.]+ s\.|The question that follows is about this part\.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Label:
    """The name of a picture: its number, and its time in the video where that is known.

    ``is_given`` is False for a number that only counts the pictures of a request.
    """

    number_1based: int
    time_sec: float | None = None
    is_given: bool = True


@dataclass(frozen=True)
class Told:
    """What was said about the video: its length, and the part that the question is about.

    ``part_numbers``: the first and the last of the part's own pictures, 1-based.
    """

    duration_sec: float | None = None
    part_sec: tuple[float, float] | None = None
    part_numbers: tuple[int, int] | None = None

    def is_beside(self, label: Label) -> bool:
        """Tell whether a picture lies in the part's time and is none of its own."""
        if self.part_sec is None or self.part_numbers is None or label.time_sec is None:
            return False
        (start_sec, end_sec), (first, last) = self.part_sec, self.part_numbers
        is_own = first <= label.number_1based <= last
        return not is_own and start_sec <= label.time_sec <= end_sec


def read_label(text: str) -> Label | None:
    """Return the label that a text is, or None for any other text."""
    found = _LABEL.fullmatch(text)
    if found is None:
        return None
    return Label(int(found[1]), None if found[2] is None else float(found[2]))


def read_told(texts: Iterable[str], last_texts: Iterable[str]) -> Told:
    """Read what the texts of a conversation say about the video.

    A part is only looked for in the user's last message: earlier questions had their own.
    """
    lasts = next((found for text in texts if (found := _LASTS.search(text))), None)
    part = next((found for text in last_texts if (found := _PART.search(text))), None)
    return Told(
        None if lasts is None else float(lasts[1]),
        None if part is None else (float(part[3]), float(part[4])),
        None if part is None or part[1] is None else (int(part[1]), int(part[2])),
    )


def without_told(question: str) -> str:
    """Return what the user asks: a question without what was said about the video before it."""
    return _NOT_THE_QUESTION.sub("", question, count=1).strip()


def in_order(media: Sequence[Medium]) -> tuple[list[Medium], list[Label]]:
    """Return pictures in the order of their times, none twice, and their labels.

    Pictures of which one or more have no time stay in the order in which they came; those without
    a number are counted.
    """
    read = [read_label(each.label) for each in media]
    labels = [
        label if label is not None else Label(number, is_given=False)
        for number, label in enumerate(read, 1)
    ]
    if any(label.time_sec is None for label in labels):
        if all(label is not None for label in read):
            return list(media), [Label(label.number_1based) for label in labels]
        return list(media), [Label(number, is_given=False) for number in range(1, len(media) + 1)]
    first_at: dict[float, int] = {}
    for index, label in enumerate(labels):
        first_at.setdefault(label.time_sec or 0.0, index)
    order = [first_at[time_sec] for time_sec in sorted(first_at)]
    return [media[index] for index in order], [labels[index] for index in order]
