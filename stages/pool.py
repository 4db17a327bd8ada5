"""A pool of pictures between the sampler, the disk and the model."""

from __future__ import annotations

from pathlib import Path

from schemas.files import FrameManifest, ManifestFrame
from three_stage.media import FramePool
from three_stage.runs import RunFolder, StagePaths, sample_name
from three_stage.runs.layout import SAMPLES
from three_stage.vlm import Picture


def manifest_of(pool: FramePool) -> FrameManifest:
    """Return the record of a pool."""
    return FrameManifest(
        num_frames=len(pool.frames),
        note=pool.note,
        frames=tuple(
            ManifestFrame(
                frame_index_1based=frame.index_1based,
                timestamp_sec=frame.timestamp_sec,
                original_frame_index=frame.original_frame_index,
                image_relpath=f"{SAMPLES}/{sample_name(frame.index_1based, frame.timestamp_sec)}",
            )
            for frame in pool.frames
        ),
        video=pool.info,
    )


def save_pool(folder: RunFolder, paths: StagePaths, pool: FramePool) -> list[str]:
    """Write the clean pictures and the manifest; return their paths for the record.

    Pictures of an older pool that are not among the new ones are removed.
    """
    manifest = manifest_of(pool)
    wanted = {paths.folder / frame.image_relpath for frame in manifest.frames}
    if paths.samples.is_dir():
        folder.remove(sorted(set(paths.samples.glob("sample_*.jpg")) - wanted))
    relpaths = [
        folder.write(paths.folder / entry.image_relpath, frame.clean_jpeg)
        for entry, frame in zip(manifest.frames, pool.frames, strict=True)
    ]
    return [*relpaths, folder.write(paths.manifest, manifest)]


def plain_pictures(pool: FramePool) -> tuple[Picture, ...]:
    """Return the pool as stage 1 shows it: no numbers."""
    return tuple(
        Picture(frame.clean_jpeg, pool.width_px, pool.height_px, label=None)
        for frame in pool.frames
    )


def numbered_pictures(pool: FramePool) -> tuple[Picture, ...]:
    """Return the pool as stages 2 and 3 show it: "Frame NN" before and, if wanted, in a picture."""
    return tuple(
        Picture(
            frame.indexed_jpeg or frame.clean_jpeg,
            pool.width_px,
            pool.height_px,
            label=f"Frame {frame.index_1based:02d}",
        )
        for frame in pool.frames
    )


def pool_files(paths: StagePaths, manifest: FrameManifest) -> list[Path]:
    """Return every file that a pool consists of on disk."""
    return [paths.manifest, *(paths.folder / frame.image_relpath for frame in manifest.frames)]
