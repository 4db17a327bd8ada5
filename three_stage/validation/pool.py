"""A frame manifest and the pictures it speaks of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.files import FrameManifest, ManifestFrame
from schemas.rules import manifest_problems
from three_stage.runs import StagePaths, sample_name
from three_stage.runs.layout import SAMPLES
from three_stage.validation.codes import Code
from three_stage.validation.pictures import read_picture
from three_stage.validation.similarity import SKETCH_SIDE_PX, Canvas, Image, Sketch, sketch
from three_stage.validation.view import FolderView

ASPECT_TOLERANCE_PX = 2
"""Rounding of both sides when a picture is made smaller."""

_NOTE = re.compile(
    r"(?P<taken>[0-9]{1,9}) of (?P<displayed>[0-9]{1,9}) displayed frames, "
    r"(evenly spread from the first to the last"
    r"( \(only [0-9]+ are key frames, too few for a pool of these\))?"
    r"|the key frames nearest to evenly spread times)\."
)
"""How a pool is described."""


def read_manifest(view: FolderView, paths: StagePaths) -> FrameManifest | None:
    """Read a manifest and check it by itself, without its pictures."""
    manifest = view.read_model(paths.manifest, FrameManifest, "frame_manifest")
    if manifest is None:
        return None
    relpath = view.relpath(paths.manifest)
    problems = manifest_problems(manifest)
    view.findings.add_all(Code.MANIFEST_RULE, relpath, problems)
    _check_times(view, relpath, manifest)
    for position, frame in enumerate(manifest.frames):
        _check_name(view, paths, position, frame)
    return None if problems else manifest


def check_note(
    view: FolderView, paths: StagePaths, manifest: FrameManifest, displayed_frames: int
) -> None:
    """Check what a manifest's note says: how many of ``displayed_frames`` were taken, and how."""
    told = _NOTE.fullmatch(manifest.note)
    counts = (manifest.num_frames, displayed_frames)
    if told is None or (int(told["taken"]), int(told["displayed"])) != counts:
        view.findings.add(
            Code.MANIFEST_NOTE,
            view.relpath(paths.manifest),
            f"note: {manifest.note!r:.100}, but it is {counts[0]} of {counts[1]} displayed frames",
        )


def expected_pictures(paths: StagePaths, manifest: FrameManifest) -> list[Path]:
    """Return where the pictures of a pool must lie, in order."""
    return [
        paths.samples / sample_name(frame.frame_index_1based, frame.timestamp_sec)
        for frame in manifest.frames
    ]


@dataclass(frozen=True, eq=False)
class SeenPool:
    """The decoded pictures of a pool: sketches on one canvas by place in the manifest (from 0).

    ``kept`` are whole pictures, by place too.
    """

    canvas: Canvas
    width_px: int
    height_px: int
    sketches: Mapping[int, Sketch]
    kept: Mapping[int, Image]


def look_at_pool(
    view: FolderView,
    paths: StagePaths,
    manifest: FrameManifest,
    *,
    max_side_px: int | None = None,
    keep: Collection[int] = (),
) -> SeenPool:
    """Decode a pool and check sizes; keep sketches, and the whole pictures at some places.

    All pictures have one size, of the video's shape; ``max_side_px`` is the longest side allowed,
    if known. Pictures are compared at their own size when that is smaller than sketches are.
    """
    video = manifest.video
    canvas: Canvas | None = None
    sketches: dict[int, Sketch] = {}
    kept: dict[int, Image] = {}
    for frame, image in _pictures(view, paths, manifest, max_side_px):
        if canvas is None:
            longest = min(SKETCH_SIDE_PX, max(image.shape[:2]))
            canvas = Canvas.of(video.width, video.height, longest)
        place = frame.frame_index_1based - 1
        sketches[place] = sketch(image, canvas)
        if place in keep:
            kept[place] = image
    canvas = canvas or Canvas.of(video.width, video.height, SKETCH_SIDE_PX)
    return SeenPool(canvas, video.width, video.height, sketches, kept)


def _pictures(
    view: FolderView, paths: StagePaths, manifest: FrameManifest, max_side_px: int | None
) -> Iterator[tuple[ManifestFrame, Image]]:
    """Decode one picture at a time; yield those that can be decoded."""
    first_size: tuple[int, int] | None = None
    for frame, path in zip(manifest.frames, expected_pictures(paths, manifest), strict=True):
        image = read_picture(view, path)
        if image is None:
            continue
        size = (image.shape[1], image.shape[0])
        if first_size is None:
            first_size = size
            _check_size(view, path, size, manifest, max_side_px)
        elif size != first_size:
            view.findings.add(
                Code.PICTURE_SIZE,
                view.relpath(path),
                f"is {size[0]}x{size[1]} px, the pool's first is {first_size[0]}x{first_size[1]}",
            )
        yield frame, image


def _check_times(view: FolderView, relpath: str, manifest: FrameManifest) -> None:
    last = manifest.frames[-1].timestamp_sec - manifest.frames[0].timestamp_sec
    if last >= manifest.video.duration_sec:
        view.findings.add(
            Code.MANIFEST_RULE,
            relpath,
            f"video.duration_sec: {manifest.video.duration_sec}, but the last picture is {last} s "
            "after the first",
        )


def _check_name(view: FolderView, paths: StagePaths, position: int, frame: ManifestFrame) -> None:
    name = sample_name(frame.frame_index_1based, frame.timestamp_sec)
    field = f"frames[{position}].image_relpath"
    if frame.image_relpath == f"{SAMPLES}/{name}":
        return
    wanted = paths.samples / name
    if frame.image_relpath.startswith(f"{SAMPLES}/") and "/" not in frame.image_relpath[15:]:
        view.findings.add(
            Code.POOL_NAME,
            view.relpath(paths.manifest),
            f"{field}: must be {name!r} for its index and time; got {frame.image_relpath!r}",
        )
    else:
        view.check_path(
            paths.manifest, field, frame.image_relpath, base=paths.folder, wanted=wanted
        )


def _check_size(
    view: FolderView,
    path: Path,
    size: tuple[int, int],
    manifest: FrameManifest,
    max_side_px: int | None,
) -> None:
    width, height = size
    video = manifest.video
    scale = max(width, height) / max(video.width, video.height)
    shape_is_kept = (
        abs(video.width * scale - width) <= ASPECT_TOLERANCE_PX
        and abs(video.height * scale - height) <= ASPECT_TOLERANCE_PX
    )
    if not shape_is_kept:
        view.findings.add(
            Code.PICTURE_SIZE,
            view.relpath(path),
            f"is {width}x{height} px, which is not the shape of {video.width}x{video.height}",
        )
    if max_side_px is not None and max(width, height) > max_side_px:
        view.findings.add(
            Code.PICTURE_SIZE,
            view.relpath(path),
            f"is {width}x{height} px; at most {max_side_px} were asked for",
        )
