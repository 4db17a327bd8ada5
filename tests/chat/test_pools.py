"""The pictures that a model sees: made once, made anew when damaged, told when they cannot be."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from three_stage.chat.folders import Folders
from three_stage.chat.pools import Pools, nearest_frame
from three_stage.chat.values import Frame, Pool, TimeRange, Video
from three_stage.media import MediaWorkers
from three_stage.settings import SamplingSettings
from three_stage.vlm import Picture

VIDEO = Video(
    id="a" * 16,
    name="v.mp4",
    size_bytes=1,
    duration_sec=6.0,
    width=160,
    height=120,
    codec="h264",
    media_type="video/mp4",
    has_audio=False,
    displayed_frames=60,
    warnings=(),
    created_at="",
)
SETTINGS = dataclasses.replace(SamplingSettings(), max_frames=9)


def with_pools(
    folder: Path, video: Path, use: Callable[[Pools, Folders], Coroutine[Any, Any, None]]
) -> None:
    async def run() -> None:
        folders = Folders(folder)
        folders.video(VIDEO.id).mkdir(parents=True, exist_ok=True)
        if not folders.source(VIDEO.id).exists():
            os.link(video, folders.source(VIDEO.id))
        async with MediaWorkers(1) as workers:
            pools = Pools(folders, workers, SETTINGS)
            await use(pools, folders)
            await pools.close()

    asyncio.run(run())


def test_a_pool_is_made_once_and_a_damaged_one_anew(tmp_path: Path, small_video: Path) -> None:
    async def use(pools: Pools, folders: Folders) -> None:
        asked = await asyncio.gather(*(pools.get(VIDEO, 9) for _ in range(5)))
        assert all(pool is asked[0] for pool in asked)
        pool = asked[0]
        folder = folders.pool(VIDEO.id, pool.key)
        whole = {path.name: path.read_bytes() for path in folder.iterdir()}
        for name, data in (
            ("frame_004.jpg", None),
            ("frame_004.jpg", b""),
            ("pool.json", None),
            ("pool.json", whole["pool.json"][:100]),
            ("pool.json", b"\xff\xfe{"),
            ("pool.json", b"{}"),
            ("pool.json", whole["pool.json"].replace(b"a" * 16, b"b" * 16)),
        ):
            path = folder / name
            path.unlink()
            if data is not None:
                path.write_bytes(data)
            assert await pools.ready(VIDEO.id, 9) is None
            assert await pools.get(VIDEO, 9) == pool
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole

    with_pools(tmp_path, small_video, use)


@pytest.mark.slow
def test_parts_have_pools_of_their_own_and_pictures_are_shared_while_in_use(
    tmp_path: Path, small_video: Path
) -> None:
    async def use(pools: Pools, folders: Folders) -> None:
        whole, part = await pools.get(VIDEO, 9), await pools.get(VIDEO, 9, TimeRange(1.0, 2.0))
        assert whole.key != part.key
        assert len(part.frames) == 9
        assert all(1.0 <= frame.time_sec < 2.0 for frame in part.frames)
        assert (await pools.get(VIDEO, 3)).key != whole.key
        first, again = await asyncio.gather(pools.pictures(whole), pools.pictures(whole))
        assert all(one is other for one, other in zip(first, again, strict=True))
        numbered_on = await pools.pictures(part, first_number=10)
        assert numbered_on[0].label == "Frame 10 at 1.00 s"
        assert isinstance(first[0], Picture)
        assert first[0].jpeg == (folders.pool(VIDEO.id, whole.key) / "frame_001.jpg").read_bytes()

    with_pools(tmp_path, small_video, use)


def test_the_nearest_frame_is_the_earlier_of_two() -> None:
    frames = tuple(Frame(index=n, time_sec=float(n), file_name="") for n in range(1, 10))
    pool = Pool(
        video_id=VIDEO.id,
        key="",
        frames=frames,
        width_px=1,
        height_px=1,
        end_sec=10.0,
        note="",
        warnings=(),
    )
    found = [nearest_frame(pool, time_sec).index for time_sec in (0.0, 2.4, 2.5, 2.6, 1e9)]
    assert found == [1, 2, 2, 3, 9]


@pytest.mark.slow
def test_who_forgets_a_video_ends_the_making_of_its_pictures(
    tmp_path: Path, small_video: Path
) -> None:
    async def use(pools: Pools, _folders: Folders) -> None:
        waiting = asyncio.create_task(pools.get(VIDEO, 9))
        await asyncio.sleep(0.05)
        await pools.forget(VIDEO.id)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with_pools(tmp_path, small_video, use)
