"""Which ffmpeg to run, and running it: one process, a time limit, its own words when it fails."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Sequence

import imageio_ffmpeg

from three_stage.media.errors import CutError, CutTimeoutError
from three_stage.media.orphan import dying_with_us
from three_stage.media.values import Ffmpeg
from three_stage.settings.errors import UsageError

OLDEST = "5.1"
OLDEST_LIBAVUTIL = (57, 28)
"""The libavutil of ffmpeg 5.1: builds of a day have no version, but always this number."""

ENCODER = "--enable-libx264"
ASKING_TAKES_SEC = 20.0
KEPT_WORDS_BYTES = 4096
READ_BYTES = 65536


def find_ffmpeg(ffmpeg_bin: str | None) -> Ffmpeg:
    """Return the named ffmpeg, else the one on PATH if it will do, else that of the wheel.

    Starts it once to ask for its version. Raises UsageError when the named one, or in the end none,
    can be used; the message says why.
    """
    if ffmpeg_bin is not None:
        named = shutil.which(ffmpeg_bin) or ffmpeg_bin
        return _examined(named, hint="Name another --ffmpeg-bin, or leave it out.")
    on_path = shutil.which("ffmpeg")
    if on_path is not None:
        try:
            return _examined(on_path)
        except UsageError:
            pass
    try:
        bundled = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UsageError(
            "There is no ffmpeg: none on PATH, none in the imageio-ffmpeg package.",
            hint=f"Install ffmpeg {OLDEST} or newer, or name one with --ffmpeg-bin.",
        ) from error
    return _examined(bundled, hint=f"Name an ffmpeg {OLDEST} or newer with --ffmpeg-bin.")


async def run_ffmpeg(
    ffmpeg: Ffmpeg, arguments: Sequence[str], *, timeout_sec: float, task: str, hint: str = ""
) -> None:
    """Run ffmpeg to its end. ``task`` says in an error what it was doing, ``hint`` what to do.

    Raises CutTimeoutError, or CutError with ffmpeg's last words. When cancelled, kills it first.
    """
    command = [ffmpeg.path, "-nostdin", "-hide_banner", "-loglevel", "error", *arguments]
    try:
        process = await asyncio.create_subprocess_exec(
            *dying_with_us(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise CutError(f"{task}: {ffmpeg.path} does not start ({error}).") from error
    assert process.stderr is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(timeout_sec):
            words = await _last_words(process.stderr)
            code = await process.wait()
    except TimeoutError as error:
        raise CutTimeoutError(f"{task}: ffmpeg took longer than {timeout_sec:.0f} s.") from error
    finally:
        await _ended(process)
    if code != 0:
        said = words or "without a word"
        raise CutError(f"{task}: ffmpeg failed ({_code_words(code)}): {said}", hint=hint)


async def _last_words(stream: asyncio.StreamReader) -> str:
    """Read a stream to its end; return the last lines as one."""
    kept = b""
    while piece := await stream.read(READ_BYTES):
        kept = (kept + piece)[-KEPT_WORDS_BYTES:]
    lines = kept.decode("utf-8", errors="replace").splitlines()
    return " | ".join(line.strip() for line in lines if line.strip())


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def _code_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _examined(path: str, *, hint: str = "") -> Ffmpeg:
    """Start an ffmpeg and return it with its version. Raises UsageError when it cannot be used."""
    try:
        said = subprocess.run(
            [path, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=ASKING_TAKES_SEC,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"ffmpeg {path!r} does not run ({error}).", hint=hint) from error
    name = re.match(r"ffmpeg version (\S+)", said)
    library = re.search(r"libavutil\s+(\d+)\.\s*(\d+)", said)
    if name is None or library is None:
        raise UsageError(f"{path!r} is no ffmpeg: it does not say its version.", hint=hint)
    libavutil = int(library[1]), int(library[2])
    if libavutil < OLDEST_LIBAVUTIL:
        raise UsageError(
            f"ffmpeg {path!r} is version {name[1]}; {OLDEST} or newer is needed.", hint=hint
        )
    if ENCODER not in said:
        raise UsageError(f"ffmpeg {path!r} has no H.264 encoder (libx264).", hint=hint)
    return Ffmpeg(path=path, version=name[1], libavutil=libavutil)
