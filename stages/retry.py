"""``three-stage retry OUTPUT_ROOT``: failed videos again, all of them or by kind of failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import click

from schemas.files import FailureKind
from stages.lookback import Lookback, look_around
from stages.recall import Recalled, for_asking, for_looking
from stages.run import run_pipeline
from stages.standing import Standing
from three_stage.runs import identify_source, video_id_of
from three_stage.settings import InputSettings, UsageError
from three_stage.settings.console import EXIT_DONE, EXIT_FAILED

WHAT_HELPS: Mapping[FailureKind, str] = MappingProxyType(
    {
        "answer": "more attempts (--stageN-retries), or a stronger --model",
        "refusal": "another --model or provider, which may take these videos",
        "request": "the line of each video says which option to change",
        "video": "the file mended or replaced (then name it with --input-video)",
        "cut": "another --ffmpeg-bin, or --cut-mode reencode",
        "worker": "fewer at once (--num-workers), more memory, smaller pictures",
        "disk": "free space and permissions",
        "folder": "another --output-root, or that folder moved away",
        "busy": "waiting until the other run is done",
        "invalid": "--overwrite, which makes the chosen stages anew",
        "fault": "a newer version of three-stage; please report it",
    }
)
"""What has to change before the same video can succeed, for the person who reads it.

What ends a whole run (the endpoint, a cap) fails no video.
"""

KINDS: tuple[str, ...] = tuple(WHAT_HELPS)


async def retry(found: Recalled, kinds: Collection[str]) -> int:
    """Run the pipeline on the failed videos of these kinds (none: all) and return its exit code."""
    if found.prompts_dir is not None:
        raise UsageError(
            f"The last run used the prompts in {found.prompts_dir}, and no --prompts-dir is given.",
            hint="Say it again: what is sent to a model is not taken from an output folder.",
        )
    seen = look_around(found)
    ready, lost = _parted(found, seen, kinds)
    for standing, why in lost:
        click.echo(f"cannot be tried: {standing.video_id}: {why}", err=True)
    if not ready:
        click.echo("No failed video to try again.", err=True)
        return EXIT_FAILED if lost else EXIT_DONE
    asks = for_looking if found.settings.run.preflight_only else for_asking
    settings = asks(found.settings, seen.last)
    for line in _plan(ready, len(seen.standings)):
        click.echo(line, err=True)
    paths = tuple(one.path for one in ready if one.path is not None)
    code = await run_pipeline(
        replace(
            settings,
            inputs=InputSettings(input_video=paths, shard=settings.inputs.shard),
            run=replace(settings.run, continue_on_error=True),
        ),
        remembered=found.recorded_inputs,
    )
    return code or (EXIT_FAILED if lost else EXIT_DONE)


def _parted(
    found: Recalled, seen: Lookback, kinds: Collection[str]
) -> tuple[list[Standing], list[tuple[Standing, str]]]:
    """Part the failed ones that can be tried from the others, each with the reason."""
    ready: list[Standing] = []
    lost: list[tuple[Standing, str]] = []
    for one in seen.standings:
        if one.state != "failed" or (kinds and one.kind not in kinds):
            continue
        why = _why_not(found, one)
        if why is None:
            ready.append(one)
        else:
            lost.append((one, why))
    return ready, lost


def _why_not(found: Recalled, standing: Standing) -> str | None:
    """Say why a video's file must not be sent, or None.

    A path in an output folder may be anybody's: only what it named once is taken, or what the
    person names now.
    """
    path = standing.path
    if path is None or not _is_file(path):
        return f"its file {path} is gone."
    if video_id_of(path.stem) != standing.video_id:
        return f"its file {path} has another name than its folder."
    if found.gives_inputs and _is_named(found.settings.inputs, standing):
        return None
    try:
        is_same = identify_source(path).fingerprint == standing.fingerprint
    except OSError as error:
        return f"its file {path} cannot be read: {error.strerror or error}."
    if is_same:
        return None
    return f"{path} is another file than the one that failed. If it is meant: --input-video {path}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # longer than a name may be, or with a NUL
        return False


def _is_named(inputs: InputSettings, standing: Standing) -> bool:
    """Tell whether the inputs that are given now name this file."""
    path = standing.path
    assert path is not None  # noqa: S101 - asked before
    folder = inputs.input_video_dir
    return path.absolute() in [one.absolute() for one in inputs.input_video] or (
        folder is not None and path.absolute().is_relative_to(folder.absolute())
    )


def _plan(ready: Sequence[Standing], videos: int) -> list[str]:
    counts = Counter(one.kind for one in ready if one.kind is not None)
    lines = [f"trying {len(ready)} of {videos} videos again"]
    return lines + [
        f"  {count} failed by {kind}; what may help: {WHAT_HELPS[kind]}"
        for kind, count in counts.most_common()
    ]
