"""A conversation as a file to keep: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from three_stage.chat.views import ConversationView, MessageView

Seen = Mapping[int, Mapping[int, float]]
"""For each answer, by its message's id, the numbered frames that it was given on, and their times
in seconds."""

_LONGEST_NAME = 80
_NOT_IN_NAMES = '<>:"/\\|?*'


def as_json(view: ConversationView, seen: Seen) -> str:
    """Return the whole conversation; every answer has the frames that it was given on."""
    document = view.model_dump(exclude={"last_event_id", "is_answering"})
    for message in document["messages"]:
        message["frames"] = [
            {"index": number, "time_sec": time_sec}
            for number, time_sec in seen.get(message["id"], {}).items()
        ]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_markdown(view: ConversationView, seen: Seen) -> str:
    """Return the conversation as it reads, with the frames that its answers were given on."""
    video = view.video
    facts = f"{video.duration_sec:.2f} s, {video.width}x{video.height}, {video.codec}"
    lines = [
        f"# {_line(view.title)}",
        "",
        (
            f"Video: {_line(video.name)} ({facts}). Model: {_line(view.model)}, temperature "
            f"{view.temperature:g}. Begun {view.created_at}."
        ),
    ]
    numbers = _answer_numbers(view)
    for message in view.messages:
        lines += ["", *_said(message, numbers.get(message.id))]
    for frames, answers in _tables(numbers, seen).items():
        lines += ["", *_table(frames, answers)]
    return "\n".join(lines) + "\n"


def attachment_name(title: str, file_format: str) -> str:
    """Return the Content-Disposition of an export, named after the conversation (RFC 6266)."""
    plain = "".join(" " if c in _NOT_IN_NAMES or not c.isprintable() else c for c in title)
    stem = " ".join(plain.split())[:_LONGEST_NAME].strip(". ") or "conversation"
    name = f"{stem}.{'json' if file_format == 'json' else 'md'}"
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _answer_numbers(view: ConversationView) -> dict[int, int]:
    """Number the answers from 1; returns the numbers by message."""
    answers = [message.id for message in view.messages if message.role == "assistant"]
    return {message_id: number for number, message_id in enumerate(answers, start=1)}


def _said(message: MessageView, number: int | None) -> list[str]:
    part = ""
    if message.range is not None and number is None:
        part = f" ({message.range.start_sec:.2f} s to {message.range.end_sec:.2f} s)"
    lines = [f"## {'Question' if number is None else f'Answer {number}'}{part}", ""]
    if message.text:
        lines.append(message.text)
    if number is not None and message.state != "done":
        why = "" if message.error is None else f": {message.error.message}"
        lines += ["", f"*This answer is not whole ({message.state}{why}).*"]
    if message.moments:
        named = ", ".join(f"Frame {m.frame_index} at {m.time_sec:.2f} s" for m in message.moments)
        lines += ["", f"*Key moments: {named}.*"]
    if message.notes:
        lines += ["", f"*{'; '.join(message.notes)}*"]
    return lines


def _tables(
    numbers: Mapping[int, int], seen: Seen
) -> dict[tuple[tuple[int, float], ...], list[int]]:
    """Gather the answers that were given on the same frames."""
    tables: dict[tuple[tuple[int, float], ...], list[int]] = {}
    for message_id, frames in seen.items():
        if message_id in numbers:
            tables.setdefault(tuple(frames.items()), []).append(numbers[message_id])
    return tables


def _table(frames: tuple[tuple[int, float], ...], answers: Sequence[int]) -> list[str]:
    listed = ", ".join(str(number) for number in answers)
    head = f"## Frames behind answer{'s' if len(answers) > 1 else ''} {listed}"
    rows = [f"| {number} | {time_sec:.2f} |" for number, time_sec in frames]
    return [head, "", "| frame | time (s) |", "|---|---|", *rows]


def _line(text: str) -> str:
    """Return a name as one line in which no character means anything to Markdown or HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-!<>|&~" else c for c in " ".join(text.split()))
