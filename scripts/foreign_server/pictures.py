"""Pictures to send: a square that crosses a plain background."""

from __future__ import annotations

import cv2
import numpy as np

from three_stage.vlm import Picture

WIDTH_PX, HEIGHT_PX = 512, 288


def pictures(
    count: int, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX
) -> tuple[Picture, ...]:
    """Draw ``count`` labelled pictures of one size."""
    return tuple(_picture(index, count, width_px, height_px) for index in range(count))


def _picture(index: int, count: int, width_px: int, height_px: int) -> Picture:
    side_px = height_px // 3
    image = np.full((height_px, width_px, 3), 120, np.uint8)
    left_px = (width_px - side_px) * index // max(1, count - 1)
    opposite = (left_px + side_px, 2 * side_px)
    cv2.rectangle(image, (left_px, side_px), opposite, (200, 90, 40), thickness=-1)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    return Picture(jpeg, width_px, height_px, label=f"Frame {index + 1:02d}")
