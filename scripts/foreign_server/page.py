"""What was seen, as parts of a page in Markdown: ``<!-- talk: NAME -->`` to ``<!-- end -->``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from foreign_server.asks import Asked, Counted, follows
from foreign_server.refusals import Refusal
from foreign_server.runs import Ran
from schemas.files import CallRecord
from three_stage.vlm import AnswerRejected
from three_stage.vlm.diagnosis import server_words

_PART = re.compile(r"(<!-- talk: (?P<name>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SHOWN = 150
_SCHEMA_OF = {"stage1": "draft_plan", "stage2": "localization", "stage3": "refined_step"}


def write_parts(page: Path, parts: dict[str, str]) -> None:
    """Put new text into the named parts. Exits when the page lacks one."""
    text = page.read_text(encoding="utf-8")
    missing = set(parts) - {found["name"] for found in _PART.finditer(text)}
    if missing:
        raise SystemExit(f"{page.name} has no part {', '.join(sorted(missing))}")

    def anew(found: re.Match[str]) -> str:
        body = parts.get(found["name"])
        return found[0] if body is None else f"{found[1]}{body.rstrip()}\n{found[3]}"

    page.write_text(_PART.sub(anew, text), encoding="utf-8", newline="\n")


def refusals_table(refusals: Sequence[Refusal]) -> str:
    """Show what each server said, and what our client makes of it."""
    rows = [
        (
            one.asked,
            str(one.status),
            _its_words(one),
            "answered" if one.kind is None else one.kind.name.lower(),
            one.hint or ("" if one.kind is None else "(none)"),
        )
        for one in refusals
    ]
    return _table(("asked", "status", "the server's words", "to us it is", "our hint"), rows)


def schemas_table(asked: Sequence[Asked]) -> str:
    """Show each answer under a sent schema."""
    rows = []
    for one in asked:
        rows += [
            (one.name, *_answer_cells(record, one.name), _start(record)) for record in one.answers
        ]
        if not one.answers:
            rows.append((one.name, "", "", "", "", "", one.error))
    return _table(
        ("schema", "mode", "finish_reason", "tokens", "s", "of the sent schema", "begins"), rows
    )


def pictures_table(counted: Iterable[Counted]) -> str:
    """Show what a picture costs, told and estimated."""
    rows = [
        (
            f"{one.width_px} × {one.height_px}",
            str(one.told),
            str(one.estimated),
            f"{one.estimated / one.told:.2f}",
        )
        for one in counted
    ]
    return _table(("picture, px", "the server counts", "we estimate", "ratio"), rows)


def videos_table(counted: Iterable[tuple[int, int, int]]) -> str:
    """Show what pools of pictures cost, as images and as a video."""
    rows = [tuple(map(str, row)) for row in counted]
    return _table(("pictures of 512 × 288", "as images", "as video_url"), rows)


def calls_table(calls: Sequence[CallRecord]) -> str:
    """Show each request of a run with what the full rules said of its answer."""
    verdicts = {call.call_id: call for call in calls if call.event == "verdict"}
    rows = []
    for call in calls:
        if call.event == "verdict":
            continue
        judged = verdicts.get(call.call_id, call)
        errors = judged.errors
        first = f"{errors[0]} ({len(errors)} in all)" if errors else "accepted"
        step = "" if call.step_id is None else f" step {call.step_id}"
        cells = _answer_cells(call, _SCHEMA_OF[call.stage])
        rows.append((f"{call.stage}{step}", str(call.attempt), *cells, first))
    return _table(
        ("ask", "attempt", "mode", "finish_reason", "tokens", "s", "of the sent schema",
         "our full rules"),
        rows,
    )  # fmt: skip


def ran(command: Ran) -> str:
    """Show a command and what it printed."""
    lines = [f"$ {command.typed}", *command.printed.strip().splitlines()]
    shown = "\n".join(_cut(line, 300) for line in lines)
    return f"```text\n{shown}\n(exit code {command.exit_code})\n```"


def _answer_cells(record: CallRecord, schema_name: str) -> tuple[str, str, str, str, str]:
    usage = record.usage
    cached = f" ({usage.cached_tokens} cached)" if usage.cached_tokens else ""
    return (
        record.structured_mode or "",
        record.finish_reason or "",
        f"{usage.prompt_tokens}{cached} + {usage.completion_tokens}",
        f"{record.latency_sec:.1f}",
        _is_of_schema(record, schema_name),
    )


def _is_of_schema(record: CallRecord, schema_name: str) -> str:
    """Judge the text as it came, without anything that our reader forgives."""
    if record.finish_reason == "length":
        return "cut"
    try:
        follows(schema_name)(json.loads(record.raw_answer or ""))
    except (ValueError, AnswerRejected):
        return "NO"
    return "yes"


def _start(record: CallRecord) -> str:
    return f"`{_cut(record.raw_answer or '', 70)}`"


def _its_words(one: Refusal) -> str:
    if one.kind is not None:
        return _cut(server_words(one.body), 2 * _SHOWN)
    reply = json.loads(one.body)
    choice, prompt_tokens = reply["choices"][0], reply["usage"]["prompt_tokens"]
    content = _cut(choice["message"]["content"] or "", 40)
    return f"{prompt_tokens} prompt tokens, {choice['finish_reason']}: `{content}`"


def _cut(text: str, most: int) -> str:
    line = " ".join(text.split()) if "\n" in text else text
    return line if len(line) <= most else line[:most] + "..."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
