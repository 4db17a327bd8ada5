"""Which task a request asks, and the answer to it.

A task is recognised by property names of the schema that it wants filled; a request without a
schema is a conversation. A further task is one more row of _TASKS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter

from schemas.localization import LocalizedStep
from schemas.plan import MAX_STEPS, MIN_STEPS
from three_stage.vlm.offline.conversation import reply
from three_stage.vlm.offline.errors import RequestError
from three_stage.vlm.offline.measure import Measurement, measure
from three_stage.vlm.offline.pictures import Pictures, decode_pictures
from three_stage.vlm.offline.plans import draft_plan, localized_steps, refined_step
from three_stage.vlm.offline.question import (
    draft_step,
    draft_step_ids,
    most_steps,
    property_paths,
)
from three_stage.vlm.offline.request import ChatRequest
from three_stage.vlm.offline.segment import FEWEST_PICTURES, Split, split_freely, split_into


@dataclass(frozen=True)
class Found:
    """The text of an answer, and what its pictures would cost a model in tokens.

    ``is_conversation``: it is written for a person.
    """

    text: str
    picture_tokens: int
    is_conversation: bool


def answer(request: ChatRequest) -> Found:
    """Measure the pictures of a request and answer it. Takes long: call it in a thread.

    Raises RequestError for pictures that cannot be measured and for questions that are not known.
    """
    if request.schema is None:
        said = reply(request)
        return Found(said.text, said.picture_tokens, is_conversation=True)
    task = _task_for(property_paths(request.schema))
    pictures = decode_pictures(request.media)
    return Found(task(pictures, request.text), pictures.tokens, is_conversation=False)


def _draft(pictures: Pictures, text: str) -> str:
    return draft_plan(*_measured_steps(pictures, text)).model_dump_json()


def _localize(pictures: Pictures, text: str) -> str:
    step_ids = draft_step_ids(text)
    _refuse_fewer(pictures, len(step_ids))
    split = split_into(measure(pictures.small), len(step_ids))
    steps = TypeAdapter(list[LocalizedStep]).dump_json(localized_steps(pictures, split, step_ids))
    return f'{{"steps":{steps.decode()}}}'


def _refine(pictures: Pictures, text: str) -> str:
    draft = draft_step(text)
    return refined_step(measure(pictures.small), pictures, draft).model_dump_json()


_TASKS: tuple[tuple[frozenset[str], Callable[[Pictures, str], str]], ...] = (
    (frozenset({"step_id", "step_goal", "critical_frames"}), _refine),
    (frozenset({"steps.step_id", "steps.start_frame_index", "steps.end_frame_index"}), _localize),
    (frozenset({"high_level_goal", "steps.step_goal", "steps.causal_chain"}), _draft),
)


def _task_for(paths: frozenset[str]) -> Callable[[Pictures, str], str]:
    for needed, task in _TASKS:
        if needed <= paths:
            return task
    raise RequestError(
        "This model fills three schemas: a draft plan, a localization and a refined step. The "
        f"schema sent has the properties {', '.join(sorted(paths)) or '(none)'}.",
        param="response_format.json_schema.schema",
        code="unknown_schema",
    )


def _measured_steps(pictures: Pictures, text: str) -> tuple[Measurement, Split]:
    """Split into as many steps as the pixels show, within what the schema and the text allow."""
    _refuse_fewer(pictures, MIN_STEPS)
    room = len(pictures.small) // FEWEST_PICTURES
    most = max(MIN_STEPS, min(most_steps(text) or MAX_STEPS, MAX_STEPS, room))
    measured = measure(pictures.small)
    return measured, split_freely(measured, fewest=MIN_STEPS, most=most)


def _refuse_fewer(pictures: Pictures, steps: int) -> None:
    if len(pictures.small) < steps:
        raise RequestError(
            f"{len(pictures.small)} pictures cannot hold {steps} steps. Send more pictures.",
            param="messages",
            code="too_few_pictures",
        )
