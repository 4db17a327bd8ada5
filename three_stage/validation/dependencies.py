"""Whether this installation can decode what the pipeline writes, and with which versions."""

from __future__ import annotations

import asyncio
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import av
import cv2
import numpy as np

from three_stage import __version__
from three_stage.media import Ffmpeg, MediaError, find_ffmpeg
from three_stage.media.ffmpeg import run_ffmpeg
from three_stage.settings import UsageError
from three_stage.validation.clip_file import ClipFile
from three_stage.validation.likeness import SAME_SSIM
from three_stage.validation.pictures import decode_jpeg
from three_stage.validation.similarity import ssim

_TEST_FRAMES = 8
_TEST_TAKES_SEC = 30.0


@dataclass(frozen=True)
class Dependency:
    """Something that the validator stands on: what was found, and what is wrong with it if any."""

    name: str
    found: str
    problem: str | None = None


def check_dependencies(ffmpeg_bin: str | None = None) -> list[Dependency]:
    """Report versions, and make and decode a picture and a clip in a temporary folder.

    ``ffmpeg_bin`` is the ffmpeg to use; None: the one that a run would find.
    """
    return [
        Dependency("python", platform.python_version()),
        Dependency("three-stage", __version__),
        *_packages(),
        Dependency("libavcodec", ".".join(map(str, av.library_versions["libavcodec"]))),
        _pictures(),
        *_ffmpeg_and_clips(ffmpeg_bin),
    ]


def _packages() -> Iterator[Dependency]:
    for name in ("pydantic", "jsonschema", "numpy"):
        yield Dependency(name, _version(name))
    yield Dependency("av (PyAV)", av.__version__)
    yield Dependency("opencv", cv2.__version__)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"


def _pictures() -> Dependency:
    image = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    done, data = cv2.imencode(".jpg", image)
    decoded = decode_jpeg(data.tobytes()) if done else None
    if decoded is None or ssim(decoded, image) < SAME_SSIM:
        return Dependency("JPEG", "fails", "a picture cannot be encoded and decoded with OpenCV")
    return Dependency("JPEG", "encoded and decoded")


def _ffmpeg_and_clips(ffmpeg_bin: str | None) -> Iterator[Dependency]:
    try:
        ffmpeg = find_ffmpeg(ffmpeg_bin)
    except UsageError as error:
        yield Dependency("ffmpeg", "not found", str(error))
        return
    yield Dependency("ffmpeg", f"{ffmpeg.version} ({ffmpeg.path})")
    try:
        frames = asyncio.run(_decoded_frames(ffmpeg))
    except (MediaError, OSError) as error:
        yield Dependency("H.264", "fails", str(error))
        return
    wrong = None if frames == _TEST_FRAMES else f"{frames} of {_TEST_FRAMES} frames were decoded"
    yield Dependency("H.264", "encoded and decoded" if wrong is None else "fails", wrong)


async def _decoded_frames(ffmpeg: Ffmpeg) -> int:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "test.mp4"
        arguments = [
            *("-f", "lavfi", "-i", f"testsrc=size=64x48:rate={_TEST_FRAMES}:duration=1"),
            *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-y", str(clip)),
        ]
        await run_ffmpeg(ffmpeg, arguments, timeout_sec=_TEST_TAKES_SEC, task="making a test clip")
        return await asyncio.to_thread(_count_frames, clip)


def _count_frames(clip: Path) -> int:
    with ClipFile(clip) as opened:
        return len(opened.times_sec)
