"""One run: check everything first, start the tools, work on all videos, give the account."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loguru import logger

from prompts import PromptError, load_prompts
from stages import account
from stages.kit import STAGE_NAMES, Kit, Recipe, StageName
from stages.preflight import print_forecast
from stages.record import RunDiary
from stages.video import annotate, is_drafted, look, upstream_clips, upstream_draft, view
from three_stage import __version__
from three_stage.batch import (
    BatchResult,
    Progress,
    RefusedError,
    VideoInput,
    find_videos,
    run_batch,
)
from three_stage.media import Ffmpeg, MediaError, MediaWorkers, find_ffmpeg, refuse_unusable
from three_stage.runs import FolderBusyError, RunsError
from three_stage.settings import (
    POOL_SIZE_ADVISED,
    InputSettings,
    PipelineSettings,
    UsageError,
)
from three_stage.settings.console import EXIT_DONE, EXIT_INTERRUPTED
from three_stage.settings.logs import logging_to
from three_stage.vlm import Asker, Budget, RunEndingError, Words, resolve_endpoint

BYTES_A_MB = 1_000_000


async def run_pipeline(
    settings: PipelineSettings, *, remembered: InputSettings | None = None
) -> int:
    """Run the pipeline and return its exit code.

    ``remembered`` are the inputs that the run's record names, where they are not those of this run.
    Raises UsageError or RefusedError for what is wrong before the first call.
    """
    recipe = make_recipe(settings)
    videos = find_videos(settings.inputs, settings.run.output_root)
    budget = Budget.from_settings(settings.budget, model=recipe.endpoint.model)
    ffmpeg = find_ffmpeg(settings.tools.ffmpeg_bin)
    output = settings.output
    if settings.run.preflight_only:
        output = replace(output, log_file=None)  # nothing is written
    with (
        Progress(
            len(videos),
            quiet=output.quiet,
            verbose=output.verbose,
            redact=recipe.endpoint.redact,
        ) as progress,
        logging_to(progress.note, output, recipe.endpoint.redact),
        _stopping_on_sigterm(),
    ):
        announce(recipe, videos, progress)
        await asyncio.to_thread(refuse_early, recipe, videos)
        if settings.run.preflight_only:
            await print_forecast(recipe, videos, budget)
            return EXIT_DONE
        diary = RunDiary(recipe, videos, remembered)
        try:
            result = await _work(recipe, videos, budget, ffmpeg, progress, diary)
        except asyncio.CancelledError:
            diary.interrupted(progress, EXIT_INTERRUPTED)
            raise
        code = account.exit_code(result, requests=progress.tally.requests)
        diary.end(result, progress, code)
    account.show(result, progress, settings, recipe.endpoint.redact)
    return code


def make_recipe(settings: PipelineSettings) -> Recipe:
    """Put together what decides about answers. Raises UsageError for what is wrong with it."""
    if settings.run.overwrite and settings.run.reuse_any:
        raise UsageError("--overwrite and --reuse-any contradict each other: give one of them.")
    try:
        prompts = load_prompts(settings.run.prompts_dir)
    except PromptError as error:
        raise UsageError(str(error)) from None
    return Recipe(
        settings=settings,
        prompts=prompts,
        endpoint=resolve_endpoint(settings.endpoint),
        stages=parse_stages(settings.run.stages),
    )


def parse_stages(text: str) -> tuple[StageName, ...]:
    """Return the stages of a list such as "1,3", in order. Raises UsageError."""
    wanted = {part.strip() for part in text.split(",") if part.strip()}
    if not wanted or not wanted <= {"1", "2", "3"}:
        raise UsageError(f"--stages {text!r} must be a subset of 1,2,3, such as 2,3.")
    return tuple(name for name in STAGE_NAMES if name[-1] in wanted)


def announce(recipe: Recipe, videos: list[VideoInput], progress: Progress) -> None:
    """Say what will be done, and loudly when it is the embedded model that answers."""
    endpoint, settings = recipe.endpoint, recipe.settings
    many = "1 video" if len(videos) == 1 else f"{len(videos)} videos"
    progress.note(f"{many} → {settings.run.output_root.absolute()}")
    if endpoint.is_offline:
        why = "--provider offline" if settings.endpoint.provider else "NO MODEL ENDPOINT IS SET"
        progress.note(
            f"{why}: the embedded offline model answers. It measures colours and motion and "
            "understands nothing. Set --provider or --api-base for a real model."
        )
    else:
        progress.note(f"model {endpoint.model} at {endpoint.api_base} ({endpoint.provider})")
    if settings.sampling.max_frames > POOL_SIZE_ADVISED:
        logger.warning(
            "--max-frames {}: above {} pictures today's models lose track",
            settings.sampling.max_frames,
            POOL_SIZE_ADVISED,
        )


def refuse_early(recipe: Recipe, videos: list[VideoInput]) -> None:
    """Look at every source and folder before the first call. Raises RefusedError with all reasons.

    With ``--continue-on-error`` such videos are left to fail by themselves.
    """
    refuse_output_root(recipe.settings.run.output_root)
    if recipe.settings.run.continue_on_error:
        return
    reasons = []
    for video in videos:
        try:
            _check_one(recipe, video)
        except RunsError as error:
            reasons.append(str(error))
    if reasons:
        raise RefusedError(reasons)


def refuse_output_root(root: Path) -> None:
    """Raise UsageError when the output root is no folder that can be written."""
    nearest = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise UsageError(f"--output-root {root}: {nearest} is a file, not a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(f"--output-root {root}: {nearest} cannot be written.")


def _check_one(recipe: Recipe, video: VideoInput) -> None:
    seen = view(video, look(video, recipe), recipe)
    if "stage1" not in recipe.stages:
        upstream_draft(seen)
    if recipe.stages[-1] == "stage3" and "stage2" not in recipe.stages:
        upstream_clips(seen, upstream_draft(seen))


async def _work(
    recipe: Recipe,
    videos: list[VideoInput],
    budget: Budget,
    ffmpeg: Ffmpeg,
    progress: Progress,
    diary: RunDiary,
) -> BatchResult:
    settings = recipe.settings
    async with MediaWorkers(settings.run.num_workers) as workers:
        await refuse_unusable_files(recipe, videos, workers)
        diary.begin()
        async with _asker(recipe, budget, progress) as asker:
            kit = Kit(
                recipe=recipe,
                ffmpeg=ffmpeg,
                workers=workers,
                asker=asker,
                ffmpeg_slots=asyncio.Semaphore(min(settings.run.num_workers, os.cpu_count() or 1)),
                watch=progress,
                tool_versions=tool_versions(ffmpeg),
            )
            return await run_batch(
                videos,
                lambda video: annotate(video, kit),
                progress,
                at_once=settings.endpoint.concurrency + settings.run.num_workers,
                stop_at_failure=not settings.run.continue_on_error,
                ends_run=(RunEndingError,),
                skips=(FolderBusyError,),
            )


async def refuse_unusable_files(
    recipe: Recipe, videos: list[VideoInput], workers: MediaWorkers
) -> None:
    """Open every video that is not drafted yet. Raises RefusedError with all that are no videos.

    With ``--continue-on-error`` such files are left to fail by themselves.
    """
    if recipe.settings.run.continue_on_error or "stage1" not in recipe.stages:
        return
    fresh = [video for video in videos if not is_drafted(recipe, video)]
    opened = (workers.run(refuse_unusable, video.path) for video in fresh)
    found = await asyncio.gather(*opened, return_exceptions=True)
    reasons = [str(error) for error in found if isinstance(error, MediaError)]
    if reasons:
        raise RefusedError(reasons)


def _asker(recipe: Recipe, budget: Budget, progress: Progress) -> Asker:
    settings = recipe.settings
    return Asker(
        recipe.endpoint,
        settings.endpoint,
        budget,
        observer=progress,
        max_body_bytes=int(settings.sampling.max_body_mb * BYTES_A_MB),
        words=Words.from_prompts(recipe.prompts),
    )


def tool_versions(ffmpeg: Ffmpeg) -> Mapping[str, str]:
    """Return the versions of what makes the files of a folder."""
    packages = {"av": "av", "opencv": "opencv-python-headless", "openai": "openai"}
    found = {"three_stage": __version__, "python": platform.python_version()}
    for name, package in packages.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = "another build"
    return {**found, "ffmpeg": ffmpeg.version}


@contextlib.contextmanager
def _stopping_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, where the system has it."""
    if sys.platform == "win32":
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - we are in a coroutine
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
