"""A video on its way in: bounded while it is read, probed by content, kept under an id of ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from loguru import logger

from three_stage.chat.errors import (
    ChatError,
    DiskError,
    NotAVideoError,
    SlowSenderError,
    TooLargeError,
    TooManyUploadsError,
)
from three_stage.chat.folders import Folders, new_id
from three_stage.chat.values import Video
from three_stage.media import MediaError, MediaWorkers, VideoProbe
from three_stage.runs import utc_now

BYTES_A_MB = 1_000_000
MOST_UPLOADS = 8
"""Uploads under way at once; each takes a file handle, and one decoding job at its end."""

LONGEST_SILENCE_SEC = 60.0
KEPT_FREE_BYTES = 200 * BYTES_A_MB
"""Left on the disk for pictures and conversations."""

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_WRITTEN_AT_ONCE = 1024 * 1024
_LONGEST_NAME = 255
_UNNAMED = "video"
_JOINERS = "\u200c\u200d"
_SIGNATURES = (
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),  # Matroska too: players look inside
    (0, b"RIFF", "video/x-msvideo"),
    (0, b"FLV", "video/x-flv"),
    (0, b"\x47", "video/mp2t"),
    (0, b"\x30\x26\xb2\x75", "video/x-ms-asf"),
)


class Uploads:
    """Takes videos in; ``most_bytes`` bounds one."""

    def __init__(self, folders: Folders, workers: MediaWorkers, *, most_bytes: int) -> None:
        self._folders = folders
        self._workers = workers
        self._most_bytes = most_bytes
        self._under_way = 0

    async def take(
        self, chunks: AsyncIterator[bytes], *, name: str, announced_bytes: int | None
    ) -> Video:
        """Write a video to disk while it arrives, and look at it; nothing is left of a refused one.

        Raises TooLargeError, SlowSenderError, DiskError, NotAVideoError, TooManyUploadsError.
        """
        if self._under_way >= MOST_UPLOADS:
            raise TooManyUploadsError(
                f"{self._under_way} uploads are under way.", hint="Try again when one is done."
            )
        self._under_way += 1
        video_id = new_id()
        try:
            self._refuse_announced(announced_bytes)
            part = self._folders.part(video_id)
            size = await self._receive(chunks, part)
            probe = await self._probe(part, shown_name(name))
            await asyncio.to_thread(self._keep, video_id)
        finally:
            self._under_way -= 1
            await asyncio.to_thread(self._folders.part(video_id).unlink, missing_ok=True)
        media_type = await asyncio.to_thread(media_type_of, self._folders.source(video_id))
        return _video(video_id, shown_name(name), size, media_type, probe)

    def _refuse_announced(self, announced_bytes: int | None) -> None:
        """Refuse by what the sender says of the length, before a byte is read."""
        if announced_bytes is None:
            return
        if announced_bytes > self._most_bytes:
            raise self._too_large()
        if announced_bytes + KEPT_FREE_BYTES > shutil.disk_usage(self._folders.root).free:
            raise DiskError(
                f"The video has {announced_bytes / BYTES_A_MB:.0f} MB, and the server's disk has "
                "not enough room for it.",
                hint="Delete conversations, or ask who runs the server.",
            )

    async def _receive(self, chunks: AsyncIterator[bytes], part: Path) -> int:
        """Write what arrives; return how many bytes it was."""
        size = 0
        waiting = bytearray()
        with _disk_errors():
            file = await asyncio.to_thread(part.open, "xb")
            try:
                async for chunk in _not_too_slow(chunks):
                    size += len(chunk)
                    if size > self._most_bytes:
                        raise self._too_large()
                    waiting += chunk
                    if len(waiting) >= _WRITTEN_AT_ONCE:
                        await asyncio.to_thread(file.write, bytes(waiting))
                        waiting.clear()
                await asyncio.to_thread(_finish, file, bytes(waiting))
            finally:
                await asyncio.to_thread(file.close)
        return size

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"The video is larger than {self._most_bytes / BYTES_A_MB:g} MB.",
            hint="Cut or compress it, or raise --max-upload-mb of the server.",
        )

    async def _probe(self, part: Path, name: str) -> VideoProbe:
        try:
            return await self._workers.probe(part, fewest_frames=1)
        except MediaError as error:
            raise refused(error, part, name) from error

    def _keep(self, video_id: str) -> None:
        with _disk_errors():
            self._folders.video(video_id).mkdir(parents=True)
            self._folders.part(video_id).replace(self._folders.source(video_id))


def refused(error: MediaError, path: Path, name: str) -> NotAVideoError:
    """Say what is wrong with a video by the name that the person knows; ours is no concern."""
    said = str(error.args[0]).replace(str(path), name)
    logger.info("upload refused: {}", said)
    return NotAVideoError(said, hint=error.hint)


def shown_name(name: str) -> str:
    """Return a file's name as it is kept and shown: one line without a path, never empty."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return one_line(last)[:_LONGEST_NAME] or _UNNAMED


def one_line(text: str) -> str:
    """Return a text as one line of what can be shown; what joins letters and emoji stays."""
    plain = "".join(c if c.isprintable() or c in _JOINERS else " " for c in text)
    return " ".join(plain.split())


def media_type_of(path: Path) -> str:
    """Return what a browser's player should take a file for, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(16)
    for place, signature, media_type in _SIGNATURES:
        if head[place : place + len(signature)] == signature:
            return media_type
    return "application/octet-stream"


def _video(video_id: str, name: str, size_bytes: int, media_type: str, probe: VideoProbe) -> Video:
    info = probe.info
    return Video(
        id=video_id,
        name=name,
        size_bytes=size_bytes,
        duration_sec=info.duration_sec,
        width=info.width,
        height=info.height,
        codec=info.codec,
        media_type=media_type,
        has_audio=probe.has_audio,
        displayed_frames=probe.displayed_frames,
        warnings=probe.warnings,
        created_at=utc_now(),
    )


async def _not_too_slow(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass chunks on. Raises SlowSenderError when the next one does not come."""
    while True:
        try:
            async with asyncio.timeout(LONGEST_SILENCE_SEC):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise SlowSenderError(
                f"Nothing arrived for {LONGEST_SILENCE_SEC:g} s: the upload was given up.",
                hint="Upload it again.",
            ) from None
        yield chunk


def _finish(file: BinaryIO, rest: bytes) -> None:
    file.write(rest)
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn what the disk refuses into words."""
    try:
        yield
    except ChatError:
        raise
    except OSError as error:
        is_full = error.errno in _FULL
        logger.error("data folder: {}", error)
        raise DiskError(
            "The server's disk is full." if is_full else "The server's disk refuses to write.",
            hint="Delete conversations, or ask who runs the server.",
        ) from error
