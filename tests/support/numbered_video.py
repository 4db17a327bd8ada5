"""Videos whose every frame carries its own number, so that a picture tells which frame it is."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import imageio_ffmpeg
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

Image = NDArray[np.uint8]

BITS, COLUMNS, ROWS = 12, 6, 4
"""A frame shows its number twice, the second time inverted, in a grid of black and white cells."""

GRID_LEFT, GRID_TOP, GRID_RIGHT, GRID_BOTTOM = 0.08, 0.28, 0.92, 0.96
"""Where the grid lies, as shares of the picture: the corner for labels stays free."""

SAMPLE_RATE = 48_000


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """What video to write.

    ``times_ms`` makes the frame rate variable and replaces ``fps`` and ``frames``; frame i carries
    the number ``first_number`` + i.
    """

    frames: int = 90
    first_number: int = 0
    fps: int = 30
    times_ms: Sequence[int] | None = None
    codec: str = "libx264"
    gop: int = 30
    b_frames: int = 2
    size_px: tuple[int, int] = (160, 96)
    pixel_aspect: Fraction | None = None
    pixel_format: str = "yuv420p"
    audio: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def times_sec(self) -> list[float]:
        """The time of every frame, zero at the first."""
        if self.times_ms is None:
            return [i / self.fps for i in range(self.frames)]
        return [(ms - self.times_ms[0]) / 1000 for ms in self.times_ms]


def write_numbered(path: Path, spec: Numbered) -> Path:
    """Write a video as specified."""
    with av.open(str(path), "w", container_options=dict(spec.container_options)) as container:
        video = _video_stream(container, spec)
        sound = _sound_stream(container) if spec.audio else None
        if sound is not None:
            _write_sound(container, sound, spec.times_sec[-1])
        for number in range(spec.frames if spec.times_ms is None else len(spec.times_ms)):
            picture = draw_number(spec.first_number + number, spec.size_px)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number if spec.times_ms is None else spec.times_ms[number]
            frame.time_base = video.codec_context.time_base
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def draw_number(number: int, size_px: tuple[int, int]) -> Image:
    """Draw a frame: a grey picture with a moving spot, and the code of its number."""
    width, height = size_px
    image = np.full((height, width, 3), (90, 110, 100), np.uint8)
    cv2.circle(image, (number * 7 % width, round(height * 0.12)), height // 12, (40, 60, 200), -1)
    bits = [number >> place & 1 for place in range(BITS)]
    for cell, bit in enumerate(bits + [1 - bit for bit in bits]):
        left, top, right, bottom = _cell(cell, width, height)
        image[round(top) : round(bottom), round(left) : round(right)] = 255 * bit
    return image


def read_number(image: Image) -> int:
    """Read a frame's number from a picture of any size. Raises ValueError when there is none."""
    height, width = image.shape[:2]
    cells = []
    for cell in range(2 * BITS):
        left, top, right, bottom = _cell(cell, width, height)
        inset_x, inset_y = (right - left) / 4, (bottom - top) / 4
        inner = image[
            round(top + inset_y) : max(round(bottom - inset_y), round(top + inset_y) + 1),
            round(left + inset_x) : max(round(right - inset_x), round(left + inset_x) + 1),
        ]
        cells.append(int(inner.mean() > 127))
    bits, inverted = cells[:BITS], cells[BITS:]
    if any(bit == other for bit, other in zip(bits, inverted, strict=True)):
        raise ValueError("no number can be read from this picture")
    return sum(bit << place for place, bit in enumerate(bits))


def read_jpeg_number(jpeg: bytes) -> int:
    """Read the number from a JPEG."""
    return read_number(decode_jpeg(jpeg))


def decode_jpeg(jpeg: bytes) -> Image:
    """Decode a JPEG."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def decode_numbers(path: Path) -> list[int]:
    """Read the numbers of all frames that a plain decoder shows, in its order."""
    with av.open(str(path)) as container:
        return [
            read_number(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in container.decode(video=0)
        ]


def run_ffmpeg(*arguments: str | Path) -> str:
    """Run the ffmpeg of the wheel on files; return what it wrote to stderr."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-y", *arguments]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, encoding="utf-8",
        errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def _video_stream(container: OutputContainer, spec: Numbered) -> VideoStream:
    stream = cast("VideoStream", container.add_stream(spec.codec, rate=spec.fps))
    stream.width, stream.height = spec.size_px
    stream.pix_fmt = spec.pixel_format
    context = stream.codec_context
    context.gop_size, context.max_b_frames = spec.gop, spec.b_frames
    context.thread_count = 1
    if spec.pixel_aspect is not None:
        context.sample_aspect_ratio = spec.pixel_aspect
    context.time_base = Fraction(1, spec.fps if spec.times_ms is None else 1000)
    fast = {"preset": "ultrafast", "crf": "20"} if spec.codec == "libx264" else {}
    # ultrafast switches B-frames off; what is asked for comes after it.
    asked = {"g": str(spec.gop), "bf": str(spec.b_frames), "sc_threshold": "0"}
    context.options = {**fast, **asked, **spec.options}
    return stream


def _sound_stream(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE)
    stream.layout = "mono"
    return stream


def _write_sound(container: OutputContainer, sound: AudioStream, seconds: float) -> None:
    count = round(seconds * SAMPLE_RATE) // 1024
    for block in range(count):
        wave = np.sin(np.arange(1024) * 0.05, dtype=np.float32)[None, :] * np.float32(0.2)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, block * 1024
        frame.time_base = Fraction(1, SAMPLE_RATE)
        container.mux(sound.encode(frame))
    container.mux(sound.encode())


def _cell(cell: int, width: int, height: int) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of a cell in pixels."""
    row, column = divmod(cell, COLUMNS)
    cell_width = (GRID_RIGHT - GRID_LEFT) * width / COLUMNS
    cell_height = (GRID_BOTTOM - GRID_TOP) * height / ROWS
    left, top = GRID_LEFT * width + column * cell_width, GRID_TOP * height + row * cell_height
    return left, top, left + cell_width, top + cell_height
