"""What run_summary.json records of the stages against the plan, the files and the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from schemas.files import (
    CallRecord,
    FrameManifest,
    PartRecord,
    RunSummary,
    SamplingConfig,
    StageRecord,
    StepSegments,
    Usage,
)
from schemas.plan import DraftPlan
from three_stage.runs import clip_key, cut_inputs
from three_stage.validation.calls import Journal, Key
from three_stage.validation.codes import Code
from three_stage.validation.view import FolderView

_ACCEPTED_MARK, _KEPT_ANSWER = "--reuse-any", "localization_raw.json"
"""In ``reused``: the stage was taken as it was; its answer was kept and only clips were cut."""

COST_TOLERANCE = 1e-9
"""Between two sums of the same costs."""

_MAX_FRAMES_INPUT = "max frames"
"""Name of --max-frames in ask_inputs."""


def check_parts(view: FolderView, summary: RunSummary, draft: DraftPlan) -> None:
    """Check that completed stages 2 and 3 record what made each step of the plan."""
    for name in ("stage2", "stage3"):
        record = completed(summary, name)
        if record is None or was_accepted(record):
            continue
        for step in draft.steps:
            part = record.parts.get(str(step.step_id), PartRecord())
            if part.cut_key is None if name == "stage2" else part.ask_key is None:
                _say(view, Code.SUMMARY_PART, f"{name}.parts: nothing of step {step.step_id}")


def check_sums(view: FolderView, summary: RunSummary) -> None:
    """Check that the figures of stage 3 are the sums over its steps."""
    record = completed(summary, "stage3")
    if record is None:
        return
    parts = record.parts.values()
    _compare(view, "stage3.attempts", record.attempts, sum(part.attempts for part in parts))
    for field in Usage.model_fields:
        total = sum(getattr(part.usage, field) for part in parts)
        _compare(view, f"stage3.usage.{field}", getattr(record.usage, field), total)
    cost = sum(part.cost for part in parts if part.cost is not None)
    if abs((record.cost or 0.0) - cost) > COST_TOLERANCE:
        _compare(view, "stage3.cost", record.cost or 0.0, cost)


def check_figures(
    view: FolderView, summary: RunSummary, journal: Journal, accepted: Mapping[Key, str]
) -> None:
    """Check what each answer is said to have taken; ``accepted`` are the raw answers in use."""
    for name in ("stage1", "stage2", "stage3"):
        record = completed(summary, name)
        if record is None or _kept_its_answer(record):
            continue
        answers = {f"{name}.parts.{step_id}": part for step_id, part in record.parts.items()}
        for place, answer in answers.items() if name == "stage3" else [(name, record)]:
            step_id = int(place.rsplit(".", 1)[1]) if name == "stage3" else None
            text = accepted.get((name, step_id))
            calls = [] if text is None else journal.same((name, step_id), text)
            _check_figures(view, place, answer, calls)


def _check_figures(
    view: FolderView, place: str, record: StageRecord | PartRecord, calls: list[CallRecord]
) -> None:
    if record.cost is not None and record.cost < 0:
        _say(view, Code.SUMMARY_COUNT, f"{place}.cost: {record.cost}")
    attempts = sorted({call.attempt for call in calls})
    if record.attempts == 0:
        message = f"{place}.attempts: 0, and nothing says that it was reused"
        _say(view, Code.SUMMARY_COUNT, message)
    elif attempts and record.attempts not in attempts:
        message = f"{place}.attempts: {record.attempts}, its answer was attempt {attempts[0]}"
        _say(view, Code.SUMMARY_COUNT, message)
    for field in Usage.model_fields:
        least = min((getattr(call.usage, field) for call in calls), default=0)
        counted = getattr(record.usage, field)
        if counted < least:
            message = f"{place}.usage.{field}: {counted}, its answer took {least}"
            _say(view, Code.SUMMARY_COUNT, message)


def check_sampling(
    view: FolderView, summary: RunSummary, step_pools: Mapping[int, FrameManifest]
) -> None:
    """Check sampling_config against what stage 1 was made with, and the pools of the steps."""
    asked = summary.stage1.ask_inputs if summary.stage1 else {}
    for field, (input_name, value) in _sampling_inputs(summary.sampling_config).items():
        if asked.get(input_name, value) != value:
            _say(
                view,
                Code.SUMMARY_SAMPLING,
                f"sampling_config.{field}: {value}, stage 1 was made with {asked[input_name]}",
            )
    parts = summary.stage3.parts if summary.stage3 else {}
    for step_id, manifest in step_pools.items():
        limit = parts.get(str(step_id), PartRecord()).ask_inputs.get(_MAX_FRAMES_INPUT, "")
        if limit.isdecimal() and manifest.num_frames > int(limit):
            message = f"stage3.parts.{step_id}: asked with {limit} pictures at most"
            _say(view, Code.SUMMARY_SAMPLING, f"{message}, the pool has {manifest.num_frames}")


def check_cut(view: FolderView, summary: RunSummary, segments: StepSegments) -> None:
    """Check how step_segments.json says that clips were cut, and where, against their records.

    Stage 3 records the settings in words, stage 2 in the key of each clip.
    """
    relpath = view.relpath(view.layout.segments)
    inputs = cut_inputs(segments.cut)
    other: dict[tuple[str, str], list[int]] = defaultdict(list)
    for segment in segments.segments:
        part = _part(summary, "stage3", segment.step_id)
        for name, value in inputs.items():
            recorded = part.ask_inputs.get(name, value)
            if recorded != value:
                other[name, recorded].append(segment.step_id)
    for (name, recorded), step_ids in other.items():
        message = f"cut: {name} {inputs[name]}; {recorded} is recorded of {_steps(step_ids)}"
        view.findings.add(Code.CUT_RECORD, relpath, message)
    wrong = [] if other else _clips_of_another_key(summary, segments)
    if wrong:
        message = f"cut: the recorded key of {_steps(wrong)} is that of another cut or range"
        view.findings.add(Code.CUT_RECORD, relpath, message)


def _clips_of_another_key(summary: RunSummary, segments: StepSegments) -> list[int]:
    generation = summary.stage2.generation if summary.stage2 else 0
    keys = {
        segment.step_id: clip_key(
            segments.cut,
            summary.source_fingerprint,
            generation,
            segment.start_sec,
            segment.end_sec,
        )
        for segment in segments.segments
    }
    return [
        step_id
        for step_id, key in keys.items()
        if (_part(summary, "stage2", step_id).cut_key or key) != key
    ]


def _sampling_inputs(made: SamplingConfig) -> dict[str, tuple[str, str]]:
    """Return the fields of sampling_config with their names and values in stage 1's ask_inputs."""
    return {
        "max_frames": (_MAX_FRAMES_INPUT, str(made.max_frames)),
        "pool_mode": ("pool mode", made.pool_mode),
        "frame_max_side": ("picture size", str(made.frame_max_side)),
        "jpeg_quality": ("JPEG quality", str(made.jpeg_quality)),
        "max_body_mb": ("body limit", str(made.max_body_mb)),
    }


def completed(summary: RunSummary, name: str) -> StageRecord | None:
    """Return the record of a stage that is completed."""
    record: StageRecord | None = getattr(summary, name)
    return record if record is not None and record.status == "completed" else None


def _part(summary: RunSummary, name: str, step_id: int) -> PartRecord:
    record = completed(summary, name)
    return record.parts.get(str(step_id), PartRecord()) if record else PartRecord()


def was_accepted(record: StageRecord) -> bool:
    """Whether --reuse-any took a stage as it was, without a record of what made it."""
    return any(_ACCEPTED_MARK in note for note in record.reused)


def _kept_its_answer(record: StageRecord) -> bool:
    return was_accepted(record) or _KEPT_ANSWER in record.reused


def _steps(step_ids: Iterable[int]) -> str:
    listed = ", ".join(map(str, step_ids))
    return f"the clips of steps {listed}" if "," in listed else f"the clip of step {listed}"


def _compare(view: FolderView, place: str, written: float, total: float) -> None:
    if written != total:
        message = f"{place}: {written}, its steps have {total} together"
        _say(view, Code.SUMMARY_COUNT, message)


def _say(view: FolderView, code: Code, message: str) -> None:
    view.findings.add(code, view.relpath(view.layout.summary), message)
