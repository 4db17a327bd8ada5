"""Pictures drawn for the tests of the embedded model, and the requests that carry them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import prompts
from schemas.publish import sent_schema
from three_stage.vlm.offline.measure import Floats, Measurement

WIDTH_PX, HEIGHT_PX = 480, 270
Picture = NDArray[np.uint8]

# What moves: place of the middle in the view, blue-green-red, and the way that it moves.
_THINGS = (
    ((0.15, 0.25), (40, 200, 240), "across"),
    ((0.80, 0.75), (230, 120, 40), "circle"),
    ((0.80, 0.25), (60, 200, 60), "down"),
    ((0.15, 0.75), (200, 60, 220), "circle"),
    ((0.50, 0.50), (30, 30, 200), "across"),
    ((0.48, 0.15), (240, 240, 240), "down"),
    ((0.50, 0.85), (20, 20, 20), "across"),
)


def table(shade: tuple[int, int, int] = (120, 140, 150)) -> Picture:
    """Draw a plain surface with a soft texture."""
    grain = np.random.default_rng(5).normal(0, 6, (18, 32, 1))
    rough = cv2.resize(grain, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(np.array(shade) + rough, 0, 255).astype(np.uint8)


def activities(
    lengths: Sequence[int], shades: Sequence[tuple[int, int, int]] | None = None
) -> list[Picture]:
    """Draw one activity after another on one table: each moves another thing in another place.

    ``lengths``: pictures an activity. ``shades``: the colour of the table in each activity.
    """
    pictures = []
    for activity, length in enumerate(lengths):
        ground = table(shades[activity]) if shades else table()
        for index in range(length):
            picture = ground.copy()
            for thing in range(len(_THINGS)):
                _draw(picture, thing, index if thing == activity else 0)
            pictures.append(picture)
    return pictures


def with_numbers(pictures: Sequence[Picture]) -> list[Picture]:
    """Draw "Frame NN" into the upper left corner, white on black."""
    numbered = []
    for number, picture in enumerate(pictures, 1):
        copy = picture.copy()
        cv2.rectangle(copy, (4, 4), (112, 26), (0, 0, 0), -1)
        cv2.putText(copy, f"Frame {number:02d}", (8, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55,
                    (255, 255, 255), 1, cv2.LINE_AA)  # fmt: skip
        numbered.append(copy)
    return numbered


def jpeg(picture: Picture) -> bytes:
    """Encode a picture as the pipeline does."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def png(picture: Picture) -> bytes:
    """Encode a picture without loss."""
    return bytes(cv2.imencode(".png", picture)[1])


def data_url(data: bytes, media_type: str = "image/jpeg") -> str:
    """Put bytes into a data URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def picture_parts(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """Return one image_url part a picture."""
    return [{"type": "image_url", "image_url": {"url": data_url(jpeg(each))}} for each in pictures]


def numbered_parts(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """Return a text part "Frame NN" and an image_url part a picture, as stages 2 and 3 do."""
    return [
        part
        for number, picture in enumerate(picture_parts(pictures), 1)
        for part in ({"type": "text", "text": f"Frame {number:02d}"}, picture)
    ]


def schema_format(name: str) -> dict[str, Any]:
    """Return the response_format for one of the schemas that the pipeline sends."""
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "schema": sent_schema(name), "strict": True},
    }


def body(
    parts: Sequence[Mapping[str, Any]], text: str, schema: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return the body of a request."""
    content = [*parts, {"type": "text", "text": text}]
    asked: dict[str, Any] = {
        "model": "offline",
        "messages": [
            {"role": "system", "content": "You look at pictures."},
            {"role": "user", "content": content},
        ],
    }
    if schema is not None:
        asked["response_format"] = schema_format(schema)
    return {**asked, **more}


def draft_text(num_frames: int, most_steps: int = 8) -> str:
    """Return what stage 1 says besides the pictures."""
    return prompts.load_prompts()["stage1_user"].fill(
        num_frames=num_frames, most_steps=most_steps, preferred_steps="4 to 7"
    )


def localize_text(num_frames: int, draft: Mapping[str, Any]) -> str:
    """Return what stage 2 says besides the pictures."""
    return prompts.load_prompts()["stage2_user"].fill(
        num_frames=num_frames, end_of_video=num_frames + 1, draft_plan=json.dumps(draft, indent=2)
    )


def refine_text(num_frames: int, goal: str, step: Mapping[str, Any]) -> str:
    """Return what stage 3 says besides the pictures."""
    return prompts.load_prompts()["stage3_user"].fill(
        num_frames=num_frames, high_level_goal=goal, draft_step=json.dumps(step, indent=2)
    )


def measurement(*, likeness: Floats | None = None, movers: Floats | None = None) -> Measurement:
    """Return a measurement of blank pictures with a given likeness (n, n) or movers (n, h, w)."""
    count = len(movers) if movers is not None else len(likeness) if likeness is not None else 1
    blank = np.zeros((count, 2, 2), np.float32)
    alike = np.ones((count, count)) if likeness is None else likeness
    return Measurement(
        lab=np.zeros((count, 2, 2, 3), np.float32), change=blank[1:],
        movers=blank if movers is None else movers,
        place_likeness=alike, colour_likeness=alike,
        way_likeness=np.ones((count - 1, count - 1)),
    )  # fmt: skip


def _draw(picture: Picture, thing: int, moment: int) -> None:
    (right, down), colour, way = _THINGS[thing]
    # No whole number of pictures is a period, so no two pictures of an activity are the same.
    angle = moment * 1.9
    swing = {
        "across": (44 * math.sin(angle), 0.0),
        "down": (0.0, 34 * math.sin(angle)),
        "circle": (32 * math.sin(angle), 32 * (1 - math.cos(angle))),
    }[way]
    middle = (round(right * WIDTH_PX + swing[0]), round(down * HEIGHT_PX + swing[1]))
    cv2.circle(picture, middle, 17, colour, -1, cv2.LINE_AA)
