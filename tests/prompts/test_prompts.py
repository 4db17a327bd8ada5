"""The prompts: no blank is sent unfilled, own files are taken, and they name our keys."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from prompts import BLANKS, NAMES, Prompt, PromptError, load_prompts
from schemas.localization import Localization, LocalizedStep
from schemas.plan import FORBIDDEN_IN_DRAFT, CriticalFrame, DraftPlan, DraftStep, RefinedStep
from schemas.problems import parse, text_leaves
from schemas.publish import sent_schema
from schemas.rules import localization_problems, reference_problems
from schemas.text_rules import find_reference


def filled(name: str) -> str:
    return load_prompts()[name].fill(**dict.fromkeys(BLANKS[name], "7"))


# Blanks


def test_every_prompt_is_there_and_says_something() -> None:
    prompts = load_prompts()
    assert tuple(prompts) == NAMES
    assert all(len(prompt.template) > 50 for prompt in prompts.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_filled_prompt_holds_no_blank(name: str) -> None:
    assert "{{" not in filled(name)


@pytest.mark.parametrize("name", [name for name in NAMES if BLANKS[name]])
def test_a_blank_that_is_not_filled_is_an_error(name: str) -> None:
    for left_out in sorted(BLANKS[name]):
        values = dict.fromkeys(BLANKS[name] - {left_out}, 1)
        with pytest.raises(PromptError, match=rf"{name}.*nothing to fill in for.*{left_out}"):
            load_prompts()[name].fill(**values)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_without_a_blank_is_an_error(name: str) -> None:
    values = dict.fromkeys([*BLANKS[name], "colour"], 1)
    with pytest.raises(PromptError, match=rf"{name}.*no blank for.*colour"):
        load_prompts()[name].fill(**values)


def test_what_is_filled_in_stays_as_it_is() -> None:
    prompt = Prompt("mine", "a {{x}} b {{y}} c {{x}}")
    assert prompt.fill(x=r"{{y}} \1 \g<0>", y=2) == r"a {{y}} \1 \g<0> b 2 c {{y}} \1 \g<0>"


# Digests


def test_the_digest_is_that_of_the_text_and_changes_with_it() -> None:
    for prompt in load_prompts().values():
        text = prompt.template.encode("utf-8")
        assert prompt.digest == hashlib.sha256(text).hexdigest()
    assert Prompt("a", "Brot 切").digest != Prompt("a", "Brot 切.").digest
    assert Prompt("a", "text").digest == Prompt("b", "text").digest


# The user's own folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.txt").write_bytes(text.encode("utf-8"))


def test_an_own_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    write(tmp_path, "stage2_system", "Finde die Schritte. 步骤")
    own = load_prompts(tmp_path)
    ours = load_prompts()
    assert own["stage2_system"].template == "Finde die Schritte. 步骤"
    assert own["stage2_system"].digest != ours["stage2_system"].digest
    assert {n: p for n, p in own.items() if n != "stage2_system"} == {
        n: p for n, p in ours.items() if n != "stage2_system"
    }


def test_an_editor_of_windows_changes_nothing(tmp_path: Path) -> None:
    ours = load_prompts()["stage1_user"]
    write(tmp_path, "stage1_user", "\ufeff" + ours.template.replace("\n", "\r\n") + "\r\n")
    assert load_prompts(tmp_path)["stage1_user"] == ours


def test_own_blanks_must_be_ours(tmp_path: Path) -> None:
    write(tmp_path, "stage2_user", "{{num_frames}} pictures, plan {{draft_plan}}.")
    with pytest.raises(PromptError, match=r"stage2_user\.txt: blanks must be .*end_of_video"):
        load_prompts(tmp_path)
    write(tmp_path, "stage2_user", "{{num_frames}} {{draft_plan}} {{end_of_video}} {{colour}}")
    with pytest.raises(PromptError, match=r"stage2_user\.txt.*colour"):
        load_prompts(tmp_path)


@pytest.mark.parametrize("blank", ["{{ num_frames }}", "{{num-frames}}", "{{num_frames}", "{{}}"])
def test_a_blank_that_is_written_wrongly_is_an_error(tmp_path: Path, blank: str) -> None:
    good = "{{num_frames}} {{draft_plan}} {{end_of_video}}"
    write(tmp_path, "stage2_user", f"{good} {blank}")
    with pytest.raises(PromptError, match=r"stage2_user\.txt"):
        load_prompts(tmp_path)


def test_an_empty_prompt_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "stage1_system", " \n")
    with pytest.raises(PromptError, match=r"stage1_system\.txt.*empty"):
        load_prompts(tmp_path)


def test_an_unknown_file_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "stage1_user_old", "x")
    with pytest.raises(PromptError, match=r"stage1_user_old\.txt is no prompt.*stage1_user\.txt"):
        load_prompts(tmp_path)


def test_an_empty_folder_and_no_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no prompt file in it"):
        load_prompts(tmp_path)
    with pytest.raises(PromptError, match="not a folder"):
        load_prompts(tmp_path / "absent")


def test_a_file_that_is_no_utf8_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "stage1_system.txt").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(PromptError, match=r"stage1_system\.txt: cannot be read as UTF-8"):
        load_prompts(tmp_path)


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "stage1_system", "Look.")
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    assert load_prompts(tmp_path)["stage1_system"].template == "Look."


# Prompts and schemas say the same


def example(name: str) -> Any:
    """Return the JSON example that stands alone in the last line of a prompt."""
    return json.loads(filled(name).splitlines()[-1])


EXAMPLES: dict[str, type[BaseModel]] = {
    "stage1_user": DraftStep,
    "stage2_user": LocalizedStep,
    "stage3_user": CriticalFrame,
}


def shown_objects(name: str) -> list[Any]:
    value = example(name)
    return list(value["steps"]) if "steps" in value else [value]


@pytest.mark.parametrize(("name", "model"), EXAMPLES.items())
def test_the_example_in_a_prompt_fits_its_model(name: str, model: type[BaseModel]) -> None:
    for value in shown_objects(name):
        parsed = parse(model, value)
        assert parsed.model_dump(mode="json") == value  # the names are in snake_case already
        assert list(value) == list(model.model_fields)


def test_the_examples_wrap_their_steps_as_the_answer_does() -> None:
    assert list(example("stage1_user")) == list(DraftPlan.model_fields)
    assert list(example("stage2_user")) == list(Localization.model_fields)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_obey_the_rule_about_references(name: str) -> None:
    for _, text in text_leaves(example(name)):
        assert find_reference(text) is None


def test_a_copied_example_is_no_valid_answer() -> None:
    """Its numbers are those of no video: a model that copies them is asked again."""
    assert example("stage1_user")["steps"][0]["step_id"] > 100
    assert example("stage3_user")["frame_index"] > 2000
    steps = example("stage2_user")["steps"]
    third = {"step_id": 903, "start_frame_index": 9020, "end_frame_index": 9030}
    localization = parse(Localization, {"steps": [*steps, third]})
    assert localization_problems(localization, [901, 902, 903], 2000, lambda s, e: e - s) != []


def test_the_stage_3_example_belongs_to_the_stage_1_example() -> None:
    step = shown_objects("stage1_user")[0]
    frame = example("stage3_user")
    later = {**frame, "frame_index": frame["frame_index"] + 1}
    refined = parse(RefinedStep, {**step, "critical_frames": [frame, later]})
    assert reference_problems(refined) == []
    assert refined.critical_frames[0].causal_chain.agent == refined.causal_chain.agent
    assert refined.critical_frames[0].causal_chain.action == refined.causal_chain.action
    assert refined.causal_chain.agent in refined.critical_frames[0].interaction.tools
    assert refined.causal_chain.patient in refined.critical_frames[0].interaction.materials


def keys_of(schema: Any) -> Iterator[str]:
    for key, item in schema.get("properties", {}).items():
        yield key
        yield from keys_of(item)
    if "items" in schema:
        yield from keys_of(schema["items"])


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("stage1_user", "draft_plan"),
        ("stage2_user", "localization"),
        ("stage3_user", "refined_step"),
    ],
)
def test_a_prompt_names_every_key_of_its_answer(name: str, schema: str) -> None:
    rules = "\n".join(filled(name).splitlines()[:-1])  # the example does not count
    of_draft = set(keys_of(sent_schema("draft_plan"))) if name == "stage3_user" else set()
    in_condition_lists = {"relation", "objects", "truth", "object_name", "reasons"}
    for key in set(keys_of(sent_schema(schema))) - (of_draft & in_condition_lists):
        inherited = key in of_draft and "the keys inside them stay the same" in rules
        assert f'"{key}"' in rules or inherited, key


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_quotes_no_key_that_the_answer_has_not(name: str) -> None:
    known = {key for s in ("draft_plan", "localization", "refined_step")
             for key in keys_of(sent_schema(s))}  # fmt: skip
    for quoted in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', filled(name)):
        values = {text for n in EXAMPLES for _, text in text_leaves(example(n))}
        assert quoted in known | values | set(FORBIDDEN_IN_DRAFT), quoted


def test_the_draft_prompt_forbids_the_keys_that_a_draft_must_not_have() -> None:
    for key in FORBIDDEN_IN_DRAFT:
        assert f'"{key}"' in filled("stage1_user")


def test_json_is_asked_for_in_every_system_prompt() -> None:
    """Some servers refuse json_object when the word is in no message."""
    for stage in (1, 2, 3):
        assert "JSON" in filled(f"stage{stage}_system")
