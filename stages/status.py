"""``three-stage status OUTPUT_ROOT``: what is done, what a run would still do, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click
from rich.cells import cell_len

from schemas.files import Usage
from schemas.runs import RunRecord
from stages.advice import command_line
from stages.lookback import Lookback, look_around
from stages.recall import Recalled
from stages.standing import STATES, Standing
from three_stage.batch import duration_text
from three_stage.settings.console import EXIT_DONE, EXIT_FAILED

_REASON_SHOWN, _NAME_SHOWN = 300, 40


def print_status(found: Recalled, *, shows_done: bool) -> int:
    """Print how the output root stands; return 0 when everything is done, else 1."""
    seen = look_around(found)
    root = found.settings.run.output_root.absolute()
    click.echo(_counts_line(str(root), seen.standings))
    for line in (*map(_record_line, found.records), *seen.remarks, *_sums_lines(seen.standings)):
        click.echo(line)
    wanted = [one for one in seen.standings if shows_done or one.state != "done" or one.reason]
    width = min(max((cell_len(one.video_id) for one in wanted), default=0), _NAME_SHOWN)
    for standing in sorted(wanted, key=lambda one: STATES.index(one.state)):
        click.echo(_line(standing, width))
    for line in _advice(found, seen):
        click.echo(line)
    return _exit_code(seen)


def print_status_json(found: Recalled) -> int:
    """Print the same as one JSON document on stdout."""
    seen = look_around(found)
    counts = Counter(one.state for one in seen.standings)
    document = {
        "output_root": str(found.settings.run.output_root.absolute()),
        "counts": {state: counts[state] for state in STATES},
        "remarks": list(seen.remarks),
        "last_runs": [record.model_dump(mode="json") for record in found.records],
        "videos": [_document(one) for one in seen.standings],
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    return _exit_code(seen)


def _exit_code(seen: Lookback) -> int:
    return EXIT_DONE if seen.is_done else EXIT_FAILED


def _document(standing: Standing) -> dict[str, Any]:
    return {
        "video_id": standing.video_id,
        "source_video": None if standing.path is None else str(standing.path),
        "state": standing.state,
        "kind": standing.kind,
        "reason": standing.reason,
        "stages": {
            row.stage: {"would_run": row.why, "requests": row.requests}
            for row in standing.forecasts
        },
        "requests_left": standing.requests,
        "usage": standing.spent.usage.model_dump(),
        "cost": standing.spent.cost,
    }


def _counts_line(root: str, standings: Sequence[Standing]) -> str:
    counts = Counter(one.state for one in standings)
    many = "1 video" if len(standings) == 1 else f"{len(standings)} videos"
    said = ", ".join(f"{counts[state]} {state}" for state in reversed(STATES) if counts[state])
    return f"{root}: {many}" + (f": {said}" if said else "")


def _record_line(record: RunRecord) -> str:
    shard = f" of shard {record.shard}" if record.shard else ""
    began = f"last run{shard}: began {record.started_at_utc[:19].replace('T', ' ')} UTC"
    asked = f"{record.model} at {record.api_base}"
    if record.ended_at_utc is None:
        return f"{began} with {asked}, has not ended: it goes on, or was killed"
    why = f" ({' '.join(record.ended_by.split())})" if record.ended_by else ""
    took = f"took {duration_text(record.took_sec)}, exit code {record.exit_code}{why}"
    return f"{began}, {took}; {_requests(record.usage.requests)} to {asked}"


def _sums_lines(standings: Sequence[Standing]) -> list[str]:
    usage, costs = Usage(), [one.spent.cost for one in standings if one.spent.cost is not None]
    for standing in standings:
        usage = usage.plus(standing.spent.usage)
    cost = f", cost {sum(costs):.4f}" if costs else ""
    left = sum(one.requests for one in standings)
    spent = f"spent so far: {_requests(usage.requests)}, {usage.total_tokens:,} tokens{cost}"
    return [spent, f"left to do: at most {_requests(left)}"] if left else [spent]


def _line(standing: Standing, width: int) -> str:
    kind = f" ({standing.kind})" if standing.kind else ""
    reason = " ".join(standing.reason.split()).rstrip(".")
    if len(reason) > _REASON_SHOWN:
        reason = reason[: _REASON_SHOWN - 1] + "…"
    left = f"{_requests(standing.requests)} left" if standing.requests else ""
    tail = "; ".join(part for part in (reason, left) if part)
    padding = " " * max(0, width - cell_len(standing.video_id))
    return f"  {standing.state + kind:<20} {standing.video_id}{padding}  {tail}".rstrip()


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"


def _advice(found: Recalled, seen: Lookback) -> list[str]:
    root = found.settings.run.output_root
    states = {one.state for one in seen.standings}
    kinds = sorted({one.kind for one in seen.standings if one.kind})
    lines = []
    if kinds:
        line = command_line("retry", root)
        lines.append(f"Failed ones again: {line} (--kind {' or '.join(kinds)} for some of them).")
    if states & {"interrupted", "not finished", "not begun", "damaged"}:
        lines.append("The others: the command of the last run goes on with them.")
    if "changed" in states:
        lines.append(
            "What changed is asked or cut anew by the next run; with --reuse-any it stays as it is."
        )
    return lines
