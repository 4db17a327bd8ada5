"""Draft, localization, segments and final plan against each other: the rules of schemas.rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.files import FrameManifest, PartRecord, RunSummary, Segment, StepSegments
from schemas.localization import Localization
from schemas.plan import MAX_STEPS, CausalPlan, DraftPlan, RefinedStep, most_steps_for
from schemas.rules import (
    draft_problems,
    draft_warnings,
    localization_problems,
    localization_warnings,
    plan_problems,
    segments_problems,
)
from three_stage.media.timeline import frames_between
from three_stage.validation.codes import Code
from three_stage.validation.view import FolderView, leads_outside

CLIP_TIME_TOLERANCE_SEC = 1e-6
"""Between two records of the same number."""


@dataclass(frozen=True)
class SourcePool:
    """The pool of stage 1, and how many frames the source shows in all."""

    manifest: FrameManifest
    displayed_frames: int

    def frames_of(self, start_1based: int, end_1based: int) -> int:
        """Return how many displayed source frames a half-open range of pool pictures covers.

        Raises ValueError for a range that is not on the pool.
        """
        indices = [frame.original_frame_index for frame in self.manifest.frames]
        return frames_between(indices, self.displayed_frames, start_1based, end_1based)

    def holds(self, segment: Segment) -> bool:
        """Whether a segment's indices lie on the pool."""
        count = len(self.manifest.frames)
        return 1 <= segment.start_frame_index < segment.end_frame_index <= count + 1


def source_pool(manifest: FrameManifest, summary: RunSummary | None) -> SourcePool:
    """Return the pool with the source's number of frames: as recorded, else to the last picture."""
    at_least = manifest.frames[-1].original_frame_index + 1
    recorded = summary.source_displayed_frames if summary else 0
    return SourcePool(manifest, max(recorded, at_least))


def check_draft(view: FolderView, draft: DraftPlan, pool: SourcePool | None) -> None:
    """Check the draft's rules; how many steps it may have depends on the video's length."""
    most = MAX_STEPS
    if pool is not None:
        most = most_steps_for(pool.displayed_frames)
    path = view.relpath(view.layout.draft)
    view.findings.add_all(Code.DRAFT_RULE, path, draft_problems(draft, most_steps=most))
    view.findings.add_all(Code.DRAFT_ADVICE, path, draft_warnings(draft))


def check_localization(
    view: FolderView, localization: Localization, draft: DraftPlan, pool: SourcePool
) -> None:
    """Check where the steps were put."""
    path, count = view.relpath(view.layout.localization), len(pool.manifest.frames)
    step_ids = [step.step_id for step in draft.steps]
    problems = localization_problems(localization, step_ids, count, pool.frames_of)
    view.findings.add_all(Code.LOCALIZATION_RULE, path, problems)
    if not problems:
        warnings = localization_warnings(localization, count)
        view.findings.add_all(Code.LOCALIZATION_ADVICE, path, warnings)


def check_segments(
    view: FolderView,
    segments: StepSegments,
    localization: Localization,
    draft: DraftPlan,
    pool: SourcePool,
) -> None:
    """Check that the segments repeat localization, draft and manifest, and name their clips."""
    path, layout = view.relpath(view.layout.segments), view.layout
    problems = segments_problems(segments, localization, draft, pool.manifest)
    view.findings.add_all(Code.SEGMENTS_RULE, path, problems)
    for position, segment in enumerate(segments.segments):
        view.check_path(
            layout.segments,
            f"segments[{position}].clip_relpath",
            segment.clip_relpath,
            base=layout.stage2.folder,
            wanted=layout.clip(segment.step_id, segment.step_goal),
        )
        for field in ("start_image_relpath", "end_image_relpath"):
            _check_stays_inside(view, f"segments[{position}].{field}", getattr(segment, field))


def check_clip_records(view: FolderView, segments: StepSegments, summary: RunSummary) -> None:
    """Check what run_summary.json says of each clip's times."""
    parts = summary.stage2.parts if summary.stage2 else {}
    for position, segment in enumerate(segments.segments):
        part = parts.get(str(segment.step_id), PartRecord())
        for name in ("clip_start_sec", "clip_end_sec"):
            recorded, written = getattr(part, name), getattr(segment, name)
            if recorded is not None and abs(recorded - written) > CLIP_TIME_TOLERANCE_SEC:
                view.findings.add(
                    Code.CLIP_RANGE,
                    view.relpath(view.layout.segments),
                    f"segments[{position}].{name}: {written}, run_summary.json has {recorded}",
                )


def check_plan(
    view: FolderView, plan: CausalPlan, draft: DraftPlan, steps: Sequence[RefinedStep]
) -> None:
    """Check that the final plan is the draft's goal and exactly the refined steps."""
    path = view.relpath(view.layout.plan)
    view.findings.add_all(Code.PLAN_RULE, path, plan_problems(plan, draft, steps))


def _check_stays_inside(view: FolderView, field: str, value: str) -> None:
    # What it must be is a rule of segments_problems; where it leads is said here.
    if leads_outside(view.root, view.layout.stage1.folder, value):
        view.findings.add(
            Code.PATH_OUTSIDE,
            view.relpath(view.layout.segments),
            f"{field}: {value!r} leads outside the folder",
        )
