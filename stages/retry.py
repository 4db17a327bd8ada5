"""``three-stage retry OUTPUT_ROOT``: failed videos again, all of them or by kind of failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import click

from schemas.files import FailureKind
from schemas.runs import RunRecord
from stages.recall import inputs_or_none, refuse_another_endpoint
from stages.run import run_pipeline
from stages.standing import Standing
from stages.status import look_around
from three_stage.runs import video_id_of
from three_stage.settings import InputSettings, PipelineSettings
from three_stage.settings.console import EXIT_DONE, EXIT_FAILED

WHAT_HELPS: Mapping[FailureKind, str] = MappingProxyType(
    {
        "answer": "more attempts (--stageN-retries), or a stronger --model",
        "refusal": "another --model or provider, which may take these videos",
        "request": "the line of each video says which option to change",
        "endpoint": "an endpoint that is up, with a key that it takes",
        "budget": "a higher --max-cost or --max-total-tokens",
        "video": "the file mended or replaced",
        "cut": "another --ffmpeg-bin, or --cut-mode reencode",
        "worker": "fewer at once (--num-workers), more memory, smaller pictures",
        "disk": "free space and permissions",
        "folder": "another --output-root, or that folder moved away",
        "busy": "waiting until the other run is done",
        "invalid": "--overwrite, which makes the chosen stages anew",
        "fault": "a newer version of three-stage; please report it",
    }
)
"""What has to change before the same video can succeed, for the person who reads it."""

KINDS: tuple[str, ...] = tuple(WHAT_HELPS)


async def retry(
    settings: PipelineSettings, records: Sequence[RunRecord], kinds: Collection[str]
) -> int:
    """Run the pipeline on the failed videos of these kinds (none: all) and return its exit code."""
    latest = records[0] if records else None
    if not settings.run.preflight_only:
        refuse_another_endpoint(settings, latest)
    remembered = inputs_or_none(settings)
    _, standings = look_around(settings, records)
    failed = [
        one for one in standings if one.state == "failed" and (not kinds or one.kind in kinds)
    ]
    ready, lost = _with_their_files(failed)
    for standing in lost:
        click.echo(
            f"cannot be tried: {standing.video.video_id}: its file {standing.video.path} is gone "
            "or has another name.",
            err=True,
        )
    if not ready:
        click.echo("No failed video to try again.", err=True)
        return EXIT_FAILED if lost else EXIT_DONE
    for line in _plan(ready, len(standings)):
        click.echo(line, err=True)
    code = await run_pipeline(
        replace(
            settings,
            inputs=InputSettings(
                input_video=tuple(one.video.path for one in ready), shard=settings.inputs.shard
            ),
            run=replace(settings.run, continue_on_error=True),
        ),
        remembered=remembered,
    )
    return code or (EXIT_FAILED if lost else EXIT_DONE)


def _with_their_files(failed: Sequence[Standing]) -> tuple[list[Standing], list[Standing]]:
    """Part those whose file is where it was, under the name of its folder, from the others."""
    ready: list[Standing] = []
    lost: list[Standing] = []
    for one in failed:
        path = one.video.path
        is_there = path.is_file() and video_id_of(path.stem) == one.video.video_id
        (ready if is_there else lost).append(one)
    return ready, lost


def _plan(ready: Sequence[Standing], videos: int) -> list[str]:
    counts = Counter(one.kind for one in ready if one.kind is not None)
    lines = [f"trying {len(ready)} of {videos} videos again"]
    return lines + [
        f"  {count} failed by {kind}; what may help: {WHAT_HELPS[kind]}"
        for kind, count in counts.most_common()
    ]
