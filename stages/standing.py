"""How each video of an output root stands, and what a run would still do; changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from schemas.files import FailureKind, RunSummary, Usage
from schemas.problems import SchemaError
from schemas.runs import FailedVideo, RunRecord
from stages.kit import STAGE_NAMES, Recipe
from stages.survey import StageForecast, forecast
from stages.video import look, view
from three_stage.batch import VideoInput, find_videos
from three_stage.runs import RunsError, VideoLayout, read_model, who_is_at_work
from three_stage.runs.layout import SUMMARY_NAME
from three_stage.settings import InputSettings, ThreeStageError
from three_stage.validation import video_folders

State = Literal["failed", "interrupted", "changed", "in work", "not begun", "done"]
STATES: tuple[State, ...] = ("failed", "interrupted", "changed", "in work", "not begun", "done")
"""From what wants a person first. ``changed``: done once, and a run would do some of it anew."""

_SEVERAL_HOURS_OF_FRAMES = 1_000_000
"""Taken for the length of a video that nobody has counted yet: as many steps as are usual."""


@dataclass(frozen=True)
class Standing:
    """One video: its state, the reason in words, and what a run would do.

    ``kind`` is None unless the state is failed. ``usage`` and ``cost`` are what the results so far
    took.
    """

    video: VideoInput
    state: State
    reason: str = ""
    kind: FailureKind | None = None
    forecasts: tuple[StageForecast, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None

    @property
    def requests(self) -> int:
        """Requests that a run would make, without re-asks; 0 where nobody can tell."""
        return sum(row.requests for row in self.forecasts)


@dataclass(frozen=True)
class Known:
    """The videos that belong to an output root, those known to have failed, and what is amiss."""

    videos: tuple[VideoInput, ...]
    failed: dict[str, FailedVideo]
    remarks: tuple[str, ...]


def known_videos(
    output_root: Path, inputs: InputSettings | None, records: Sequence[RunRecord]
) -> Known:
    """Collect the inputs, the folders that are there, and the failures that left no folder."""
    found: dict[str, VideoInput] = {}
    remarks: list[str] = []
    if inputs is not None:
        try:
            found |= {v.video_id: v for v in find_videos(replace(inputs, shard=None), output_root)}
        except ThreeStageError as error:
            remarks.append(f"the inputs cannot be looked through: {error}")
    failed = {one.video_id: one for record in reversed(records) for one in record.failed}
    others = [*_of_folders(output_root, remarks), *_of_failures(failed.values())]
    for video in others:
        found.setdefault(video.video_id, video)
    in_order = sorted(found.values(), key=lambda video: video.video_id)
    return Known(tuple(in_order), failed, tuple(remarks))


def standing_of(recipe: Recipe, video: VideoInput, failed: FailedVideo | None) -> Standing:
    """Look at one video's folder as the next run would."""
    output_root = recipe.settings.run.output_root
    try:
        summary = read_model(RunSummary, output_root / video.video_id / SUMMARY_NAME)
    except SchemaError:
        summary = None
    taken = _taken(summary)
    if holder := who_is_at_work(output_root, video.video_id):
        return replace(taken, video=video, state="in work", reason=holder)
    try:
        state = look(video, recipe)
        seen = view(video, state, recipe)
        frames = seen.folder.summary.source_displayed_frames or _SEVERAL_HOURS_OF_FRAMES
        rows = tuple(forecast(seen, frames, tokens_a_picture=0))
    except RunsError as error:
        return _unreachable(taken, video, summary, error)
    return _judged(replace(taken, video=video, forecasts=rows), summary, failed)


def _judged(taken: Standing, summary: RunSummary | None, failed: FailedVideo | None) -> Standing:
    whys = [f"{row.stage}: {row.why}" for row in taken.forecasts if row.why is not None]
    if summary is not None:
        for name in STAGE_NAMES:
            record = getattr(summary, name)
            # A failed stage without a kind only no longer fits what lies before it.
            if record is not None and record.status == "failed" and record.error_kind and whys:
                reason = f"{name}: {record.error}"
                return replace(taken, state="failed", kind=record.error_kind, reason=reason)
        checked = summary.post_validate
        if checked is not None and checked.status == "failed":
            return replace(taken, state="failed", kind="invalid", reason=checked.error or "")
    if not whys:
        return taken
    if failed is not None and failed.kind != "busy":
        return replace(taken, state="failed", kind=failed.kind, reason=failed.error)
    if summary is None or summary.stage1 is None:
        return replace(taken, state="not begun", reason="")
    state: State = "interrupted" if _was_interrupted(summary, taken.forecasts) else "changed"
    return replace(taken, state=state, reason="; ".join(whys))


def _was_interrupted(summary: RunSummary, rows: Iterable[StageForecast]) -> bool:
    """Tell whether what is left was never finished, instead of done with other settings."""
    records = {name: getattr(summary, name) for name in STAGE_NAMES}
    first = next(row.stage for row in rows if row.why is not None)
    return records[first] is None or records[first].status != "completed"


def _unreachable(
    taken: Standing, video: VideoInput, summary: RunSummary | None, error: RunsError
) -> Standing:
    """The source is gone or another one: what is done stays done, the rest cannot go on."""
    is_done = summary is not None and all(
        (record := getattr(summary, name)) is not None and record.status == "completed"
        for name in STAGE_NAMES
    )
    if is_done and not video.path.exists():
        return replace(taken, video=video, reason=f"its source {video.path} is gone")
    kind: FailureKind = "folder" if video.path.exists() else "video"
    return replace(taken, video=video, state="failed", kind=kind, reason=str(error))


def _taken(summary: RunSummary | None) -> Standing:
    """Return what the results so far took, as a standing that is done."""
    records = [getattr(summary, name) for name in STAGE_NAMES] if summary is not None else []
    usage, costs = Usage(), []
    for record in records:
        if record is not None:
            usage = usage.plus(record.usage)
            costs += [record.cost] if record.cost is not None else []
    nobody = VideoInput(Path(), "")
    return Standing(nobody, "done", usage=usage, cost=sum(costs) if costs else None)


def _of_folders(output_root: Path, remarks: list[str]) -> list[VideoInput]:
    found = []
    for folder in video_folders(output_root):
        try:
            summary = read_model(RunSummary, VideoLayout(folder).summary)
        except SchemaError as error:
            remarks.append(f"{folder.name}: {error.problems[0]}")
            continue
        found.append(VideoInput(Path(summary.source_video), folder.name))
    return found


def _of_failures(failed: Iterable[FailedVideo]) -> list[VideoInput]:
    return [VideoInput(Path(one.source_video), one.video_id) for one in failed]
