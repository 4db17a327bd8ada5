"""The body of a request: one system and one user message, and on a re-ask the last exchange."""

from __future__ import annotations

import bisect
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.dialects import Media
from three_stage.vlm.question import Picture, Question
from three_stage.vlm.words import Words

_CUT_ANSWER_CHARACTERS = 2000

# Pools leave 200 kB of a body for everything that is said (three_stage/media/pool.py): prompts,
# schema and draft need up to two thirds of it.
_MOST_ANSWER_BYTES = 48_000
_MOST_ERRORS_BYTES = 16_000
_MOST_ERROR_CHARACTERS = 1_000
_CUT_HERE = " …"
_THINKING_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one attempt says, the pictures apart.

    ``previous`` is the answer that ``correction`` speaks about; both are None on the first attempt,
    and a correction without an answer is appended to the instructions.
    """

    system: str
    user: str
    schema_name: str
    sent_schema: Mapping[str, Any]
    max_tokens: int
    previous: str | None = None
    correction: str | None = None


def first_turn(question: Question[Any], *, max_tokens: int) -> Turn:
    """Return the first attempt at a question."""
    return Turn(
        system=question.system,
        user=question.user,
        schema_name=question.schema_name,
        sent_schema=question.sent_schema,
        max_tokens=max_tokens,
    )


def corrected(turn: Turn, answer: str, errors: Sequence[str], words: Words) -> Turn:
    """Return the next attempt: the same question, this answer, and what is wrong with it.

    What a model thought before it answered is not repeated. An answer or a list of errors that is
    longer than any of a sound model is cut, so that the body keeps within its bounds.
    """
    spoken = _after_thinking(answer)
    if not spoken.strip():
        return again(turn)
    return replace(
        turn,
        previous=_cut_to(spoken, _MOST_ANSWER_BYTES),
        correction=words.reask.fill(errors=_listed(errors)),
    )


def shorter(turn: Turn, answer: str, words: Words, *, max_tokens: int) -> Turn:
    """Return the next attempt after a cut answer; only its beginning is shown to the model."""
    begun = " ".join(answer.split())[:_CUT_ANSWER_CHARACTERS]
    return replace(
        turn, previous=begun or None, correction=words.reask_shorter.fill(), max_tokens=max_tokens
    )


def again(turn: Turn) -> Turn:
    """Return the same question once more, after an attempt that said nothing."""
    return replace(turn, previous=None, correction=None)


def encode_body(
    turn: Turn, media: Media, options: WireOptions, *, model: str, temperature: float, words: Words
) -> bytes:
    """Return the request's body: UTF-8 JSON, pictures before instructions."""
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(turn, media, options, words),
        options.tokens_field: turn.max_tokens,
    }
    if options.sends_temperature:
        body["temperature"] = temperature
    response_format = _response_format(turn, options)
    if response_format is not None:
        body["response_format"] = response_format
    if options.sends_frame_rate:
        body.update(media.body_fields)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return media.fill_in(text.encode("utf-8", "replace"))


def said_text(turn: Turn, words: Words) -> str:
    """Return every word of a turn in one string, for an estimate of its tokens."""
    parts = (turn.system, turn.user, turn.previous, turn.correction, _schema_text(turn, words))
    return "\n".join(part for part in parts if part)


def turn_digest(turn: Turn, pictures_digest: str) -> str:
    """Return the SHA-256 of what an attempt asks: its words, its schema and its pictures."""
    said = [
        turn.system, turn.user, turn.previous, turn.correction, turn.schema_name,
        dict(turn.sent_schema), turn.max_tokens, pictures_digest,
    ]  # fmt: skip
    text = json.dumps(said, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def digest_of_pictures(pictures: Sequence[Picture]) -> str:
    """Return the SHA-256 over the pictures' own digests and labels, in order."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(hashlib.sha256(picture.jpeg).digest())
        digest.update(repr(picture.label).encode("utf-8", "replace"))
    return digest.hexdigest()


def _after_thinking(answer: str) -> str:
    """Return what follows the thinking, or the whole answer when nothing does."""
    spoken = _THINKING_END.split(answer)[-1]
    return spoken if spoken.strip() else answer


def _listed(errors: Sequence[str]) -> str:
    """List errors for a model: as many as have room, and how many more there are."""
    lines, room = [], _MOST_ERRORS_BYTES
    for error in errors:
        line = f"- {error}"
        if len(line) > _MOST_ERROR_CHARACTERS:
            line = line[:_MOST_ERROR_CHARACTERS] + _CUT_HERE
        room -= _bytes_in_json(line + "\n")
        if room < 0:
            break
        lines.append(line)
    more = len(errors) - len(lines)
    return "\n".join([*lines, f"- ... and {more} more"] if more else lines)


def _cut_to(text: str, most_bytes: int) -> str:
    """Return the beginning of a text that takes at most so many bytes in a body, marked if cut."""
    if len(text) <= most_bytes and _bytes_in_json(text) <= most_bytes:
        return text
    ends = range(min(len(text), most_bytes))
    end = bisect.bisect_right(ends, most_bytes, key=lambda end: _bytes_in_json(text[:end]))
    return text[: max(0, end - 1)] + _CUT_HERE


def _bytes_in_json(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace"))


def _messages(turn: Turn, media: Media, options: WireOptions, words: Words) -> list[dict[str, Any]]:
    instructions = turn.user
    if options.shows_schema:
        instructions += "\n\n" + _schema_text(turn, words)
    if turn.correction is not None and turn.previous is None:
        instructions += "\n\n" + turn.correction
    content = [*media.parts, {"type": "text", "text": instructions}]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": turn.system},
        {"role": "user", "content": content},
    ]
    if turn.correction is not None and turn.previous is not None:
        messages.append({"role": "assistant", "content": turn.previous})
        messages.append({"role": "user", "content": turn.correction})
    return messages


def _schema_text(turn: Turn, words: Words) -> str:
    schema = json.dumps(dict(turn.sent_schema), ensure_ascii=False)
    return words.follow_schema.fill(schema=schema)


def _response_format(turn: Turn, options: WireOptions) -> dict[str, Any] | None:
    if options.mode == "json_schema":
        schema = {"name": turn.schema_name, "schema": dict(turn.sent_schema), "strict": True}
        return {"type": "json_schema", "json_schema": schema}
    if options.mode == "json_object":
        return {"type": "json_object"}
    return None
