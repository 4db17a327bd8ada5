"""A conversation as a file to keep: Markdown for people, JSON for programs."""

from __future__ import annotations

from urllib.parse import quote

from three_stage.chat.views import ConversationView, FrameStrip, MessageView

_LONGEST_NAME = 80
_NOT_IN_NAMES = '<>:"/\\|?*'


def as_json(view: ConversationView) -> str:
    """Return the whole conversation, with the frames that the model saw and their times."""
    return view.model_dump_json(indent=2, exclude={"last_event_id", "is_answering"}) + "\n"


def as_markdown(view: ConversationView) -> str:
    """Return the conversation as it reads, with the frames that the model saw and their times."""
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
    for message in view.messages:
        lines += ["", *_said(message)]
    lines += ["", *_frames(view.frames)]
    return "\n".join(lines) + "\n"


def attachment_name(title: str, file_format: str) -> str:
    """Return the Content-Disposition of an export, named after the conversation (RFC 6266)."""
    plain = "".join(" " if c in _NOT_IN_NAMES or not c.isprintable() else c for c in title)
    stem = " ".join(plain.split())[:_LONGEST_NAME].strip(". ") or "conversation"
    name = f"{stem}.{'json' if file_format == 'json' else 'md'}"
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _said(message: MessageView) -> list[str]:
    is_question = message.role == "user"
    part = ""
    if message.range is not None and is_question:
        part = f" ({message.range.start_sec:.2f} s to {message.range.end_sec:.2f} s)"
    lines = [f"## {'Question' if is_question else 'Answer'}{part}", ""]
    if message.text:
        lines.append(message.text)
    if not is_question and message.state != "done":
        why = "" if message.error is None else f": {message.error.message}"
        lines += ["", f"*This answer is not whole ({message.state}{why}).*"]
    if message.moments:
        named = ", ".join(f"Frame {m.frame_index} at {m.time_sec:.2f} s" for m in message.moments)
        lines += ["", f"*Key moments: {named}.*"]
    return lines


def _frames(strip: FrameStrip) -> list[str]:
    if not strip.frames:
        return ["The model's pictures are not there."]
    head = ["## Frames that the model saw", "", "| frame | time (s) |", "|---|---|"]
    return [*head, *(f"| {frame.index} | {frame.time_sec:.2f} |" for frame in strip.frames)]


def _line(text: str) -> str:
    """Return a name as one line in which no character means anything to Markdown or HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-!<>|&~" else c for c in " ".join(text.split()))
