"""What a page shows of a folder: pictures made small, clips put in place, times in shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.files import FrameManifest, Segment
from schemas.plan import CausalChain, CriticalFrame
from three_stage.report.contents import (
    MOST_PICTURE_BYTES,
    FolderReader,
    StepContents,
    VideoContents,
)
from three_stage.report.destination import MEDIA, place_media
from three_stage.report.formats import share
from three_stage.report.links import address
from three_stage.report.pictures import (
    KEY_FRAME_WIDTH_PX,
    STRIP_WIDTH_PX,
    SmallPicture,
    poster,
    small_picture,
)
from three_stage.report.standing import Call
from three_stage.runs import key_frame_name, sample_name

_STEP_COLORS = 8


@dataclass(frozen=True)
class Shot:
    """A picture of a pool or a key frame; ``picture`` None: the file is not there or damaged."""

    index_1based: int
    time_sec: float
    file_name: str
    picture: SmallPicture | None


@dataclass(frozen=True)
class KeyFrame:
    """A key frame with its picture; ``shot`` None: the pool does not say when it is."""

    frame: CriticalFrame
    shot: Shot | None
    repeats_chain: bool


@dataclass(frozen=True)
class ClipOffer:
    """A clip in the report: its address, and the seconds of the source that it holds.

    ``first_frame_offset_sec`` is what a player adds to a time of the clip.
    """

    address: str
    start_sec: float
    end_sec: float
    first_frame_offset_sec: float


@dataclass(frozen=True)
class Bar:
    """A step on the timeline, in percent of the video."""

    left: float
    width: float


@dataclass(frozen=True)
class StepView:
    """One step as the page shows it."""

    contents: StepContents
    color: int
    chain: CausalChain | None
    key_frames: tuple[KeyFrame, ...]
    pool: tuple[Shot, ...]
    clip: ClipOffer | None
    bar: Bar | None
    calls: tuple[Call, ...]

    @property
    def known(self) -> Any:
        """What is known of the step: the refined one, or else the draft; None when neither is."""
        return self.contents.refined or self.contents.draft


@dataclass(frozen=True)
class Mark:
    """A key frame on the timeline: where in percent, when in seconds, of which step."""

    left: float
    time_sec: float
    step_id: int
    color: int


class PageMedia:
    """The files that a page brings along."""

    def __init__(self, destination: Path, stem: str) -> None:
        self._folder = destination / MEDIA / stem
        self._stem = stem
        self.files: list[Path] = []

    def put(self, source: Path, name: str) -> str:
        """Put a file into the report and return its address as the page sees it."""
        target = self._folder / name
        place_media(source, target)
        self.files.append(target)
        return f"../{MEDIA}/{address(f'{self._stem}/{name}')}"


def duration_of(contents: VideoContents) -> float:
    """Return how long the timeline is; 0 when nothing says it."""
    if contents.manifest is not None:
        return contents.manifest.video.duration_sec
    segments = contents.segments.segments if contents.segments else ()
    return max((segment.end_sec for segment in segments), default=0.0)


def pool_shots(
    reader: FolderReader, folder: Path, manifest: FrameManifest | None
) -> Iterator[Shot]:
    """Yield the pictures of a pool, those that are missing too."""
    for frame in manifest.frames if manifest else ():
        name = sample_name(frame.frame_index_1based, frame.timestamp_sec)
        picture = _small(reader, folder / name, STRIP_WIDTH_PX)
        yield Shot(frame.frame_index_1based, frame.timestamp_sec, name, picture)


def poster_of(reader: FolderReader, contents: VideoContents) -> SmallPicture | None:
    """Return what the index shows: the picture in the middle of the video."""
    frames = contents.manifest.frames if contents.manifest else ()
    if not frames:
        return None
    data = reader.data(_sample(contents, len(frames) // 2), limit_bytes=MOST_PICTURE_BYTES)
    return poster(data) if data else None


def still_of(reader: FolderReader, contents: VideoContents) -> SmallPicture | None:
    """Return what the player shows before it plays: the first picture."""
    if contents.manifest is None:
        return None
    return _small(reader, _sample(contents, 0), KEY_FRAME_WIDTH_PX)


def step_views(
    reader: FolderReader, contents: VideoContents, calls: Sequence[Call], media: PageMedia
) -> Iterator[StepView]:
    """Yield the steps in order; their clips are put into the report on the way."""
    duration_sec = duration_of(contents)
    for position, step in enumerate(contents.steps):
        known = step.refined or step.draft
        yield StepView(
            contents=step,
            color=position % _STEP_COLORS + 1,
            chain=known.causal_chain if known else None,
            key_frames=tuple(_key_frames(reader, step)),
            pool=tuple(pool_shots(reader, step.paths.samples, step.manifest)),
            clip=_clip(reader, contents, step, media),
            bar=_bar(step.segment, duration_sec),
            calls=tuple(call for call in calls if call.record.step_id == step.step_id),
        )


def _bar(segment: Segment | None, duration_sec: float) -> Bar | None:
    if segment is None or duration_sec <= 0:
        return None
    left = share(segment.start_sec, duration_sec)
    return Bar(left, round(share(segment.end_sec, duration_sec) - left, 4))


def _key_frames(reader: FolderReader, step: StepContents) -> Iterator[KeyFrame]:
    if step.refined is None:
        return
    pool = step.manifest.frames if step.manifest else ()
    times_sec = {frame.frame_index_1based: frame.timestamp_sec for frame in pool}
    for frame in step.refined.critical_frames:
        shot, time_sec = None, times_sec.get(frame.frame_index)
        if time_sec is not None:
            name = key_frame_name(frame.frame_index, time_sec)
            picture = _small(reader, step.paths.folder / name, KEY_FRAME_WIDTH_PX)
            shot = Shot(frame.frame_index, time_sec, name, picture)
        yield KeyFrame(frame, shot, frame.causal_chain == step.refined.causal_chain)


def _clip(
    reader: FolderReader, contents: VideoContents, step: StepContents, media: PageMedia
) -> ClipOffer | None:
    segment = step.segment
    if segment is None:
        return None
    path = contents.layout.clip(segment.step_id, segment.step_goal)
    if not reader.opens(path):
        return None
    offset_sec = step.manifest.video.first_frame_offset_sec if step.manifest else 0.0
    placed = media.put(path, f"step{segment.step_id:02d}.mp4")
    return ClipOffer(placed, segment.clip_start_sec, segment.clip_end_sec, offset_sec)


def _sample(contents: VideoContents, position: int) -> Path:
    assert contents.manifest is not None  # noqa: S101 - callers have looked
    frame = contents.manifest.frames[position]
    return contents.layout.stage1.samples / sample_name(
        frame.frame_index_1based, frame.timestamp_sec
    )


def _small(reader: FolderReader, path: Path, width_px: int) -> SmallPicture | None:
    data = reader.data(path, limit_bytes=MOST_PICTURE_BYTES)
    return small_picture(data, width_px) if data else None
