"""How each video of an output root stands, and what a run would still do; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from schemas.files import FailureKind, RunSummary
from schemas.problems import SchemaError
from schemas.runs import FailedVideo, RunRecord
from stages.kit import Recipe
from stages.survey import StageForecast, forecast
from stages.video import look, view
from three_stage.batch import VideoInput, find_videos
from three_stage.runs import (
    RunsError,
    Spent,
    VideoLayout,
    read_model,
    same_name_key,
    spent_in,
    summary_standing,
    who_is_at_work,
)
from three_stage.settings import InputSettings, ThreeStageError
from three_stage.validation import video_folders

State = Literal[
    "failed", "damaged", "interrupted", "not finished", "changed", "in work", "not begun", "done"
]
STATES: tuple[State, ...] = (
    "failed", "damaged", "interrupted", "not finished", "changed", "in work", "not begun", "done",
)  # fmt: skip
"""From what wants a person first. ``changed``: done once, and a run would do some of it anew."""

_FRAMES_OF_HOURS = 1_000_000
"""Taken for the length of a video that nobody has counted yet: as many steps as are usual."""


@dataclass(frozen=True)
class Candidate:
    """A video that belongs to an output root, before it is looked at.

    ``problem`` says why its summary cannot be read, when one is there. ``path`` is None when only
    such a summary could have told it.
    """

    video_id: str
    path: Path | None
    summary: RunSummary | None = None
    problem: str = ""


@dataclass(frozen=True)
class Standing:
    """One video: its state, the reason in words, and what a run would do.

    ``kind`` is None unless the state is failed. ``spent`` is what all its requests took so far.
    ``fingerprint`` is that of the source when its results, or its failure, were recorded.
    """

    video_id: str
    path: Path | None
    state: State
    reason: str = ""
    kind: FailureKind | None = None
    forecasts: tuple[StageForecast, ...] = ()
    spent: Spent = field(default_factory=Spent)
    fingerprint: str | None = None

    @property
    def requests(self) -> int:
        """Requests that a run would make at most, without re-asks."""
        return sum(row.requests for row in self.forecasts)


@dataclass(frozen=True)
class Known:
    """What belongs to an output root, what is known to have failed, and what is amiss."""

    candidates: tuple[Candidate, ...]
    failed: dict[str, FailedVideo]
    remarks: tuple[str, ...]


def known_videos(
    output_root: Path, inputs: InputSettings | None, records: Sequence[RunRecord]
) -> Known:
    """Collect the folders that are there, the inputs, and the failures that left no folder."""
    found = {candidate.video_id: candidate for candidate in _of_folders(output_root)}
    remarks: list[str] = []
    if inputs is not None:
        listed, remarks = _of_inputs(output_root, inputs)
        for video in listed:
            there = found.get(video.video_id, Candidate(video.video_id, None))
            found[video.video_id] = replace(there, path=video.path)
    failed = {
        one.video_id: one
        for record in reversed(records)
        for one in record.failed
        if one.video_id not in (".", "..")
    }
    for one in failed.values():
        found.setdefault(one.video_id, Candidate(one.video_id, Path(one.source_video)))
    in_order = sorted(found.values(), key=lambda candidate: candidate.video_id)
    return Known(tuple(in_order), failed, tuple(remarks))


def standing_of(recipe: Recipe, candidate: Candidate, failed: FailedVideo | None) -> Standing:
    """Look at one video's folder as the next run would."""
    layout = VideoLayout(recipe.settings.run.output_root / candidate.video_id)
    summary = candidate.summary
    plain = Standing(
        candidate.video_id,
        candidate.path,
        "damaged",
        candidate.problem,
        spent=spent_in(layout.calls),
        fingerprint=summary.source_fingerprint if summary else _fingerprint_of(failed),
    )
    if holder := who_is_at_work(recipe.settings.run.output_root, candidate.video_id):
        return replace(plain, state="in work", reason=holder)
    if candidate.path is None:
        return plain
    video = VideoInput(candidate.path, candidate.video_id)
    try:
        seen = view(video, look(video, recipe), recipe)
        frames = seen.folder.summary.source_displayed_frames or _FRAMES_OF_HOURS
        rows = tuple(forecast(seen, frames, tokens_a_picture=0))
        plan = seen.why_files_unfit([layout.plan])
    except RunsError as error:
        return _without_source(plain, summary, error)
    except (OSError, ValueError) as error:  # a name or a path that no system has
        return replace(plain, reason=f"{type(error).__name__}: {error}")
    return _judged(replace(plain, forecasts=rows), summary, failed, plan)


def _judged(
    plain: Standing, summary: RunSummary | None, failed: FailedVideo | None, plan: str | None
) -> Standing:
    """Put together what the summary, the last run and the files say."""
    whys = [f"{row.stage}: {row.why}" for row in plain.forecasts if row.why is not None]
    if plain.reason:
        return plain
    found = summary_standing(summary) if summary is not None else None
    if found is not None and found.state == "failed":
        return replace(plain, state="failed", kind=found.kind, reason=_short(plain, found.reason))
    is_done = found is not None and found.state == "done"
    if failed is not None and failed.kind != "busy" and whys and not is_done:
        return replace(plain, state="failed", kind=failed.kind, reason=_short(plain, failed.error))
    if found is None:
        return replace(plain, state="not begun")
    if found.state != "done":
        return replace(plain, state=found.state, reason="; ".join(whys) or found.reason)
    if plan is not None and not whys:
        whys = [f"{plan}: it is put together again"]
    return replace(plain, state="changed" if whys else "done", reason="; ".join(whys))


def _short(standing: Standing, reason: str) -> str:
    return reason.removeprefix(f"{standing.video_id} ")


def _without_source(plain: Standing, summary: RunSummary | None, error: RunsError) -> Standing:
    """The source is gone or another one: what is done stays done, the rest cannot go on."""
    is_there = plain.path is not None and _exists(plain.path)
    is_done = (
        summary is not None
        and summary_standing(summary).state == "done"
        and same_name_key(summary.video_id) == same_name_key(plain.video_id)
    )
    if is_done and not is_there:
        return replace(plain, state="done", reason=f"its source {plain.path} is gone")
    kind: FailureKind = "folder" if is_there else "video"
    return replace(plain, state="failed", kind=kind, reason=str(error))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a name may be, or with a NUL
        return False


def _fingerprint_of(failed: FailedVideo | None) -> str | None:
    return failed.source_fingerprint if failed is not None else None


def _of_folders(output_root: Path) -> list[Candidate]:
    found = []
    for folder in video_folders(output_root):
        layout = VideoLayout(folder)
        try:
            summary = read_model(RunSummary, layout.summary)
        except SchemaError as error:
            if layout.summary.exists() or layout.stage1.folder.is_dir():
                found.append(Candidate(folder.name, None, problem=error.problems[0]))
            continue
        found.append(Candidate(folder.name, Path(summary.source_video), summary))
    return found


def _of_inputs(output_root: Path, inputs: InputSettings) -> tuple[list[VideoInput], list[str]]:
    """Find the inputs that are there, and say which are not."""
    gone = [path for path in inputs.input_video if not path.is_file()]
    remarks = [f"{path}: an input of the last run, and not there any more" for path in gone]
    left = tuple(path for path in inputs.input_video if path not in gone)
    if inputs.input_video and not left:
        return [], remarks
    try:
        found = find_videos(replace(inputs, input_video=left, shard=None), output_root)
    except ThreeStageError as error:
        return [], [*remarks, f"the inputs cannot be looked through: {error}"]
    return found, remarks
