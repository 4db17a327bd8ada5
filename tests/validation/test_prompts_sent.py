"""The prompts of a folder are told by the record, whatever their words are."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.publish import sent_schema
from tests.support.finished_folder import restamp
from three_stage.runs import digest_of
from three_stage.validation import validate_folder
from three_stage.validation.prompts_sent import Texts, stage1_digest
from three_stage.vlm import Picture, Question
from three_stage.vlm.bodies import digest_of_pictures, first_turn, turn_digest
from three_stage.vlm.question import AskKey


def test_the_digest_of_stage_1_is_the_one_that_asking_makes() -> None:
    schema = dict(sent_schema("draft_plan"))
    pictures = [b"one", b"two"]
    question = Question(
        key=AskKey("v", "stage1", None), ask_key="0" * 64, system="You watch.", user="看。",
        pictures=tuple(Picture(data, 16, 16, label=None) for data in pictures),
        schema_name="draft_plan", sent_schema=schema, check=lambda value: value, max_attempts=1,
    )  # fmt: skip
    wanted = turn_digest(first_turn(question, max_tokens=99), digest_of_pictures(question.pictures))
    inputs = {"schema": digest_of(schema), "max tokens": "99"}
    assert stage1_digest(Texts("You watch.", "看。"), pictures, inputs) == wanted
    assert stage1_digest(Texts("You watch.", "看。"), pictures, {**inputs, "schema": "x"}) is None


@pytest.mark.parametrize(
    "name", ["stage1/stage1_system_prompt.txt", "stage2/stage2_user_prompt.txt",
             "02_*/stage3_user_prompt.txt"],
)  # fmt: skip
def test_a_prompt_that_was_changed_is_found(folder: Path, name: str) -> None:
    path = next(folder.glob(name))
    path.write_text(path.read_text(encoding="utf-8")[:-1], encoding="utf-8", newline="\n")
    restamp(folder)
    lines = [line for line in validate_folder(folder).warnings if "W-PROMPT-DIFFERS" in line]
    assert any(path.name in line for line in lines)
