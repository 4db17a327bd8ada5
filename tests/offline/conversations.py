"""Conversations about rendered pictures whose truth is known, as the chat page sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from tests.offline import scenes
from tests.offline.scenes import Picture

WIDTH_PX, HEIGHT_PX = 320, 180
DURATION_SEC = 41.5
SPACING_SEC = 2.08
COUNT = 20

FLASH_AT = 6
"""0-based picture of a flash; the whole view is nearly white in it."""
BLUE_FROM = 12
"""0-based picture from which the view is blue instead of grey."""
MOVES_FROM, MOVES_TO = 14, 19
"""0-based pictures of a red patch that moves in the lower right."""


def time_sec(index: int) -> float:
    """Return the time of a 0-based picture."""
    return round(index * SPACING_SEC, 2)


def english(index: int) -> str:
    """Name a 0-based picture as an English answer does."""
    return f"Frame {index + 1} ({time_sec(index):.2f} s)"


def chinese(index: int) -> str:
    """Name a 0-based picture as a Chinese answer does."""
    return f"第 {index + 1} 帧（{time_sec(index):.2f} s）"


def known_pictures() -> list[Picture]:
    """Draw a grey view with a flash, that turns blue and then has a patch moving in a corner."""
    pictures = []
    for index in range(COUNT):
        shade = (190, 90, 40) if index >= BLUE_FROM else (110, 110, 110)
        shade = (245, 245, 245) if index == FLASH_AT else shade
        picture = np.full((HEIGHT_PX, WIDTH_PX, 3), shade, np.uint8)
        if index >= MOVES_FROM:
            left_px = 225 + 14 * min(index - MOVES_FROM, MOVES_TO - MOVES_FROM)
            cv2.rectangle(picture, (left_px, 135), (left_px + 22, 160), (30, 30, 210), -1)
        pictures.append(picture)
    return pictures


def labelled(pictures: Sequence[Picture], times_sec: Sequence[float]) -> list[dict[str, Any]]:
    """Return a label and an image_url part a picture, as the chat page sends them."""
    return [
        part
        for number, (picture, at_sec) in enumerate(
            zip(scenes.picture_parts(pictures), times_sec, strict=True), 1
        )
        for part in ({"type": "text", "text": f"Frame {number:02d} at {at_sec:.2f} s"}, picture)
    ]


def known_parts() -> list[dict[str, Any]]:
    """Return the parts of the known pictures, and what is told about the video."""
    told = (
        f"The {COUNT} pictures above show the whole video, from its beginning to its end. "
        f"The video lasts {DURATION_SEC:.2f} s."
    )
    times_sec = [time_sec(index) for index in range(COUNT)]
    return [*labelled(known_pictures(), times_sec), {"type": "text", "text": told}]


def talk(parts: Sequence[Mapping[str, Any]], *questions: str, **more: Any) -> dict[str, Any]:
    """Return the body of a conversation; all questions but the last have an answer."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You answer questions about one video, its colours and cuts."}
    ]
    for number, question in enumerate(questions):
        shown = list(parts) if number == 0 else []
        if number:
            messages.append({"role": "assistant", "content": "It is brightest at 1.00 s, a dog."})
        messages.append({"role": "user", "content": [*shown, {"type": "text", "text": question}]})
    return {"model": "offline", "messages": messages, **more}
