"""From text to object: what is forgiven, what is not, and that nothing is ever made up."""

from __future__ import annotations

import json
import string
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.vlm.helpers import exactly_an_integer
from three_stage.vlm.errors import AnswerRejected, UnreadableAnswer
from three_stage.vlm.reading import (
    MAX_ANSWER_CHARACTERS,
    Candidate,
    endless_part,
    read_candidates,
    read_checked,
    stops_while_thinking,
)

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
objects = st.dictionaries(st.text(min_size=1, max_size=4), values, max_size=3)
whole_objects = st.dictionaries(st.text(min_size=1, max_size=4), values, min_size=1, max_size=3)
# Prose without brackets and without the marks of a thinking part.
prose = st.text(string.ascii_letters + " .,:;'!\n\"`", max_size=40)


def first(text: str) -> object:
    return read_candidates(text)[0].value


def clean(value: Any) -> Any:
    """What UTF-8 can hold of a value."""
    return json.loads(json.dumps(value).encode("utf-8", "replace"))


def read_or_refused(text: str) -> tuple[Candidate, ...]:
    """Read a text that may hold anything; a refusal is one of ours, in words for the model."""
    try:
        return read_candidates(text)
    except UnreadableAnswer as refused:
        said = refused.errors
    assert all(error.endswith(".") for error in said)
    return ()


@given(objects)
def test_plain_json_is_read_as_it_is_and_without_a_note(value: dict[str, Any]) -> None:
    (candidate,) = read_candidates(json.dumps(value))
    assert candidate.value == clean(value)
    assert candidate.notes == ()


@given(whole_objects, prose, prose)
def test_prose_and_fences_around_an_object_are_dropped(
    value: dict[str, Any], before: str, after: str
) -> None:
    for wrapped in (f"{before}{json.dumps(value)}{after}", f"```json\n{json.dumps(value)}\n```"):
        assert first(wrapped) == clean(value)


@given(whole_objects, whole_objects)
def test_a_thinking_part_is_dropped_with_the_objects_in_it(
    thought: dict[str, Any], value: dict[str, Any]
) -> None:
    candidates = read_candidates(f"<think>{json.dumps(thought)}</think>{json.dumps(value)}")
    assert candidates[0].value == clean(value)
    assert "a thinking part was dropped" in candidates[0].notes


@given(whole_objects)
def test_an_end_of_thinking_without_a_beginning_counts_too(value: dict[str, Any]) -> None:
    # Some chat templates write <think> into the prompt, so only its end comes back.
    assert first(f'first {{"a": 1}} then</think>\n{json.dumps(value)}') == clean(value)


@given(whole_objects, whole_objects)
def test_of_two_objects_the_last_comes_first(
    earlier: dict[str, Any], later: dict[str, Any]
) -> None:
    candidates = read_candidates(f"{json.dumps(earlier)}\n\nor better:\n{json.dumps(later)}")
    assert [candidate.value for candidate in candidates] == [clean(later), clean(earlier)]


@given(st.dictionaries(st.text("ab", min_size=1), st.text("xy\n\t,]}{[ ")))
def test_raw_line_breaks_in_strings_are_accepted(value: dict[str, str]) -> None:
    raw = json.dumps(value).replace("\\n", "\n").replace("\\t", "\t")
    assert first(raw) == value


@given(st.lists(st.text(max_size=5), min_size=1), st.text(max_size=8))
def test_trailing_commas_are_dropped_and_commas_in_strings_stay(
    items: list[str], text: str
) -> None:
    value = {"items": items, "text": text + ",]", "more": {"a": ",}"}}
    dense = json.dumps(value, separators=(",", ":"))
    spoiled = dense.replace('],"text"', ',],"text"')[:-2] + " , } , }"
    assert first(spoiled) == clean(value)


@given(st.data())
def test_a_cut_answer_is_never_mended(data: st.DataObject) -> None:
    texts = st.text("xy\\ \n", max_size=9)
    inner = st.dictionaries(st.text(string.ascii_letters, min_size=1), texts)
    value = {"steps": data.draw(st.lists(inner, min_size=1, max_size=3)), "end": "done"}
    text = json.dumps(value, indent=data.draw(st.sampled_from([None, 2])))
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(UnreadableAnswer):
        read_candidates(text[:cut])


@given(st.text())
@example('{"a":1}' + "\\")
@example('{"a": "\\')
@example("{" * 50_000)
@example('[{"a":' * 5_000)
@example('{"a":' * 900 + "1" + "}" * 900)
@example('{"a":' * 20_000 + "1" + "}" * 20_000)
@example("[[" + '{"a":1}' + "]]")
@example('{"a":1}}}}')
@example("1" * 5000)
@example('{"a":' + "1" * 5000 + "}")
def test_any_text_is_read_or_refused_in_words_for_the_model(text: str) -> None:
    for candidate in read_or_refused(text):
        assert isinstance(candidate.value, (dict, list))
        json.dumps(candidate.value, ensure_ascii=False).encode("utf-8")


@given(st.text(st.sampled_from("{}[]\",:\\ \na1tnu'`<think>/")))
def test_any_heap_of_brackets_and_quotes_is_read_or_refused(text: str) -> None:
    read_or_refused(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': True, 'b': None}", {"a": True, "b": None}),
        ('{"a": "5" pipe", "b": 2}', {"a": '5" pipe', "b": 2}),
        ('{"a": "he said "go" now"}', {"a": 'he said "go" now'}),
        ('{"a": 1, // note\n "b": 2}', {"a": 1, "b": 2}),
        ("{“a”: “b”}", {"a": "b"}),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_what_json_repair_mends_is_noted(text: str, value: object) -> None:
    (candidate,) = read_candidates(text)
    assert candidate.value == value
    assert "repaired by json-repair" in candidate.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n" * 30_000, "is empty"),
        ("I am sorry, I cannot do that.", "holds no JSON object"),
        ("see [1] and {this}", "holds no JSON object"),
        ("null", "holds no JSON object"),
        ("[]", "holds no JSON object"),
        ('{"a": 1', "stops before its end"),
        ('{"steps": [{"a": 1}, {"b": 2}', "stops before its end"),
        ('<think>let me see {"a": 1', "stops before its end"),
        ("x" * (MAX_ANSWER_CHARACTERS + 1), "far too many"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, said: str) -> None:
    with pytest.raises(UnreadableAnswer, match=said):
        read_candidates(text)


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        (json.dumps('{"a": 1}'), {"a": 1}, "written as a JSON string"),
        ('[{"a": 1}]', {"a": 1}, "a list around the object"),
        ('{"a": 1, "a": 2}', {"a": 2}, "written twice, the last one counts: a"),
        ('{"a": "x\\ud800y"}', {"a": "x�y"}, "no Unicode text"),
        ('<think>so {"a": 1} it is</think>I hope this helps.', {"a": 1}, "in the thinking part"),
        ('<think>so {"a": 1} it is', {"a": 1}, "a thinking part without an end"),
    ],
)
def test_odd_forms_are_read_and_noted(text: str, value: object, note: str) -> None:
    (candidate,) = read_candidates(text)
    assert candidate.value == value
    assert any(note in said for said in candidate.notes)


def test_several_objects_in_a_list_stay_a_list_for_the_check_to_refuse() -> None:
    assert first('[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]


def test_a_brace_in_prose_does_not_hide_the_object() -> None:
    assert first('use { as a brace, e.g. {x}: {"a": "p|{}|"} done') == {"a": "p|{}|"}


def test_of_several_objects_the_last_valid_one_is_taken() -> None:
    checked = read_checked('{"a": 1} then {"a": 2}, not {"a": "x"}', exactly_an_integer)
    assert checked.value == 2
    assert any("3 objects" in note for note in checked.notes)


def test_when_none_passes_the_errors_are_those_of_the_longest() -> None:
    with pytest.raises(AnswerRejected, match="is no integer") as caught:
        read_checked('{"a": "a long text that is wrong"} and {"b": 1}', exactly_an_integer)
    assert caught.value.errors == ("a: 'a long text that is wrong' is no integer",)


def test_what_a_check_raises_by_mistake_passes_through() -> None:
    def broken(_value: object) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_checked('{"a": 1}', broken)


@pytest.mark.parametrize("begun", ["", '{"steps": [{"step_id": 1'])
@pytest.mark.parametrize(
    ("goes_on", "words"),
    [
        (" \n\t" * 400, "white space"),
        ("The cup. " * 500, "the same words"),
        ("a" * 5000, "the same words"),
        ('{"step_id": 1, "goal": "pour"}, ' * 200, "the same words"),
    ],
)
def test_a_text_that_goes_on_with_the_same_is_endless(begun: str, goes_on: str, words: str) -> None:
    assert endless_part(begun + goes_on) == words


def test_a_long_text_that_goes_on_with_something_new_has_no_endless_part() -> None:
    steps = " ".join(
        f'{{"step_id": {number}, "goal": "cut piece {number}"}}' for number in range(999)
    )
    assert endless_part(steps) is None
    assert endless_part("") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>so", True),
        ("\n<thinking>so", True),
        ("<think>so</think>{", False),
        ('{"a": "<think>"', False),
    ],
)
def test_a_text_that_ends_in_its_thinking_part_is_told_from_others(
    text: str, expected: bool
) -> None:
    assert stops_while_thinking(text) is expected


def test_a_long_broken_answer_is_not_repaired_for_minutes() -> None:
    broken = '{"a": "' + 'x" ' * 40_000 + '"}'
    began_sec = time.monotonic()
    with pytest.raises(UnreadableAnswer):
        read_candidates(broken)
    assert time.monotonic() - began_sec < 5
