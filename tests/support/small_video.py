"""A small real video of three to five activities, rendered in a moment."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX, FPS = 160, 120, 10


def write_small_video(
    path: Path, *, activities: int = 4, seconds_each: float = 3.0, number: int | None = None
) -> Path:
    """Write an H.264 video in which another thing moves elsewhere in each activity.

    A ``number`` is drawn into every picture, so that no two numbers have a picture in common.
    """
    container = av.open(str(path), "w")
    stream = container.add_stream("libx264", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    stream.options = {"crf": "20", "preset": "ultrafast"}
    frames_each = round(seconds_each * FPS)
    for index in range(activities * frames_each):
        picture = _picture(index // frames_each, (index % frames_each) / FPS)
        if number is not None:
            cv2.putText(picture, str(number), (60, 115), cv2.FONT_HERSHEY_PLAIN, 1.2, (0, 0, 0), 2)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        for packet in stream.encode(frame):
            container.mux(packet)
    for packet in stream.encode():
        container.mux(packet)
    container.close()
    return path


def _picture(activity: int, time_sec: float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    shades = ((70, 90, 110), (110, 70, 90), (90, 110, 70), (60, 60, 120), (120, 60, 60))
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), shades[activity % 5], np.uint8)
    places = ((35, 30), (120, 90), (120, 30), (35, 90), (80, 60))
    x, y = places[activity % 5]
    x += round(20 * np.sin(2 * np.pi * time_sec / 1.6)) * (1 if activity % 2 else 0)
    y += round(20 * np.cos(2 * np.pi * time_sec / 1.6)) * (0 if activity % 2 else 1)
    color = ((40, 200, 240), (230, 120, 40), (60, 220, 60), (200, 60, 220), (240, 240, 240))
    cv2.circle(picture, (x, y), 13, color[activity % 5], -1)
    return picture
