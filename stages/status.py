"""``three-stage status OUTPUT_ROOT``: what is done, what a run would still do, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from schemas.files import Usage
from schemas.runs import RunRecord
from stages.recall import inputs_or_none, with_address_of
from stages.run import make_recipe
from stages.standing import STATES, Known, Standing, known_videos, standing_of
from three_stage.batch import duration_text
from three_stage.runs.layout import SUMMARY_NAME
from three_stage.settings import PipelineSettings, UsageError
from three_stage.settings.console import EXIT_DONE, EXIT_FAILED

_REASON_SHOWN = 300


def look_around(
    settings: PipelineSettings, records: Sequence[RunRecord]
) -> tuple[Known, list[Standing]]:
    """Return what belongs to the output root, and how each video stands."""
    settings = with_address_of(settings, records[0] if records else None)
    recipe, root = make_recipe(settings), settings.run.output_root
    if (root / SUMMARY_NAME).exists():
        raise UsageError(f"{root} is the folder of one video: give the output root above it.")
    known = known_videos(root, inputs_or_none(settings), records)
    if not (known.videos or records):
        raise UsageError(f"{root}: no results in it, and no record of a run.")
    found = [standing_of(recipe, video, known.failed.get(video.video_id)) for video in known.videos]
    return known, found


def print_status(
    settings: PipelineSettings, records: Sequence[RunRecord], *, shows_done: bool
) -> int:
    """Print how the output root stands; return 0 when everything is done, else 1."""
    known, standings = look_around(settings, records)
    click.echo(_counts_line(settings, standings))
    for line in (*map(_record_line, records), *known.remarks, *_sums_lines(standings)):
        click.echo(line)
    wanted = [one for one in standings if shows_done or one.state != "done" or one.reason]
    width = max((len(one.video.video_id) for one in wanted), default=0)
    for standing in sorted(wanted, key=lambda one: STATES.index(one.state)):
        click.echo(_line(standing, min(width, 40)))
    for line in _advice(settings, standings):
        click.echo(line)
    return EXIT_DONE if all(one.state == "done" for one in standings) else EXIT_FAILED


def print_status_json(settings: PipelineSettings, records: Sequence[RunRecord]) -> int:
    """Print the same as one JSON document on stdout."""
    known, standings = look_around(settings, records)
    counts = Counter(one.state for one in standings)
    document = {
        "output_root": str(settings.run.output_root.absolute()),
        "counts": {state: counts[state] for state in STATES},
        "remarks": list(known.remarks),
        "last_runs": [record.model_dump(mode="json") for record in records],
        "videos": [_document(one) for one in standings],
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    return EXIT_DONE if counts["done"] == len(standings) else EXIT_FAILED


def _document(standing: Standing) -> dict[str, Any]:
    return {
        "video_id": standing.video.video_id,
        "source_video": str(standing.video.path),
        "state": standing.state,
        "kind": standing.kind,
        "reason": standing.reason,
        "stages": {row.stage: {"would_run": row.why} for row in standing.forecasts},
        "requests_left": standing.requests,
        "usage": standing.usage.model_dump(),
        "cost": standing.cost,
    }


def _counts_line(settings: PipelineSettings, standings: Sequence[Standing]) -> str:
    counts = Counter(one.state for one in standings)
    many = "1 video" if len(standings) == 1 else f"{len(standings)} videos"
    said = ", ".join(f"{counts[state]} {state}" for state in reversed(STATES) if counts[state])
    return f"{settings.run.output_root.absolute()}: {many}" + (f": {said}" if said else "")


def _record_line(record: RunRecord) -> str:
    if record.ended_at_utc is None:
        how = "has not ended: it goes on, or was killed"
    else:
        why = f" ({record.ended_by})" if record.ended_by else ""
        how = f"took {duration_text(record.took_sec)}, exit code {record.exit_code}{why}"
    return (
        f"last run: began {record.started_at_utc[:19].replace('T', ' ')} UTC, {how}; "
        f"{record.usage.requests} requests to {record.model} at {record.api_base}"
    )


def _sums_lines(standings: Sequence[Standing]) -> list[str]:
    usage, costs = Usage(), [one.cost for one in standings if one.cost is not None]
    for standing in standings:
        usage = usage.plus(standing.usage)
    cost = f", cost {sum(costs):.4f}" if costs else ""
    left = sum(one.requests for one in standings)
    lines = [f"results so far: {usage.requests} requests, {usage.total_tokens:,} tokens{cost}"]
    return [*lines, f"left to do: about {left} requests"] if left else lines


def _line(standing: Standing, width: int) -> str:
    kind = f" ({standing.kind})" if standing.kind else ""
    reason = " ".join(standing.reason.split()).rstrip(".")
    if len(reason) > _REASON_SHOWN:
        reason = reason[: _REASON_SHOWN - 1] + "…"
    left = f"{standing.requests} requests left" if standing.requests else ""
    tail = "; ".join(part for part in (reason, left) if part)
    head = f"  {standing.state + kind:<20} {standing.video.video_id:<{width}}"
    return f"{head}  {tail}".rstrip()


def _advice(settings: PipelineSettings, standings: Sequence[Standing]) -> list[str]:
    root = settings.run.output_root
    kinds = sorted({one.kind for one in standings if one.kind})
    lines = []
    if kinds:
        lines.append(
            f"To try failed ones again: three-stage retry {root} "
            f"[--kind {'|'.join(kinds)}] (what is done is kept)."
        )
    if any(one.state in ("interrupted", "not begun") for one in standings):
        lines.append("To go on with the others: the command of the last run.")
    if any(one.state == "changed" for one in standings):
        lines.append(
            "What changed is asked or cut anew by the next run; with --reuse-any it stays as it is."
        )
    return lines
