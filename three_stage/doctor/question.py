"""The questions: one of the form of stage 2 with a known answer, and one that begs for prose."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
from jsonschema import Draft202012Validator

from prompts import Prompt
from schemas.files import CallRecord, Usage
from schemas.localization import Localization
from schemas.problems import SchemaError, parse
from schemas.publish import sent_schema
from schemas.rules import localization_problems
from three_stage.vlm import AnswerRejected, AskKey, Picture, Question

WIDTH_PX, HEIGHT_PX, SIDE_PX = 160, 96, 32
_COLOURS_BGR = ((40, 40, 210), (60, 170, 60), (200, 90, 40))
_FRAMES_A_PICTURE = 10


def small_question(prompts: Mapping[str, Prompt], num_pictures: int) -> Question[Localization]:
    """Return the question on ``num_pictures`` pictures (at least three)."""
    plan = prompts["doctor_plan"].fill()
    step_ids = [step["step_id"] for step in json.loads(plan)["steps"]]

    def check(value: object) -> Localization:
        try:
            found = parse(Localization, value)
        except SchemaError as error:
            raise AnswerRejected(error.problems) from None
        problems = localization_problems(
            found, step_ids, num_pictures, lambda start, end: (end - start) * _FRAMES_A_PICTURE
        )
        if problems:
            raise AnswerRejected(tuple(problems))
        return found

    return Question(
        key=AskKey("doctor", "stage2"),
        ask_key="0" * 64,
        system=prompts["stage2_system"].fill(),
        user=prompts["stage2_user"].fill(
            num_frames=num_pictures, end_of_video=num_pictures + 1, draft_plan=plan
        ),
        pictures=tuple(_pictures(num_pictures)),
        schema_name="localization",
        sent_schema=sent_schema("localization"),
        check=check,
        max_attempts=1,
    )


def prose_question(prompts: Mapping[str, Prompt], num_pictures: int) -> Question[object]:
    """Return a question that begs for prose, under the schema of ``small_question``."""
    begging = prompts["doctor_prose"].fill()
    return Question(
        key=AskKey("doctor", "stage2"),
        ask_key="0" * 64,
        system=begging,
        user=begging,
        pictures=tuple(_pictures(num_pictures)),
        schema_name="localization",
        sent_schema=sent_schema("localization"),
        check=lambda value: value,
        max_attempts=1,
    )


def follows_schema(answer: CallRecord) -> bool | None:
    """Tell whether an answer is JSON of the schema and nothing else; None when it is not whole."""
    text = (answer.raw_answer or "").strip()
    if not text or answer.finish_reason == "length":
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(Draft202012Validator(sent_schema("localization")).is_valid(value))


class Notebook:
    """A journal that is kept in memory only."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def stored_answers(self, _ask_key: str) -> Sequence[CallRecord]:
        """Return nothing: every question is asked."""
        return ()

    def append(self, record: CallRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    @property
    def requests(self) -> int:
        """How many requests went out."""
        return sum(record.event != "verdict" for record in self.records)

    @property
    def answers(self) -> list[CallRecord]:
        """The requests that got an answer."""
        return [record for record in self.records if record.event == "answer"]

    def usage(self) -> Usage:
        """Return what the answers took; what a request without an answer took, nobody told."""
        total = Usage()
        for record in self.answers:
            total = total.plus(record.usage)
        return total


def _pictures(count: int) -> Iterable[Picture]:
    """Draw three squares that cross the picture one after the other."""
    for index in range(count):
        scene, within = divmod(index * 3, count)
        left_px = round(within / count * (WIDTH_PX - SIDE_PX))
        image = np.full((HEIGHT_PX, WIDTH_PX, 3), 128, np.uint8)
        top_px = (HEIGHT_PX - SIDE_PX) // 2
        corner, opposite = (left_px, top_px), (left_px + SIDE_PX, top_px + SIDE_PX)
        cv2.rectangle(image, corner, opposite, _COLOURS_BGR[scene], thickness=-1)
        _, jpeg = cv2.imencode(".jpg", image)
        yield Picture(jpeg.tobytes(), WIDTH_PX, HEIGHT_PX, label=f"Frame {index + 1:02d}")
