"""Other people's decoders, asked the same question: which frames are shown, and when?"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from tests.support.numbered_video import Image, read_number

Read = Callable[[Image], int]

_SHOWN = re.compile(
    r"\] n: *\d+ .*?pts_time: *(?P<time>-?[\d.]+|NOPTS).*? s:(?P<width>\d+)x(?P<height>\d+)"
    r" .*?iskey:(?P<is_key>[01])"
)


@dataclass(frozen=True)
class Shown:
    """A frame that a decoder showed: its time, zero at the first, and the number on it.

    ``number`` is None where none can be read; ``is_key`` where the decoder does not say.
    """

    time_sec: float
    number: int | None
    is_key: bool | None = None


def shown_by_ffmpeg(path: Path, read: Read = read_number) -> list[Shown]:
    """Decode with the ffmpeg command line; times are those of its filter showinfo."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-i", str(path),
        "-fps_mode", "passthrough", "-an", "-sn", "-dn", "-vf", "format=gray,showinfo",
        "-f", "rawvideo", "-",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    facts = list(_SHOWN.finditer(done.stderr.decode(errors="replace")))
    times = [float(fact["time"]) for fact in facts]
    shown, place = [], 0
    for fact, time in zip(facts, times, strict=True):
        width, height = int(fact["width"]), int(fact["height"])
        pixels = np.frombuffer(done.stdout, np.uint8, width * height, place)
        place += width * height
        number = _number(pixels.reshape(height, width), read)
        shown.append(Shown(time - times[0], number, fact["is_key"] == "1"))
    assert place == len(done.stdout), "ffmpeg showed more than it told"
    return shown


def shown_by_opencv(path: Path, read: Read = read_number) -> list[Shown]:
    """Decode with OpenCV from start to end; the time is asked for after each grab."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    shown = []
    while capture.grab():
        time_sec = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        _, image = capture.retrieve()
        shown.append(Shown(time_sec, _number(np.asarray(image, np.uint8), read)))
    capture.release()
    first_sec = shown[0].time_sec if shown else 0.0
    return [Shown(frame.time_sec - first_sec, frame.number) for frame in shown]


def _number(image: Image, read: Read) -> int | None:
    try:
        return read(image)
    except ValueError:
        return None
