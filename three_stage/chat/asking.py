"""From a conversation to what the model is sent: pictures first, then every turn, as typed.

The first question comes with the pool of the whole video. A later body begins with the very same
messages, so a server can keep what it computed for them. A question about a named part of the video
brings that part's own pictures, numbered on from the pool's; they are sent with that question only.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prompts import Prompt
from three_stage.chat.values import Message, Pool, Role, TimeRange
from three_stage.vlm import Picture, Remark

MOST_HISTORY_CHARACTERS = 100_000
"""Of earlier turns, the latest of them; about a tenth of what today's models read."""

MOST_ANSWER_CHARACTERS = 16_000
"""Of one earlier answer: a longer one loses its middle, so that it does not cost the others."""

_LEFT_OUT = "\n\n[…]\n\n"


@dataclass(frozen=True)
class Turn:
    """An earlier question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class CloseUp:
    """The pictures of a named part of the video, numbered from ``first_number``."""

    span: TimeRange
    pictures: tuple[Picture, ...]
    first_number: int


def earlier_turns(messages: Sequence[Message]) -> tuple[tuple[Turn, ...], int]:
    """Return the exchanges that have an answer, be it a part of one, and how many had no room.

    The latest ones are kept. Of a long answer its beginning and its end are.
    """
    turns = []
    for question, answer in itertools.pairwise(messages):
        is_pair = question.role is Role.USER and answer.role is Role.ASSISTANT
        if is_pair and answer.text.strip():
            turns.append(Turn(question.text, _without_middle(answer.text)))
    room = MOST_HISTORY_CHARACTERS
    kept = 0
    for turn in reversed(turns):
        room -= len(turn.question) + len(turn.answer)
        if room < 0:
            break
        kept += 1
    left_out = len(turns) - kept
    return tuple(turns[left_out:]), left_out


def _without_middle(text: str) -> str:
    if len(text) <= MOST_ANSWER_CHARACTERS:
        return text
    half = MOST_ANSWER_CHARACTERS // 2
    return text[:half] + _LEFT_OUT + text[-half:]


def remarks_for(
    prompts: Mapping[str, Prompt],
    pool: Pool,
    pictures: tuple[Picture, ...],
    turns: Sequence[Turn],
    question: str,
    close_up: CloseUp | None,
) -> tuple[Remark, ...]:
    """Return what is said, in order; every question stands as a part of its own, as typed."""
    about = prompts["chat_video"].fill(num_frames=len(pictures), duration_sec=f"{pool.end_sec:.2f}")
    remarks = [Remark("system", (prompts["chat_system"].fill(),))]
    opening: tuple[str | tuple[Picture, ...], ...] = (pictures, about)
    for turn in turns:
        remarks.append(Remark("user", (*opening, turn.question)))
        remarks.append(Remark("assistant", (turn.answer,)))
        opening = ()
    remarks.append(Remark("user", (*opening, *_shown(prompts, close_up), question)))
    return tuple(remarks)


def _shown(
    prompts: Mapping[str, Prompt], close_up: CloseUp | None
) -> tuple[str | tuple[Picture, ...], ...]:
    if close_up is None:
        return ()
    about = prompts["chat_range"].fill(
        first_frame=close_up.first_number,
        last_frame=close_up.first_number + len(close_up.pictures) - 1,
        start_sec=f"{close_up.span.start_sec:.2f}",
        end_sec=f"{close_up.span.end_sec:.2f}",
    )
    return (close_up.pictures, about)
