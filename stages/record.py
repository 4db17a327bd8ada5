"""The record of a run beside the videos' folders: options to go on with, and what failed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from loguru import logger

from schemas.files import FORMAT_VERSION, Usage
from schemas.runs import FailedVideo, OptionValue, RunRecord
from stages.job import failure_kind
from stages.kit import Recipe
from three_stage.batch import BatchResult, Progress, VideoFailure, VideoInput, parse_shard
from three_stage.runs import (
    OutputError,
    identify_source,
    read_run_record,
    run_record_path,
    utc_now,
    write_run_record,
)
from three_stage.settings import InputSettings, PipelineSettings

REMEMBERED = frozenset({
    "input_video", "input_video_dir", "recursive", "prompts_dir",
    "max_frames", "pool_mode", "frame_max_side", "jpeg_quality", "max_body_mb", "no_embed_index",
    "cut_mode", "crf", "preset", "keep_audio",
    "provider", "api_base", "model", "media_dialect", "structured_mode", "max_tokens",
    "temperature", "api_call_retries", "api_call_retry_backoff_sec", "api_timeout_sec",
    "endpoint_patience_sec", "concurrency",
    "stage1_retries", "stage2_retries", "stage3_retries",
})  # fmt: skip
"""Options that say what the results are, or how they were asked for.

Not among them: what belongs to one run or one machine (stages, caps, programs, files to write).
"""


class RunDiary:
    """Writes the record of one run: when it begins, and when it ends."""

    def __init__(
        self, recipe: Recipe, videos: list[VideoInput], remembered: InputSettings | None
    ) -> None:
        """``remembered`` are the inputs to write down, where they are not those of the run."""
        settings = recipe.settings
        shard = settings.inputs.shard
        self._path = run_record_path(
            settings.run.output_root, None if shard is None else parse_shard(shard)
        )
        self._videos = {video.video_id: video for video in videos}
        self._has_begun = False
        self._redact = recipe.endpoint.without_secret
        before = read_run_record(self._path)
        kept = [f for f in (before.failed if before else ()) if f.video_id not in self._videos]
        self._record = RunRecord(
            format_version=FORMAT_VERSION,
            shard=shard,
            started_at_utc=utc_now(),
            videos=len(videos),
            model=recipe.endpoint.model,
            api_base=recipe.endpoint.api_base,
            options=options_of(dataclasses.replace(settings, inputs=remembered or settings.inputs)),
            failed=tuple(kept),
        )

    def begin(self) -> None:
        """Write that the run goes on. Raises OutputError."""
        write_run_record(self._path, self._record)
        self._has_begun = True

    def end(self, result: BatchResult, progress: Progress, exit_code: int) -> None:
        """Write how the run ended."""
        ended_by = self._redact(str(result.ended_by)) if result.ended_by else None
        failed = tuple(self._failed(one) for one in result.failed)
        self._write_end(progress, exit_code, ended_by, failed)

    def interrupted(self, progress: Progress, exit_code: int) -> None:
        """Write that somebody stopped the run, if it had begun."""
        if self._has_begun:
            self._write_end(progress, exit_code, "interrupted", ())

    def _failed(self, failure: VideoFailure) -> FailedVideo:
        video = self._videos[failure.video_id]
        return FailedVideo(
            video_id=failure.video_id,
            source_video=str(video.path.absolute()),
            source_fingerprint=_fingerprint(video.path),
            kind=failure_kind(failure.error),
            error=self._redact(str(failure.error)),
        )

    def _write_end(
        self,
        progress: Progress,
        exit_code: int,
        ended_by: str | None,
        failed: tuple[FailedVideo, ...],
    ) -> None:
        tally = progress.tally
        record = self._record.model_copy(
            update={
                "ended_at_utc": utc_now(),
                "exit_code": exit_code,
                "ended_by": ended_by,
                "took_sec": round(progress.elapsed_sec(), 3),
                "done": tally.done,
                "failed": (*self._record.failed, *failed),
                "usage": Usage(
                    requests=tally.requests,
                    prompt_tokens=tally.prompt_tokens,
                    completion_tokens=tally.completion_tokens,
                ),
                "cost": tally.cost,
            }
        )
        try:
            write_run_record(self._path, record)
        except OutputError as error:  # the results are there; this is a help for the next run
            logger.warning("the record of this run could not be written: {}", error)


def options_of(settings: PipelineSettings) -> dict[str, OptionValue]:
    """Return what a later run needs to mean the same: no key, nothing of one run or machine."""
    found: dict[str, OptionValue] = {}
    for group in dataclasses.fields(settings):
        values = getattr(settings, group.name)
        for field in dataclasses.fields(values):
            if field.name in REMEMBERED:
                found[field.name] = _plain(getattr(values, field.name))
    return found


def _fingerprint(path: Path) -> str | None:
    try:
        return identify_source(path).fingerprint
    except OSError:
        return None


def _plain(value: Any) -> OptionValue:
    """Write a value down; a path is made absolute, so that it means the same from anywhere."""
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, tuple):
        return tuple(str(_plain(one)) for one in value)
    plain: OptionValue = value
    return plain
