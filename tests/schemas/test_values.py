"""The kinds of value: strict types, texts that say something, names in snake_case."""

from __future__ import annotations

import copy
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from schemas.base import (
    MAX_RELATION_CHARACTERS,
    Identifier,
    Index1,
    Relation,
    Seconds,
    Sha256,
    Text,
    UtcTime,
    is_placeholder,
    normalize_identifier,
    normalize_relation,
)
from schemas.files import CallRecord, FrameManifest, RelPath, RunSummary, Usage
from schemas.localization import Localization
from schemas.plan import DraftPlan, RefinedStep
from schemas.problems import SchemaError, parse
from tests.schemas import samples
from tests.schemas.strategies import PLACEHOLDERS

ANY_TEXT = st.text(st.characters(codec="utf-8"))


def accepts(kind: Any, value: object) -> bool:
    # As in a file: from JSON text, where pydantic is strict about JSON's own types.
    text = json.dumps(value)
    try:
        TypeAdapter(kind, config={"strict": True}).validate_json(text)
    except ValidationError:
        return False
    return True


def read(kind: Any, value: str) -> Any:
    return TypeAdapter(kind).validate_python(value)


# Strict types


@pytest.mark.parametrize("wrong", [True, False, 4.0, "4", None, [4], {}, 0, -1, 1.5])
def test_an_index_is_a_whole_number_from_1(wrong: object) -> None:
    assert accepts(Index1, 1)
    assert not accepts(Index1, wrong)


@pytest.mark.parametrize("wrong", [True, "1.0", None, [1.0], -0.001])
def test_seconds_are_a_number_from_0(wrong: object) -> None:
    assert accepts(Seconds, 0)
    assert accepts(Seconds, 0.5)
    assert not accepts(Seconds, wrong)


@pytest.mark.parametrize("wrong", [1, True, None, ["a", "b"], {"a": "b"}, 2.5])
def test_a_text_is_one_string(wrong: object) -> None:
    for kind in (Text, Identifier, Relation):
        assert accepts(kind, "cup")
        assert not accepts(kind, wrong)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e999])
def test_no_number_is_infinite_or_nan(number: float) -> None:
    spoiled = copy.deepcopy(samples.manifest())
    spoiled["video"]["first_frame_offset_sec"] = number
    with pytest.raises(SchemaError, match=r"video\.first_frame_offset_sec: .*finite"):
        parse(FrameManifest, spoiled)


@pytest.mark.parametrize("truth", [0, 1, "true", None])
def test_truth_is_a_json_bool(truth: object) -> None:
    spoiled = samples.draft_plan()
    spoiled["steps"][0]["causal_chain"]["causal_effect_on_spatial"][0]["truth"] = truth
    path = r"steps\[0\]\.causal_chain\.causal_effect_on_spatial\[0\]\.truth"
    with pytest.raises(SchemaError, match=path):
        parse(DraftPlan, spoiled)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_rotation_is_a_multiple_of_a_right_angle(rotation: int) -> None:
    value = samples.manifest()
    value["video"]["rotation"] = rotation
    assert parse(FrameManifest, value).video.rotation == rotation
    for wrong in (rotation + 1, -90, 360, float(rotation), False, str(rotation)):
        value["video"]["rotation"] = wrong
        with pytest.raises(SchemaError, match=r"video\.rotation"):
            parse(FrameManifest, value)


def test_objects_cannot_be_changed_after_they_were_checked() -> None:
    step = samples.parsed_refined()
    with pytest.raises(ValidationError, match="frozen"):
        step.step_id = 2  # type: ignore[misc]


# Placeholders


NOTHING = (
    *PLACEHOLDERS, "\u200b", "\ufeff", "\x1c", "\x85", "\u2060",
    # with signs around or inside
    "N.A.", "n.a.", "N_A", "n / a", "[N/A]", "none.", "Unknown.", "tbd.", "TODO:", "(none)",
    "<null>",
    "!none!", "“unknown”", "【todo】", "*n/a*", "not applicable", "Not Applicable.",
    "not_applicable",
    # signs alone
    "—", "–", "……", "。", ".", "....", "---", "??", "!", "_", "()", "、", "「」", "＿", "\"\"",
)  # fmt: skip


@pytest.mark.parametrize("nothing", NOTHING)
def test_placeholders_count_as_empty(nothing: str) -> None:
    assert is_placeholder(nothing)
    for kind in (Text, Identifier, Relation):
        with pytest.raises(ValidationError, match="must say something"):
            read(kind, nothing)


@pytest.mark.parametrize(
    "something",
    ["nana", "none of the cups", "a", "0", "no", "n/a-n/a", "unknown man", "dash -", "to do",
     "nullify", "无", "No", "tbdx", "nan", "=", "+", "5", "(a)", "n b", "not applicable here",
     "none, but", "nonentity", "未知物", "an", "n", "na na", "n a b", "- x"],
)  # fmt: skip
def test_texts_that_only_look_like_a_placeholder_stay(something: str) -> None:
    assert not is_placeholder(something)
    assert read(Text, something) == something


@given(
    st.lists(st.sampled_from((*NOTHING, "n", "a", "A", "x", "切", "+", "\n", "\u2028"))).map(
        "".join
    )
)
def test_the_published_schemas_know_the_same_placeholders(text: str) -> None:
    for kind in (Text, Identifier):
        published = Draft202012Validator(TypeAdapter(kind).json_schema())
        assert published.is_valid(text) is not is_placeholder(text)


@pytest.mark.parametrize("head", ["", "n/a", "n", "-", "x"])
@pytest.mark.parametrize("tail", ["", "x"])
def test_a_flood_of_white_space_is_judged_at_once_and_quoted_in_part(head: str, tail: str) -> None:
    """A model that loops writes thousands of spaces; trying every split would take minutes."""
    flood = head + " " * 100_000 + tail
    says_something = head in ("n", "x") or tail == "x"
    assert is_placeholder(flood) is not says_something
    if not says_something:
        with pytest.raises(ValidationError) as caught:
            read(Text, flood)
        message = caught.value.errors()[0]["msg"]
        assert message.endswith(f"must say something; {flood[:80] + '…'!r} counts as empty")


def test_a_text_is_kept_as_it_was_written() -> None:
    assert read(Text, "  Cut the\nbread… ") == "  Cut the\nbread… "


# Identifiers


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Cutting Board", "cutting_board"),
        ("cutting-board", "cutting_board"),
        ("cuttingBoard", "cutting_board"),
        ("CuttingBoard2Go", "cutting_board2_go"),
        ("  __cutting  board__ ", "cutting_board"),
        ("cutting_board", "cutting_board"),
        ("chef's knife", "chefs_knife"),
        ("chef’s knife", "chefs_knife"),
        ("USB", "usb"),
        ("left hand (gloved)", "left_hand_gloved"),
        ("knife/fork", "knife_fork"),
        ("½ cup", "1_2_cup"),
        ("ＴＡＢＬＥ　１", "table_1"),
        ("Crème brûlée", "crème_brûlée"),
        ("Cre\u0300me", "crème"),
        ("STRASSE", "strasse"),
        ("Straße", "straße"),
        ("Нож для хлеба", "нож_для_хлеба"),
        ("ΜΑΧΑΊΡΙ", "μαχαίρι"),
        ("切菜板", "切菜板"),
        ("切菜 板", "切菜_板"),
        ("まな板", "まな板"),
        ("ナイフ", "ナイフ"),
        ("도마", "도마"),
        ("हिन्दी शब्द", "हिन्दी_शब्द"),
        ("เขียง ไม้", "เขียง_ไม้"),
        ("سِكّين", "سِكّين"),
        ("❤\ufe0f heart", "heart"),
        ("1\ufe0f\u20e3 cup", "1_cup"),
        ("a = b", "a_b"),
    ],
)
def test_names_come_in_snake_case_with_the_letters_of_every_script(written: str, kept: str) -> None:
    # Thai's SARA AM is one letter that the compatible form writes as two.
    assert normalize_identifier(written) == unicodedata.normalize("NFKC", kept)
    assert read(Identifier, written) == unicodedata.normalize("NFKC", kept)


@given(ANY_TEXT)
def test_normalising_a_name_again_changes_nothing(text: str) -> None:
    once = normalize_identifier(text)
    assert normalize_identifier(once) == once
    assert normalize_relation(normalize_relation(text)) == normalize_relation(text)


def test_normalising_again_changes_nothing_for_any_character_that_has_another_form() -> None:
    for character in map(chr, range(0x80, 0x20000)):
        if unicodedata.normalize("NFKC", character) != character or character.isupper():
            once = normalize_identifier(f"a{character}B")
            assert normalize_identifier(once) == once, ascii(character)


@given(ANY_TEXT)
def test_a_name_holds_letters_digits_marks_and_single_underscores(text: str) -> None:
    name = normalize_identifier(text)
    assert all(c == "_" or c.isalnum() or unicodedata.category(c)[0] == "M" for c in name)
    assert "__" not in name
    assert name == name.strip("_")
    assert name == name.lower()


@given(st.text("abcdefghij0123456789_切é", min_size=1))
def test_no_letter_or_digit_of_a_name_is_lost(text: str) -> None:
    assert normalize_identifier(text).replace("_", "") == text.replace("_", "")


def test_names_that_differ_in_spelling_only_are_one_name() -> None:
    spoiled = samples.refined_step()
    spoiled["causal_chain"]["agent"] = "Left Hand"
    spoiled["critical_frames"][0]["causal_chain"]["agent"] = "left-hand"
    spoiled["critical_frames"][0]["interaction"]["tools"] = ["leftHand"]
    refined = parse(RefinedStep, spoiled)
    frame = refined.critical_frames[0]
    assert refined.causal_chain.agent == frame.causal_chain.agent == "left_hand"
    assert frame.interaction.tools == ("left_hand",)


# Relations


@pytest.mark.parametrize(
    ("written", "kept"),
    [("Lies On", "lies_on"), ("in front-of", "in_front_of"), ("x > y", "x_y"), ("a = b", "a_b")],
)
def test_relations_come_in_snake_case(written: str, kept: str) -> None:
    assert read(Relation, written) == kept


@pytest.mark.parametrize(
    "wrong", ["knife => bread", "on=>", "on (top)", "on)", "(on", "on ＝＞ top", "on（top"]
)
def test_a_relation_has_no_arrow_and_no_parentheses(wrong: str) -> None:
    with pytest.raises(ValidationError, match="without '=>' or parentheses; got "):
        read(Relation, wrong)


def test_a_relation_has_at_most_40_characters_after_it_was_normalised() -> None:
    assert MAX_RELATION_CHARACTERS == 40
    assert read(Relation, "x" * 40) == "x" * 40
    with pytest.raises(ValidationError, match="at most 40 characters; too long: 'x"):
        read(Relation, "x" * 41)
    assert read(Relation, "lies   on " + "_" * 40) == "lies_on"
    for quoted, wrong in (("x" * 80, "x" * 80), ("x" * 80 + "…", "x" * 81)):
        with pytest.raises(ValidationError) as caught:
            read(Relation, wrong)
        assert caught.value.errors()[0]["msg"].endswith(f"too long: {quoted!r}")


@pytest.mark.parametrize("signs", [">", "=", "!!!", "!none!", "_", "<unknown>", "=none", "N & A"])
def test_a_name_of_signs_alone_says_nothing(signs: str) -> None:
    for kind in (Relation, Identifier):
        with pytest.raises(ValidationError, match="must say something"):
            read(kind, signs)


# Paths, times and digests


@pytest.mark.parametrize("path", ["a.jpg", "sampled_frames/a.jpg", "../stage2/b.mp4", "切/é.jpg"])
def test_paths_are_relative_with_slashes(path: str) -> None:
    assert accepts(RelPath, path)


@pytest.mark.parametrize("path", ["", "/a", "\\a", "a\\b", "C:/a", "C:a", "a\n", "a\nb", "\n"])
def test_paths_that_another_system_reads_otherwise_are_refused(path: str) -> None:
    assert not accepts(RelPath, path)


@pytest.mark.parametrize(
    "time", ["2026-01-31T00:00:00Z", "2026-12-01T23:59:59.123456+00:00", samples.NOW]
)
def test_times_are_aware_utc(time: str) -> None:
    assert accepts(UtcTime, time)


@pytest.mark.parametrize(
    "time",
    ["2026-01-31T00:00:00", "2026-01-31 00:00:00Z", "2026-01-31T00:00:00+01:00", "yesterday",
     "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-31T24:00:00Z",
     "2026-01-31T00:60:00Z", "2026-01-31T00:00:00Z\n", "２０２６-01-31T00:00:00Z", ""],
)  # fmt: skip
def test_other_times_are_refused(time: str) -> None:
    assert not accepts(UtcTime, time)


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n"])
def test_a_digest_is_64_small_hex_digits(digest: str) -> None:
    assert accepts(Sha256, samples.DIGEST)
    assert not accepts(Sha256, digest)


# What one missing or foreign key does


@pytest.mark.parametrize("model", [DraftPlan, Localization, FrameManifest, RunSummary, CallRecord])
def test_an_unknown_key_is_an_error_at_every_depth(model: Any) -> None:
    by_model = {
        DraftPlan: samples.draft_plan(),
        Localization: samples.localization(),
        FrameManifest: samples.manifest(),
        RunSummary: samples.run_summary(),
        CallRecord: samples.call_record(),
    }
    value: Any = by_model[model]
    depth_path = ""
    while isinstance(value, dict | list):
        if isinstance(value, list):
            value, depth_path = value[0], f"{depth_path}[0]"
            continue
        if depth_path.endswith(("tool_versions", "artifacts")):
            break  # open by design: names of tools, paths of files
        value["surprise"] = 1
        with pytest.raises(SchemaError) as caught:
            parse(model, by_model[model])
        path = f"{depth_path}.surprise".removeprefix(".")
        assert f"{path}: this key is not allowed here" in caught.value.problems
        del value["surprise"]
        inner = [key for key, item in value.items() if isinstance(item, dict | list) and item]
        if not inner:
            break
        depth_path, value = f"{depth_path}.{inner[0]}", value[inner[0]]


def test_token_counts_add_up() -> None:
    one = Usage(requests=1, prompt_tokens=10, completion_tokens=3, cached_tokens=4)
    two = Usage(requests=2, prompt_tokens=200, completion_tokens=50, cached_tokens=60)
    assert one.plus(two) == Usage(
        requests=3, prompt_tokens=210, completion_tokens=53, cached_tokens=64
    )
    assert one.plus(two).total_tokens == 263
