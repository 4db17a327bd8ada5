"""One video's folder → a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.files import FrameManifest, RunSummary, StepSegments
from schemas.localization import Localization
from schemas.plan import CausalPlan, DraftPlan
from three_stage.runs import StagePaths, VideoLayout
from three_stage.settings.console import wants_tracebacks
from three_stage.validation.artifacts import check_all_recorded, check_artifacts
from three_stage.validation.calls import Answers, check_answer, read_answers
from three_stage.validation.clips import ClipCheck
from three_stage.validation.codes import Code
from three_stage.validation.inventory import take_inventory
from three_stage.validation.layout_checks import check_strangers, key_frame_paths, pool_files
from three_stage.validation.plans import (
    SourcePool,
    check_clip_records,
    check_draft,
    check_localization,
    check_plan,
    check_segments,
    source_pool,
)
from three_stage.validation.pool import pool_pictures, read_manifest
from three_stage.validation.report import Findings, FolderReport
from three_stage.validation.similarity import Thumbnail, thumbnail
from three_stage.validation.steps import StepFiles, check_meta, check_step_media, read_step
from three_stage.validation.summary import (
    NATIVE_MAX_SIDE_PX,
    STAGES,
    check_agreement,
    check_summary,
    folder_name,
)
from three_stage.validation.view import FolderView


def validate_folder(root: Path) -> FolderReport:
    """Check everything that a reader of a finished folder relies on; change nothing.

    Never raises for what lies in the folder: whatever is wrong with it is a line of the report.
    """
    findings = Findings()
    if not root.is_dir():
        findings.add(Code.LAYOUT_MISSING, ".", f"{root} is no folder")
    else:
        layout = VideoLayout(root)
        with _guarded(findings, "the whole folder"):
            view = FolderView(layout, take_inventory(root, findings), findings)
            _Check(view).run()
    return findings.report(root, folder_name(root))


@dataclass(frozen=True)
class _Contents:
    """What the JSON files say; None for one that is absent or cannot be used."""

    summary: RunSummary | None
    answers: Answers | None
    draft: DraftPlan | None
    manifest: FrameManifest | None
    localization: Localization | None
    segments: StepSegments | None
    plan: CausalPlan | None
    steps: Mapping[int, StepFiles]

    @property
    def pool(self) -> SourcePool | None:
        return source_pool(self.manifest, self.summary) if self.manifest else None


class _Check:
    """The checks of one folder, in the order in which a person would look."""

    def __init__(self, view: FolderView) -> None:
        self._view = view
        self._layout = view.layout

    def run(self) -> None:
        view, findings = self._view, self._view.findings
        with _guarded(findings, "run_summary.json"):
            summary = view.read_model(self._layout.summary, RunSummary, "run_summary")
            if summary is not None:
                check_summary(view, summary)
        contents = self._read(summary)
        checks: dict[str, Callable[[_Contents], None]] = {
            "layout": self._check_layout,
            "artifacts": self._check_artifacts,
            "texts": self._check_texts,
            "plans": self._check_plans,
            "pictures and clips": self._check_media,
        }
        for name, check in checks.items():
            with _guarded(findings, name):
                check(contents)
