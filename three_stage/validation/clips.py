"""The clip of one step: its frames, its times, its size, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.files import CutRecord, FrameManifest, Segment, VideoInfo
from three_stage.media import nearest_index
from three_stage.validation.clip_file import TIME_TOLERANCE_SEC, ClipFile, told_wrong
from three_stage.validation.codes import Code
from three_stage.validation.likeness import Comparison, are_alike
from three_stage.validation.plans import SourcePool
from three_stage.validation.pool import SeenPool
from three_stage.validation.similarity import Sketch
from three_stage.validation.view import FolderView

SIZE_TOLERANCE_PX = 2
"""Odd sides are padded by one; pixels that are not square are rounded once more."""


@dataclass(frozen=True)
class ClipCheck:
    """One step's clip and what it is checked against."""

    path: Path
    segment: Segment
    cut: CutRecord
    pool: SourcePool

    @property
    def is_exact(self) -> bool:
        """Whether the clip is recorded to hold exactly its segment."""
        segment = self.segment
        return (
            abs(segment.clip_start_sec - segment.start_sec) <= TIME_TOLERANCE_SEC
            and abs(segment.clip_end_sec - segment.end_sec) <= TIME_TOLERANCE_SEC
        )

    @property
    def span_sec(self) -> float:
        """How long the clip is recorded to last."""
        return self.segment.clip_end_sec - self.segment.clip_start_sec


def check_range(view: FolderView, check: ClipCheck) -> None:
    """Check the recorded range of a clip against its segment, without the file."""
    segment = check.segment
    held = f"{segment.clip_start_sec}-{segment.clip_end_sec} s"
    wanted = f"{segment.start_sec}-{segment.end_sec} s"
    path = view.relpath(view.layout.segments)
    if check.cut.mode == "reencode" and not check.is_exact:
        view.findings.add(
            Code.CLIP_RANGE,
            path,
            f"step {segment.step_id}: the clip holds {held}, but a re-encoded one is exact: "
            f"{wanted}",
        )
    elif segment.clip_start_sec >= segment.end_sec or segment.clip_end_sec <= segment.start_sec:
        view.findings.add(
            Code.CLIP_RANGE,
            path,
            f"step {segment.step_id}: the clip holds {held}, nothing of its segment {wanted}",
        )


def check_clip_file(view: FolderView, check: ClipCheck, clip: ClipFile) -> None:
    """Check a decoded clip: every packet readable, number of frames, duration, size."""
    relpath = view.relpath(check.path)
    if clip.damaged_packets:
        view.findings.add(
            Code.CLIP_DECODE, relpath, f"{clip.damaged_packets} pieces of it cannot be decoded"
        )
    _check_frames(view, relpath, check, clip)
    _check_duration(view, relpath, check, clip)
    _check_size(view, relpath, check.pool.manifest.video, clip.info)


def coinciding(check: ClipCheck, times_sec: tuple[float, ...]) -> dict[int, int]:
    """Return which pool pictures a clip shows: place in the manifest → frame of the clip, 0-based.

    Found by time, so that it holds for clips that begin elsewhere than their segment too.
    """
    start = check.segment.clip_start_sec
    inside = {
        place: frame.timestamp_sec - start
        for place, frame in enumerate(check.pool.manifest.frames)
        if -TIME_TOLERANCE_SEC <= frame.timestamp_sec - start < check.span_sec - TIME_TOLERANCE_SEC
    }
    nearest = nearest_index(times_sec, list(inside.values()))
    return {place: int(index) for place, index in zip(inside, nearest, strict=True)}


def check_against_pool(
    view: FolderView,
    check: ClipCheck,
    clip: ClipFile,
    shown: Mapping[int, Sketch],
    seen: SeenPool,
) -> None:
    """Check time and picture of the frames of the clip that are in the video's pool too.

    ``shown`` are sketches of the clip's frames, ``seen`` is the pool. The first difference is said.
    """
    relpath, start = view.relpath(check.path), check.segment.clip_start_sec
    for place, index in coinciding(check, clip.times_sec).items():
        frame = check.pool.manifest.frames[place]
        other = f"picture {frame.frame_index_1based} of stage1"
        if abs(start + clip.times_sec[index] - frame.timestamp_sec) > TIME_TOLERANCE_SEC:
            message = f"has no frame at {frame.timestamp_sec} s, the time of {other}"
            view.findings.add(Code.CLIP_FRAMES, relpath, message)
            return
        counted = _source_index(check, index)
        if counted is not None and counted != frame.original_frame_index:
            message = (
                f"its frame {index} is the source's frame {counted}, but {other} is said to be "
                f"frame {frame.original_frame_index} (all 0-based)"
            )
            view.findings.add(Code.CLIP_FRAMES, relpath, message)
            return
        if index in shown and place in seen.sketches:
            other = f"{other}, which is its frame {index} (0-based)"
            what = Comparison(Code.CLIP_PICTURE, relpath, other, check.cut)
            if not are_alike(view, what, shown[index], seen.sketches[place]):
                return


def _source_index(check: ClipCheck, index: int) -> int | None:
    """Return which frame of the source (0-based) a clip's frame is, where that can be counted."""
    if not (check.is_exact and check.pool.holds(check.segment)):
        return None
    first = check.pool.manifest.frames[check.segment.start_frame_index - 1]
    return first.original_frame_index + index


def check_described(
    view: FolderView, manifest_relpath: str, manifest: FrameManifest, clip: ClipFile
) -> None:
    """Check what a step's manifest says of its clip."""
    for name, written, found in told_wrong(manifest.video, clip.info):
        view.findings.add(
            Code.META_RULE,
            manifest_relpath,
            f"video.{name}: {written!r}, but the clip has {found!r}",
        )


def _check_frames(view: FolderView, relpath: str, check: ClipCheck, clip: ClipFile) -> None:
    segment = check.segment
    if not (check.is_exact and check.pool.holds(segment)):
        return
    wanted = check.pool.frames_of(segment.start_frame_index, segment.end_frame_index)
    if len(clip.times_sec) != wanted:
        view.findings.add(
            Code.CLIP_FRAMES,
            relpath,
            f"shows {len(clip.times_sec)} frames; its segment has {wanted} of the source",
        )


def _check_duration(view: FolderView, relpath: str, check: ClipCheck, clip: ClipFile) -> None:
    # How long the last frame stays is not recorded in every file, so it may be missing.
    frame_sec = 1 / clip.info.average_fps
    too_long = clip.times_sec[-1] >= check.span_sec + TIME_TOLERANCE_SEC
    off_sec = clip.info.duration_sec - check.span_sec
    is_steady = not (clip.info.variable_frame_rate or check.pool.manifest.video.variable_frame_rate)
    if too_long or (is_steady and abs(off_sec) > 1.5 * frame_sec + TIME_TOLERANCE_SEC):
        view.findings.add(
            Code.CLIP_DURATION,
            relpath,
            f"lasts {clip.info.duration_sec:.3f} s; {check.span_sec:.3f} s are recorded",
        )


def _check_size(view: FolderView, relpath: str, video: VideoInfo, clip: VideoInfo) -> None:
    off = max(abs(clip.width - video.width), abs(clip.height - video.height))
    if off > SIZE_TOLERANCE_PX:
        view.findings.add(
            Code.CLIP_SIZE,
            relpath,
            f"is {clip.width}x{clip.height} px, the video {video.width}x{video.height}",
        )
