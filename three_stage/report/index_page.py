"""The lines of all videos → the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from three_stage.report.links import printable
from three_stage.report.rendering import render, web_file
from three_stage.report.values import Language, Spending, State, Verdict, VideoRow


def index_page(
    rows: Sequence[VideoRow], languages: Sequence[Language], output_root: Path, made_at_utc: str
) -> bytes:
    """Return the page that lists all videos with their sums."""
    states = Counter(row.state for row in rows)
    verdicts = Counter(row.verdict for row in rows)
    values = {
        "rows": rows,
        "root_name": printable(output_root.absolute().name or str(output_root)),
        "root_path": printable(str(output_root.absolute())),
        "made_at_utc": made_at_utc,
        "states": states,
        "state_list": [state for state in State if states[state]],
        "verdicts": verdicts,
        "is_checked": any(row.verdict is not Verdict.NOT_ASKED for row in rows),
        "total": _total(rows),
        "total_steps": sum(row.steps or 0 for row in rows),
        "total_duration_sec": sum(row.duration_sec or 0.0 for row in rows),
        "total_worked_sec": sum(row.worked_sec or 0.0 for row in rows),
        "has_cost": any(row.spending.cost is not None for row in rows),
        "offline": sum(row.is_offline for row in rows),
    }
    return render(
        "index.html.j2",
        languages,
        values,
        styles=(web_file("report.css"),),
        scripts=(web_file("common.js"), web_file("index.js")),
    )


def _total(rows: Sequence[VideoRow]) -> Spending:
    costs = [row.spending.cost for row in rows if row.spending.cost is not None]
    return Spending(
        requests=sum(row.spending.requests for row in rows),
        prompt_tokens=sum(row.spending.prompt_tokens for row in rows),
        completion_tokens=sum(row.spending.completion_tokens for row in rows),
        cost=sum(costs) if costs else None,
        waited_sec=sum(row.spending.waited_sec for row in rows),
    )
