"""What the JSON files of a folder say, read once, before they are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.files import FrameManifest, RunSummary, StepSegments
from schemas.localization import Localization
from schemas.plan import CausalPlan, DraftPlan, RefinedStep
from three_stage.validation.layout_checks import key_frame_paths, pool_files
from three_stage.validation.plans import SourcePool, source_pool
from three_stage.validation.pool import read_manifest
from three_stage.validation.steps import StepFiles, read_step
from three_stage.validation.summary import STAGES
from three_stage.validation.view import FolderView


@dataclass(frozen=True)
class Contents:
    """Parsed files; None for one that is absent, cannot be used, or belongs to no stage yet.

    ``done`` are the stages that are completed, all of them when run_summary.json cannot tell.
    """

    done: frozenset[str]
    summary: RunSummary | None
    draft: DraftPlan | None
    manifest: FrameManifest | None
    localization: Localization | None
    segments: StepSegments | None
    plan: CausalPlan | None
    steps: Mapping[int, StepFiles]

    @property
    def pool(self) -> SourcePool | None:
        """The pool of stage 1 with the source's number of frames."""
        return source_pool(self.manifest, self.summary) if self.manifest else None

    @property
    def refined(self) -> list[RefinedStep] | None:
        """The refined steps in the draft's order, when all are there."""
        found = [files.step for files in self.steps.values() if files.step is not None]
        return found if self.draft and len(found) == len(self.draft.steps) else None


def read_contents(view: FolderView, summary: RunSummary | None) -> Contents:
    """Read the JSON files of every completed stage; what is wrong with one becomes a finding."""
    layout = view.layout
    done = frozenset(
        name
        for name in STAGES
        if summary is None or ((r := getattr(summary, name)) and r.status == "completed")
    )
    draft = manifest = localization = segments = plan = None
    steps: dict[int, StepFiles] = {}
    if "stage1" in done:
        draft = view.read_model(layout.draft, DraftPlan, "draft_plan")
        manifest = read_manifest(view, layout.stage1)
    if "stage2" in done:
        localization = view.read_model(layout.localization, Localization, "localization_raw")
        segments = view.read_model(layout.segments, StepSegments, "step_segments")
    if "stage3" in done:
        plan = view.read_model(layout.plan, CausalPlan, "causal_plan_with_keyframes")
        for step in draft.steps if draft else ():
            steps[step.step_id] = read_step(view, step)
    return Contents(done, summary, draft, manifest, localization, segments, plan, steps)


def expected_files(view: FolderView, contents: Contents) -> Iterator[Path]:
    """Yield every file that may lie in this folder, as far as its JSON files tell."""
    layout = view.layout
    yield from (layout.summary, layout.calls, layout.plan)
    yield from (layout.draft, *pool_files(layout.stage1, contents.manifest))
    yield from (layout.localization, layout.segments, *layout.stage2.texts)
    for step in contents.draft.steps if contents.draft else ():
        yield layout.clip(step.step_id, step.step_goal)
        paths = layout.step(step.step_id, step.step_goal)
        files = contents.steps.get(step.step_id)
        manifest = files.manifest if files else None
        yield from (paths.final, paths.meta, *pool_files(paths, manifest))
        if files and files.step and manifest:
            yield from key_frame_paths(paths, files.step, manifest)


def untold_folders(view: FolderView, contents: Contents) -> list[str]:
    """Return the folders (relative) whose files are not all known, because a JSON file is unusable.

    ``.`` when even the steps are not known.
    """
    if contents.draft is None:
        return ["."]
    untold = [] if contents.manifest else [view.relpath(view.layout.stage1.folder)]
    for step in contents.draft.steps:
        files = contents.steps.get(step.step_id)
        if files is None or files.step is None or files.manifest is None:
            paths = view.layout.step(step.step_id, step.step_goal)
            untold.append(view.relpath(paths.folder))
    return untold
