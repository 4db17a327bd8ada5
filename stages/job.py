"""One video while a run works on it: its folder, its source, its journal, its records."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar, cast

from loguru import logger

from schemas.files import (
    ApiConfig,
    FailureKind,
    PartRecord,
    SamplingConfig,
    StageRecord,
    Usage,
)
from stages.keys import Inputs, why_changed
from stages.kit import Kit, Recipe, StageName
from three_stage.runs import (
    CallJournal,
    OutputError,
    RunFolder,
    SourceIdentity,
    VideoLayout,
    digest_of,
    missing_artifact,
    utc_now,
)
from three_stage.runs.layout import MANIFEST_NAME, SAMPLES, STAGE1, STAGE2
from three_stage.settings import SamplingSettings, ThreeStageError
from three_stage.vlm import Answer, RunEndingError

T = TypeVar("T")


@dataclass
class VideoView:
    """One video's folder as it stands: what of it can be reused. Changes nothing.

    ``made_from`` is the fingerprint of the source that the folder was made from before this run.
    """

    recipe: Recipe
    video_id: str
    source: SourceIdentity
    folder: RunFolder
    made_from: str

    @property
    def layout(self) -> VideoLayout:
        """Every path of the folder."""
        return self.folder.layout

    def generation(self, stage: StageName) -> int:
        """Return how often ``--overwrite`` made this stage anew."""
        return self.folder.summary.generations.get(stage, 0)

    def why_not_reusable(self, stage: StageName, inputs: Inputs) -> str | None:
        """Say why a stage's record forbids its reuse, or None."""
        if self.made_from != self.source.fingerprint and self.folder.stage(stage) is not None:
            return "the source's content changed"
        if self.recipe.settings.run.reuse_any:
            return None
        record = self.folder.stage(stage)
        if record is None:
            return "not done yet"
        if record.generation != self.generation(stage):
            return "--overwrite"
        unfinished = {"failed": "it failed last time", "running": "it was interrupted"}
        return why_changed(record.ask_inputs, inputs) or unfinished.get(record.status)

    def why_files_unfit(self, files: Iterable[Path]) -> str | None:
        """Say which file is absent or not as recorded, or None when all are well."""
        relpaths = [self.layout.relpath(path) for path in files]
        root = self.layout.root
        if self.recipe.settings.run.reuse_any:
            absent = [relpath for relpath in relpaths if not (root / relpath).is_file()]
            return f"{absent[0]} is missing" if absent else None
        return missing_artifact(self.folder.summary, root, relpaths)

    def ask_inputs(self, stage: StageName) -> Inputs:
        """Return the inputs that a stage's record was made with."""
        record = self.folder.stage(stage)
        return record.ask_inputs if record else {}

    def part(self, stage: StageName, step_id: int) -> PartRecord | None:
        """Return the keys that one step of a stage was made with."""
        record = self.folder.stage(stage)
        return record.parts.get(str(step_id)) if record else None

    def pool_settings(self) -> SamplingSettings:
        """Return the settings that the pool of stage 1 on disk was made with."""
        made = self.folder.summary.sampling_config
        return SamplingSettings(
            max_frames=made.max_frames,
            pool_mode=made.pool_mode,
            frame_max_side=made.frame_max_side,
            jpeg_quality=made.jpeg_quality,
            max_body_mb=made.max_body_mb,
            no_embed_index=self.recipe.settings.sampling.no_embed_index,
        )


@dataclass
class VideoJob(VideoView):
    """One video while a run works on it: its folder is held, and may be changed.

    Whatever changes the folder while tasks run goes through ``on_disk``, one at a time.
    """

    kit: Kit
    journal: CallJournal
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    ran: list[str] = field(default_factory=list)

    async def on_disk(self, work: Callable[..., T], *args: Any) -> T:
        """Run blocking disk work in a thread, one piece at a time for this folder."""
        async with self.writing:
            running = asyncio.ensure_future(asyncio.to_thread(work, *args))
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                # A thread cannot be stopped: nobody else may write before it is done.
                await asyncio.wait({running})
                raise

    def reused(self, stage: StageName, files: Iterable[Path]) -> None:
        """Say that a stage is reused as it is; with ``--reuse-any`` take it into the record."""
        logger.debug("{}: {} reused", self.video_id, stage)
        self.kit.watch.stage_done(self.video_id, stage, reused=True)
        record = self.folder.stage(stage)
        self.accept(files)
        if record is not None:
            if record.status != "completed":
                self.ended(stage)
            return
        now = utc_now()
        accepted = StageRecord(
            status="completed",
            generation=self.generation(stage),
            started_at_utc=now,
            ended_at_utc=now,
            reused=("accepted as it was, by --reuse-any",),
        )
        self.folder.update(**{stage: accepted})

    def accept(self, files: Iterable[Path]) -> None:
        """With ``--reuse-any``, take files that are kept into the record."""
        if self.recipe.settings.run.reuse_any:
            self.folder.record(self.folder.changed(self.layout.relpath(path) for path in files))

    def began(
        self,
        stage: StageName,
        why: str,
        inputs: Inputs | None = None,
        answered: StageRecord | None = None,
    ) -> None:
        """Mark a stage as running before anything of it changes; its valid parts are kept.

        ``answered`` is the record of answers that stay in use: what they took stays, too.
        """
        level = "DEBUG" if why.endswith("not done yet") else "INFO"
        logger.log(level, "{}: {} runs: {}", self.video_id, stage, why)
        self.ran.append(stage)
        self.kit.watch.stage_began(self.video_id, stage)
        before = self.folder.stage(stage)
        record = StageRecord(
            status="running",
            generation=self.generation(stage),
            started_at_utc=utc_now(),
            ask_key=digest_of(inputs) if inputs else None,
            ask_inputs=inputs or {},
            parts=before.parts if before else {},
            attempts=answered.attempts if answered else 0,
            usage=answered.usage if answered else Usage(),
            cost=answered.cost if answered else None,
            warnings=answered.warnings if answered else (),
        )
        self.folder.update(
            **{stage: record}, post_validate=None, api_config=api_config(self.recipe)
        )

    def ended(self, stage: StageName) -> None:
        """Mark a stage as completed."""
        self.folder.update_stage(
            stage, status="completed", ended_at_utc=utc_now(), error=None, error_kind=None
        )
        self.kit.watch.stage_done(self.video_id, stage, reused=False)

    def end_overwrite(self) -> None:
        """Write that an overwrite is over, once all of it is on disk, the plan too."""
        pending = self.folder.summary.overwrite_in_progress
        if pending and all(self._is_made_anew(name) for name in pending):
            self.folder.update(overwrite_in_progress=())

    @asynccontextmanager
    async def recording_failure(self, stage: StageName) -> AsyncIterator[None]:
        """Write an error of a running stage into its record, and pass it on."""
        try:
            yield
        except RunEndingError:
            raise  # the stage is not at fault: it stays as one that was interrupted
        except OSError as error:
            explained = OutputError.of(error, self.layout.root)
            await self.on_disk(self.failed, stage, explained, str(explained))
            raise explained from error
        except Exception as error:
            await self.on_disk(self.failed, stage, error, str(error))
            raise

    def failed(self, stage: StageName, error: Exception, said: str) -> None:
        """Mark a stage that is running as failed; ``said`` is what its record says."""
        record = self.folder.stage(stage)
        if record is not None and record.status == "running":
            self.folder.update_stage(
                stage,
                status="failed",
                ended_at_utc=utc_now(),
                error=said,
                error_kind=failure_kind(error),
            )

    def stale(self, stage: StageName, why: str) -> None:
        """Mark a completed stage as one that no longer fits what lies before it."""
        record = self.folder.stage(stage)
        if record is not None and record.status == "completed":
            self.folder.update_stage(stage, status="failed", error=why)
            self.folder.update(post_validate=None)

    def count(self, stage: StageName, answer: Answer[Any]) -> None:
        """Put what an answer took into the record of a stage that is one answer."""
        self.folder.update_stage(
            stage,
            attempts=answer.attempts,
            usage=answer.usage,
            cost=answer.cost,
            reused=("answer from calls.jsonl",) if answer.replayed else (),
        )
        self.warn(stage, answer.notes)

    def count_step(
        self, stage: StageName, step_id: int, part: PartRecord, answer: Answer[Any]
    ) -> None:
        """Record a step's keys and what its answer took.

        The stage's figures are the sums over its steps: one made again replaces its own.
        """
        for line in part.warnings:
            logger.warning("{}: {}: step {}: {}", self.video_id, stage, step_id, line)
        if answer.replayed:
            self.note_reused(stage, f"step {step_id}: answer from calls.jsonl")
        part = part.model_copy(
            update={"attempts": answer.attempts, "usage": answer.usage, "cost": answer.cost}
        )
        parts = {**self._record(stage).parts, str(step_id): part}
        self.folder.update_stage(stage, **of_steps(parts))

    def warn(self, stage: StageName, lines: Iterable[str]) -> None:
        """Keep warnings in the stage's record and log them."""
        lines = tuple(lines)
        for line in lines:
            logger.warning("{}: {}: {}", self.video_id, stage, line)
        if lines:
            self.folder.update_stage(stage, warnings=(*self._record(stage).warnings, *lines))

    def note_reused(self, stage: StageName, line: str) -> None:
        """Keep in a stage's record what of it was reused."""
        self.folder.update_stage(stage, reused=(*self._record(stage).reused, line))

    def forget_parts(self, stage: StageName, keep: Collection[int]) -> None:
        """Drop from a stage's record the steps that are no longer in the plan."""
        record = self.folder.stage(stage)
        kept = {str(step_id) for step_id in keep}
        if record is not None and not record.parts.keys() <= kept:
            parts = {step: part for step, part in record.parts.items() if step in kept}
            of_all = of_steps(parts) if stage == "stage3" else {"parts": parts}
            self.folder.update_stage(stage, **of_all)

    def part_done(self, stage: StageName, step_id: int, part: PartRecord) -> None:
        """Record the keys that one step of a stage was made with."""
        parts = {**self._record(stage).parts, str(step_id): part}
        self.folder.update_stage(stage, parts=parts)

    def remove_stale_steps(self, keep: Collection[str]) -> None:
        """Remove the plan, and the folders of steps whose name is not among ``keep``."""
        ours = {relpath.split("/")[0] for relpath in self.folder.summary.artifacts}
        stale = [
            path
            for path in sorted(self.layout.root.iterdir())
            if path.name not in (STAGE1, STAGE2)
            and path.name not in keep
            and path.is_dir()
            and not path.is_symlink()
            and (path.name in ours or is_step_folder(path))
        ]
        self.folder.remove([self.layout.plan, *stale])

    def _is_made_anew(self, stage: StageName) -> bool:
        record = self.folder.stage(stage)
        return (
            record is not None
            and record.status == "completed"
            and record.generation == self.generation(stage)
        )

    def _record(self, stage: StageName) -> StageRecord:
        record = self.folder.stage(stage)
        assert record is not None  # noqa: S101 - began() made it
        return record


def of_steps(parts: dict[str, PartRecord]) -> dict[str, Any]:
    """Return the fields of a stage's record that are the sums over its steps."""
    in_order = sorted(parts.items(), key=lambda item: int(item[0]))
    costs = [part.cost for part in parts.values() if part.cost is not None]
    return {
        "parts": parts,
        "attempts": sum(part.attempts for part in parts.values()),
        "usage": reduce(Usage.plus, (part.usage for part in parts.values()), Usage()),
        "cost": sum(costs) if costs else None,
        "warnings": tuple(
            f"step {step}: {line}" for step, part in in_order for line in part.warnings
        ),
    }


def failure_kind(error: Exception) -> FailureKind:
    """Return what failed, as records have it."""
    kind = error.failure_kind if isinstance(error, ThreeStageError) else "fault"
    return cast("FailureKind", kind)


def is_step_folder(path: Path) -> bool:
    """Tell whether a folder is one that stage 3 began, and not a person's own."""
    return bool(re.match(r"\d{2,}_", path.name)) and (
        (path / MANIFEST_NAME).is_file() or (path / SAMPLES).is_dir()
    )


def api_config(recipe: Recipe) -> ApiConfig:
    """Return what run_summary.json says of the endpoint; never a key."""
    endpoint, settings = recipe.endpoint, recipe.settings.endpoint
    return ApiConfig(
        provider=endpoint.provider,
        api_base=endpoint.api_base,
        model=endpoint.model,
        media_dialect=endpoint.dialect,
        structured_mode=settings.structured_mode,
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
    )


def sampling_config(settings: SamplingSettings) -> SamplingConfig:
    """Return what run_summary.json says of the pools."""
    return SamplingConfig.model_validate(
        {
            "max_frames": settings.max_frames,
            "pool_mode": settings.pool_mode,
            "frame_max_side": settings.frame_max_side,
            "jpeg_quality": settings.jpeg_quality,
            "max_body_mb": settings.max_body_mb,
            "embed_index": not settings.no_embed_index,
        }
    )
