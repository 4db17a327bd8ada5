"""Every path of an output folder, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from three_stage.runs.names import clip_name, step_folder_name

SUMMARY_NAME = "run_summary.json"
CALLS_NAME = "calls.jsonl"
PLAN_NAME = "causal_plan_with_keyframes.json"
STAGE1, STAGE2 = "stage1", "stage2"
SAMPLES, CLIPS = "sampled_frames", "step_clips"
MANIFEST_NAME = "frame_manifest.json"


@dataclass(frozen=True)
class StagePaths:
    """The three texts of a question, and the folder that they stand in."""

    folder: Path
    stage: int

    @property
    def system_prompt(self) -> Path:
        """The system message that was sent."""
        return self.folder / f"stage{self.stage}_system_prompt.txt"

    @property
    def user_prompt(self) -> Path:
        """The text of the user message that was sent."""
        return self.folder / f"stage{self.stage}_user_prompt.txt"

    @property
    def raw_response(self) -> Path:
        """The accepted answer, as it came."""
        return self.folder / f"stage{self.stage}_raw_response.txt"

    @property
    def texts(self) -> tuple[Path, ...]:
        """The three texts together."""
        return (self.system_prompt, self.user_prompt, self.raw_response)

    @property
    def manifest(self) -> Path:
        """The record of the pool that was shown."""
        return self.folder / MANIFEST_NAME

    @property
    def samples(self) -> Path:
        """The folder of the pool's pictures."""
        return self.folder / SAMPLES


@dataclass(frozen=True)
class StepPaths(StagePaths):
    """The folder of one refined step."""

    @property
    def final(self) -> Path:
        """The refined step."""
        return self.folder / "step_final.json"

    @property
    def meta(self) -> Path:
        """Which clip and manifest it stands on."""
        return self.folder / "step_meta.json"


@dataclass(frozen=True)
class VideoLayout:
    """The folder of one video."""

    root: Path

    @property
    def summary(self) -> Path:
        """What made this folder."""
        return self.root / SUMMARY_NAME

    @property
    def calls(self) -> Path:
        """Every request to the model."""
        return self.root / CALLS_NAME

    @property
    def plan(self) -> Path:
        """The result."""
        return self.root / PLAN_NAME

    @property
    def stage1(self) -> StagePaths:
        """Draft."""
        return StagePaths(self.root / STAGE1, 1)

    @property
    def draft(self) -> Path:
        """The draft plan."""
        return self.root / STAGE1 / "draft_plan.json"

    @property
    def stage2(self) -> StagePaths:
        """Localization."""
        return StagePaths(self.root / STAGE2, 2)

    @property
    def localization(self) -> Path:
        """The localization as checked."""
        return self.root / STAGE2 / "localization_raw.json"

    @property
    def segments(self) -> Path:
        """The steps in seconds, with their clips."""
        return self.root / STAGE2 / "step_segments.json"

    @property
    def clips(self) -> Path:
        """The folder of clips."""
        return self.root / STAGE2 / CLIPS

    def clip(self, step_id: int, step_goal: str) -> Path:
        """The clip of one step."""
        return self.clips / clip_name(step_id, step_goal)

    def step(self, step_id: int, step_goal: str) -> StepPaths:
        """The folder of one step."""
        return StepPaths(self.root / step_folder_name(step_id, step_goal), 3)

    def relpath(self, path: Path) -> str:
        """Return a path of this folder as the artifacts record has it: relative, with slashes."""
        return path.relative_to(self.root).as_posix()
