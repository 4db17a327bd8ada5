"""Every schema that is sent, in engines that servers use: what may be written, and what may not."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.publish import SENT, sent_schema
from tests.schemas.engine_texts import EXAMPLES, as_written, cut_texts, spoilt_texts, written
from tests.schemas.engines import (
    Engine,
    EngineRefusesError,
    Grammar,
    Llguidance,
    OutlinesCore,
    Walk,
    version_of,
)
from tests.schemas.strategies import fitting

pytestmark = pytest.mark.slow  # waits, or many answers; CI runs it

ENGINES: dict[str, Engine] = {engine.package: engine for engine in (Llguidance(), OutlinesCore())}
FITTING = {name: fitting(model.model_json_schema()) for name, model in SENT.items()}
EACH = pytest.mark.parametrize("package", ENGINES)
EVERY = pytest.mark.parametrize("name", SENT)


@cache
def grammar(package: str, name: str) -> Grammar:
    """Compile a sent schema, once for all tests."""
    engine = ENGINES[package]
    if version_of(engine) is None:
        pytest.skip(f"no {package} for this system")
    return engine.compile(sent_schema(name))


@EACH
@EVERY
def test_a_real_answer_can_be_written_and_ends_there(package: str, name: str) -> None:
    text = written(EXAMPLES[name])
    assert grammar(package, name)(text) == Walk(len(text), can_end=True)


@EACH
@EVERY
@settings(max_examples=8)
@given(data=st.data())
def test_every_valid_answer_can_be_written(package: str, name: str, data: st.DataObject) -> None:
    value = as_written(data.draw(FITTING[name]), sent_schema(name), package)
    text = written(value)
    assert grammar(package, name)(text) == Walk(len(text), can_end=True)


@EACH
@EVERY
def test_a_spoilt_answer_is_refused_at_the_very_place(package: str, name: str) -> None:
    walk = grammar(package, name)
    spoilt = list(spoilt_texts(EXAMPLES[name]))
    assert len(spoilt) > 25
    assert [one.what for one in spoilt if walk(one.text).taken != one.right_bytes] == []


@EACH
@EVERY
def test_no_answer_ends_before_its_end(package: str, name: str) -> None:
    walk = grammar(package, name)
    for text in cut_texts(EXAMPLES[name], every_bytes=97):
        assert walk(text) == Walk(len(text), can_end=False), text


@EACH
def test_white_space_that_a_model_may_leave_out(package: str) -> None:
    text = json.dumps(EXAMPLES["localization"], separators=(",", ":")).encode()
    assert grammar(package, "localization")(text) == Walk(len(text), can_end=True)


@EACH
def test_a_schema_of_enum_and_const_would_be_understood_too(package: str) -> None:
    engine = ENGINES[package]
    if version_of(engine) is None:
        pytest.skip(f"no {package} for this system")
    schema = {
        "type": "object",
        "properties": {
            "way": {"type": "string", "enum": ["up", "down"]},
            "kind": {"type": "string", "const": "lift"},
        },
        "required": ["way", "kind"],
        "additionalProperties": False,
    }
    walk = engine.compile(schema)
    sound = written({"way": "up", "kind": "lift"})
    assert walk(sound) == Walk(len(sound), can_end=True)
    assert walk(written({"way": "left", "kind": "lift"})).taken == len('{"way": "')


@EACH
def test_what_an_engine_does_not_compile_is_an_error_of_this_harness(package: str) -> None:
    engine = ENGINES[package]
    if version_of(engine) is None:
        pytest.skip(f"no {package} for this system")
    with pytest.raises(EngineRefusesError):
        engine.compile({"$ref": "https://elsewhere.example/schema.json"})
