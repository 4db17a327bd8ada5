"""The pictures that a model sees: made once by the stage-1 sampler, kept on disk, read when asked.

A pool is known by its video and by what decided about it: the sampling settings, and the part of
the video that it shows. Whoever wants one that is being made waits for the same work.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

from pydantic import TypeAdapter, ValidationError

from three_stage.chat.folders import Folders
from three_stage.chat.values import Frame, Pool, TimeRange, Video
from three_stage.media import FramePool, MediaWorkers
from three_stage.runs import digest_of, write_bytes, write_text
from three_stage.settings import SamplingSettings
from three_stage.vlm import Picture

RANGE_SHARE = 1 / 3
"""Of a request's body, for the pictures of a named part; the whole video has the rest."""

_RECORD = "pool.json"
_KEY_LENGTH = 16
_ADAPTER = TypeAdapter(Pool)


class Pools:
    """The pools of all videos."""

    def __init__(self, folders: Folders, workers: MediaWorkers, sampling: SamplingSettings) -> None:
        self._folders = folders
        self._workers = workers
        self._sampling = sampling
        self._being_made: dict[tuple[str, str], asyncio.Task[Pool]] = {}
        self._in_use: WeakValueDictionary[tuple[str, str, str], Picture] = WeakValueDictionary()
        self._reading = asyncio.Lock()

    async def named(self, video_id: str, key: str | None) -> Pool | None:
        """Return the pool of a key if it is there."""
        return None if key is None else await asyncio.to_thread(self._load, video_id, key)

    def key_of(self, max_frames: int) -> str:
        """Return the key of the pool of the whole video."""
        return self._key(max_frames, None)

    def sweep(self, video_id: str, wanted: Collection[str]) -> None:
        """Remove the pictures of a video that nothing names any more."""
        pools = self._folders.pools(video_id)
        for folder in pools.iterdir() if pools.is_dir() else ():
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    async def ready(self, video_id: str, max_frames: int) -> Pool | None:
        """Return the pool of the whole video if it is there."""
        return await self.named(video_id, self.key_of(max_frames))

    async def get(self, video: Video, max_frames: int, span: TimeRange | None = None) -> Pool:
        """Return a pool, made now if it is not there. Raises MediaError, OutputError."""
        key = self._key(max_frames, span)
        task = self._being_made.get((video.id, key)) or self._start(video, key, max_frames, span)
        return await asyncio.shield(task)

    async def pictures(self, pool: Pool, *, first_number: int = 1) -> tuple[Picture, ...]:
        """Read a pool's pictures, each with its number and time as its label. Raises OSError.

        Who asks while others still have them is given the same ones: they are megabytes.
        """
        async with self._reading:
            return await asyncio.to_thread(self._read, pool, first_number)

    def _read(self, pool: Pool, first_number: int) -> tuple[Picture, ...]:
        folder = self._folders.pool(pool.video_id, pool.key)
        pictures = []
        for number, frame in enumerate(pool.frames, start=first_number):
            label = frame_label(number, frame.time_sec)
            place = (pool.video_id, pool.key, label)
            picture = self._in_use.get(place)
            if picture is None:
                data = (folder / frame.file_name).read_bytes()
                picture = Picture(data, pool.width_px, pool.height_px, label=label)
                self._in_use[place] = picture
            pictures.append(picture)
        return tuple(pictures)

    async def forget(self, video_id: str) -> None:
        """Stop making pools of a video that goes away."""
        tasks = [task for (owner, _), task in self._being_made.items() if owner == video_id]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop everything that is under way."""
        for video_id in {video_id for video_id, _ in self._being_made}:
            await self.forget(video_id)

    def _start(
        self, video: Video, key: str, max_frames: int, span: TimeRange | None
    ) -> asyncio.Task[Pool]:
        task = asyncio.create_task(self._make(video, key, max_frames, span))
        place = (video.id, key)
        self._being_made[place] = task

        def ended(done: asyncio.Task[Pool]) -> None:
            del self._being_made[place]
            if not done.cancelled():
                done.exception()  # whoever waits is told; nobody may be waiting

        task.add_done_callback(ended)
        return task

    async def _make(self, video: Video, key: str, max_frames: int, span: TimeRange | None) -> Pool:
        there = await asyncio.to_thread(self._load, video.id, key)
        if there is not None:
            return there
        made = await self._workers.sample_pool(
            self._folders.source(video.id),
            self._settings(max_frames, span),
            fewest_frames=1,
            span_sec=None if span is None else (span.start_sec, span.end_sec),
        )
        saving = asyncio.create_task(asyncio.to_thread(self._save, video.id, key, made))
        try:
            return await asyncio.shield(saving)
        finally:
            # A thread cannot be stopped: who deletes the video must wait for its last file.
            await asyncio.wait({saving})

    def _settings(self, max_frames: int, span: TimeRange | None) -> SamplingSettings:
        share = 1 - RANGE_SHARE if span is None else RANGE_SHARE
        return dataclasses.replace(
            self._sampling,
            max_frames=max_frames,
            max_body_mb=self._sampling.max_body_mb * share,
        )

    def _key(self, max_frames: int, span: TimeRange | None) -> str:
        settings = dataclasses.asdict(self._settings(max_frames, span))
        part = None if span is None else [span.start_sec, span.end_sec]
        return digest_of({"sampling": settings, "span_sec": part})[:_KEY_LENGTH]

    def _save(self, video_id: str, key: str, made: FramePool) -> Pool:
        """Write the pictures, and then the record that makes them a pool."""
        folder = self._folders.pool(video_id, key)
        frames = []
        for place, frame in enumerate(made.frames, start=1):
            name = f"frame_{place:03d}.jpg"
            write_bytes(folder / name, frame.clean_jpeg)
            frames.append(Frame(index=place, time_sec=frame.timestamp_sec, file_name=name))
        pool = Pool(
            video_id=video_id,
            key=key,
            frames=tuple(frames),
            width_px=made.width_px,
            height_px=made.height_px,
            end_sec=made.end_sec,
            note=made.note,
            warnings=made.warnings,
        )
        write_text(folder / _RECORD, _ADAPTER.dump_json(pool).decode())
        return pool

    def _load(self, video_id: str, key: str) -> Pool | None:
        """Read a pool; one that is damaged, or lacks a picture, is not there and is made anew."""
        folder = self._folders.pool(video_id, key)
        try:
            pool = _parsed((folder / _RECORD).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError):
            return None
        is_whole = bool(pool.frames) and (pool.video_id, pool.key) == (video_id, key)
        if is_whole and all(_is_there(folder / frame.file_name) for frame in pool.frames):
            return pool
        return None


def frame_label(number: int, time_sec: float) -> str:
    """Return what stands before a picture: its number, from 1, and its time in seconds."""
    return f"Frame {number:02d} at {time_sec:.2f} s"


def nearest_frame(pool: Pool, time_sec: float) -> Frame:
    """Return the frame of a pool that is nearest to a time; the earlier of two."""
    return min(pool.frames, key=lambda frame: (abs(frame.time_sec - time_sec), frame.index))


def picture_path(folders: Folders, video_id: str, key: str, index: int) -> Path:
    """Return where a picture of a pool lies, whether it is there or not."""
    return folders.pool(video_id, key) / f"frame_{index:03d}.jpg"


def _is_there(picture: Path) -> bool:
    try:
        return picture.stat().st_size > 0
    except OSError:
        return False


@lru_cache(maxsize=256)
def _parsed(text: str) -> Pool:
    return _ADAPTER.validate_json(text)
