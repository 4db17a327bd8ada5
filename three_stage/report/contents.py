"""What lies in a video's folder, as far as it can be read; what cannot is told, never raised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from schemas.files import CallRecord, FrameManifest, RunSummary, Segment, StepSegments
from schemas.plan import CausalPlan, DraftPlan, DraftStep, RefinedStep
from schemas.problems import ModelT, SchemaError, parse_json
from three_stage.report.links import printable
from three_stage.runs import StagePaths, StepPaths, VideoLayout, same_name_key

MOST_JSON_BYTES = 16 * 1024 * 1024
MOST_JOURNAL_BYTES = 256 * 1024 * 1024
MOST_TEXT_BYTES = 4 * 1024 * 1024
MOST_PICTURE_BYTES = 64 * 1024 * 1024
_LINES_A_FILE = 6
_STEP_FOLDER = re.compile(r"(?P<step_id>\d{2})_.")


@dataclass(frozen=True)
class Problem:
    """Something that could not be read: the file, relative to the folder, and why."""

    relpath: str
    message: str


@dataclass(frozen=True)
class StageTexts:
    """What was asked and the accepted answer, as texts; None where a file is not there."""

    system: str | None
    user: str | None
    answer: str | None


@dataclass(frozen=True)
class StepContents:
    """One step, put together from every file that knows of it."""

    step_id: int
    goal: str | None
    paths: StepPaths
    draft: DraftStep | None
    refined: RefinedStep | None
    segment: Segment | None
    manifest: FrameManifest | None
    texts: StageTexts


@dataclass(frozen=True)
class VideoContents:
    """All that is known of a video."""

    layout: VideoLayout
    name: str
    summary: RunSummary | None
    manifest: FrameManifest | None
    draft: DraftPlan | None
    segments: StepSegments | None
    plan: CausalPlan | None
    stage1: StageTexts
    stage2: StageTexts
    steps: tuple[StepContents, ...]
    journal: tuple[CallRecord, ...]
    problems: tuple[Problem, ...]

    @property
    def is_renamed(self) -> bool:
        """Whether the folder has another name than the video that its summary is of."""
        return self.summary is not None and _is_renamed(self.summary, self.layout.root)

    @property
    def goal(self) -> str | None:
        """What the whole video is about."""
        known = self.plan or self.draft
        return known.high_level_goal if known else None


def read_video(folder: Path) -> VideoContents:
    """Read a video's folder, whatever state it is in."""
    layout, reader = VideoLayout(folder), FolderReader(folder)
    summary = reader.model(RunSummary, layout.summary)
    if summary is None and not reader.problems:
        reader.problems.append(Problem(layout.summary.name, "is missing"))
    manifest = reader.model(FrameManifest, layout.stage1.manifest)
    draft = reader.model(DraftPlan, layout.draft)
    segments = reader.model(StepSegments, layout.segments)
    plan = reader.model(CausalPlan, layout.plan)
    stage1, stage2 = reader.texts(layout.stage1), reader.texts(layout.stage2)
    steps = tuple(_steps(reader, layout, draft, segments, plan))
    journal = tuple(reader.journal(layout.calls))
    if summary is not None:
        reader.report_renamed(summary, layout)
        reader.report_lost(summary)
    return VideoContents(
        layout, printable(folder.name), summary, manifest, draft, segments, plan,
        stage1, stage2, steps, journal, tuple(reader.problems),
    )  # fmt: skip


class FolderReader:
    """Reads files of one folder: plain ones only, none behind a link, none too large."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = root.resolve()
        self._inside: dict[Path, bool] = {}
        self.problems: list[Problem] = []

    def data(self, path: Path, *, limit_bytes: int) -> bytes | None:
        """Return a file's bytes; None when it is not there, or cannot be read (then a problem)."""
        try:
            if not self.holds(path):
                return None
            if path.stat().st_size > limit_bytes:
                self._add(path, "is far too large")
                return None
            return path.read_bytes()
        except OSError as error:
            self._add(path, f"cannot be read: {error.strerror or error}")
            return None

    def holds(self, path: Path) -> bool:
        """Tell whether a plain file of this folder stands there; a link is a problem."""
        if path.is_symlink() or not self._is_inside(path.parent):
            self._add(path, "is a link; links are not followed")
            return False
        return path.is_file()

    def opens(self, path: Path) -> bool:
        """Tell whether a plain file of this folder can be read; one that cannot is a problem."""
        try:
            if not self.holds(path):
                return False
            path.open("rb").close()
        except OSError as error:
            self._add(path, f"cannot be read: {error.strerror or error}")
            return False
        return True

    def _is_inside(self, folder: Path) -> bool:
        if folder not in self._inside:
            self._inside[folder] = folder.resolve().is_relative_to(self._real_root)
        return self._inside[folder]

    def model(self, model: type[ModelT], path: Path) -> ModelT | None:
        """Read a JSON file of ours; what is wrong with it becomes problems."""
        data = self.data(path, limit_bytes=MOST_JSON_BYTES)
        if data is None:
            return None
        try:
            return parse_json(model, data)
        except SchemaError as error:
            for line in error.problems[:_LINES_A_FILE]:
                self._add(path, line)
            if len(error.problems) > _LINES_A_FILE:
                self._add(path, f"and {len(error.problems) - _LINES_A_FILE} more of this kind")
            return None

    def text(self, path: Path) -> str | None:
        """Read a text; bytes that are no UTF-8 become U+FFFD."""
        data = self.data(path, limit_bytes=MOST_TEXT_BYTES)
        return None if data is None else data.decode("utf-8", errors="replace")

    def texts(self, paths: StagePaths) -> StageTexts:
        """Read what a stage asked and was answered."""
        return StageTexts(
            self.text(paths.system_prompt), self.text(paths.user_prompt),
            self.text(paths.raw_response),
        )  # fmt: skip

    def journal(self, path: Path) -> Iterator[CallRecord]:
        """Yield the records of calls.jsonl; lines that are none become one problem."""
        data = self.data(path, limit_bytes=MOST_JOURNAL_BYTES)
        unread = 0
        for line in (data or b"").splitlines():
            try:
                yield CallRecord.model_validate_json(line)
            except ValidationError:
                unread += 1
        if unread:
            self._add(path, f"{unread} of its lines are no whole records of calls")

    def report_renamed(self, summary: RunSummary, layout: VideoLayout) -> None:
        """Say that the folder was given another name than its files have."""
        if _is_renamed(summary, layout.root):
            self._add(
                layout.summary,
                f"says that the video is {summary.video_id!r}, but the folder is called "
                f"{layout.root.name!r}",
            )

    def report_lost(self, summary: RunSummary) -> None:
        """Name files that the record has and the folder has not."""
        lost = [path for path in sorted(summary.artifacts) if not self._is_there(path)]
        for relpath in lost[:_LINES_A_FILE]:
            self.problems.append(Problem(printable(relpath), "is recorded and is missing"))
        if len(lost) > _LINES_A_FILE:
            self.problems.append(
                Problem(".", f"{len(lost) - _LINES_A_FILE} more recorded files are missing")
            )

    def _is_there(self, relpath: str) -> bool:
        try:
            return (self._root / relpath).exists()
        except (OSError, ValueError):
            return False

    def _add(self, path: Path, message: str) -> None:
        relpath = path.relative_to(self._root).as_posix()
        problem = Problem(printable(relpath), printable(message))
        if problem not in self.problems:
            self.problems.append(problem)


def _is_renamed(summary: RunSummary, folder: Path) -> bool:
    return same_name_key(summary.video_id) != same_name_key(folder.name)


def _steps(
    reader: FolderReader,
    layout: VideoLayout,
    draft: DraftPlan | None,
    segments: StepSegments | None,
    plan: CausalPlan | None,
) -> Iterator[StepContents]:
    drafted = {step.step_id: step for step in draft.steps} if draft else {}
    placed = {segment.step_id: segment for segment in segments.segments} if segments else {}
    planned = {step.step_id: step for step in plan.steps} if plan else {}
    found = _step_folders(layout.root)
    for step_id in sorted(drafted.keys() | placed.keys() | planned.keys() | found.keys()):
        known = drafted.get(step_id) or placed.get(step_id) or planned.get(step_id)
        paths = layout.step(step_id, known.step_goal) if known else None
        if paths is None or (step_id in found and not paths.folder.is_dir()):
            paths = StepPaths(found[step_id], 3)
        refined = reader.model(RefinedStep, paths.final) or planned.get(step_id)
        goal = known.step_goal if known else refined.step_goal if refined else None
        yield StepContents(
            step_id, goal, paths, drafted.get(step_id), refined, placed.get(step_id),
            reader.model(FrameManifest, paths.manifest), reader.texts(paths),
        )  # fmt: skip


def _step_folders(root: Path) -> dict[int, Path]:
    try:
        names = sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return {}
    matches = ((_STEP_FOLDER.match(path.name), path) for path in names)
    return {int(match["step_id"]): path for match, path in matches if match}
