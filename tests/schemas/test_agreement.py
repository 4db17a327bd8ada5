"""pydantic and the published JSON Schemas say the same of every object, valid or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import schemas
from schemas import publish
from schemas.problems import SchemaError, parse
from tests.schemas import samples
from tests.schemas.strategies import fitting, spoiled

SCHEMAS_FOLDER = Path(str(schemas.__file__)).parent
VALIDATORS = {name: Draft202012Validator(publish.published_schema(name)) for name in publish.FILES}
SENT_OF_FILE = {
    "draft_plan": "draft_plan",
    "localization_raw": "localization",
    "step_final": "refined_step",
}
ALLOWED_WHEN_SENT = {"type", "enum", "const", "properties", "items", "required",
                     "additionalProperties"}  # fmt: skip

FEW = settings(max_examples=max(5, settings().max_examples // 10))  # whole plans are slow to draw


def pydantic_accepts(name: str, value: object) -> bool:
    try:
        parse(publish.FILES[name], value)
    except SchemaError:
        return False
    return True


def assert_same_verdict(name: str, value: object) -> None:
    by_schema = [error.message for error in VALIDATORS[name].iter_errors(value)]
    assert pydantic_accepts(name, value) is (not by_schema), (by_schema[:2], value)


@pytest.mark.parametrize("name", publish.FILES)
def test_the_samples_are_valid_both_ways(name: str) -> None:
    assert list(VALIDATORS[name].iter_errors(samples.FILES[name])) == []
    assert pydantic_accepts(name, samples.FILES[name])


@pytest.mark.parametrize("name", publish.FILES)
@FEW
@given(data=st.data())
def test_pydantic_accepts_what_the_published_schema_accepts(name: str, data: st.DataObject) -> None:
    value = data.draw(FITTING[name])
    assert VALIDATORS[name].is_valid(value)
    assert pydantic_accepts(name, value)


@pytest.mark.parametrize("name", publish.FILES)
@settings(max_examples=max(5, settings().max_examples // 2))
@given(data=st.data())
def test_a_spoiled_object_gets_the_same_verdict_from_both(name: str, data: st.DataObject) -> None:
    assert_same_verdict(name, data.draw(spoiled(samples.FILES[name])))


FITTING = {name: fitting(publish.published_schema(name)) for name in publish.FILES}


def test_the_published_documents_are_the_ones_that_the_models_make(tmp_path: Path) -> None:
    publish.write(tmp_path)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.json")}
    published = {
        path.relative_to(SCHEMAS_FOLDER): path.read_bytes().replace(b"\r\n", b"\n")
        for path in SCHEMAS_FOLDER.rglob("*.schema.json")
    }
    assert made == published, "run: python -m schemas.publish"


def test_the_files_on_disk_end_with_a_newline_and_name_themselves() -> None:
    for relpath, text in publish.documents():
        assert text.endswith("}\n")
        if relpath.startswith("json/"):
            assert json.loads(text)["$id"] == Path(relpath).name
            assert json.loads(text)["$schema"] == publish.DIALECT


@pytest.mark.parametrize("name", publish.FILES)
def test_published_schemas_are_valid_documents_of_draft_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(publish.published_schema(name))


@pytest.mark.parametrize("name", publish.SENT)
def test_sent_schemas_are_valid_documents_of_draft_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(publish.sent_schema(name))


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    yield schema
    for item in schema.get("properties", {}).values():
        yield from nodes(item)
    if "items" in schema:
        yield from nodes(schema["items"])


@pytest.mark.parametrize("name", publish.SENT)
def test_sent_schemas_hold_only_what_every_engine_understands(name: str) -> None:
    for node in nodes(publish.sent_schema(name)):
        assert set(node) <= ALLOWED_WHEN_SENT
        assert "type" in node
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])
        if node["type"] == "array":
            assert "items" in node


@pytest.mark.parametrize(("file", "sent"), SENT_OF_FILE.items())
def test_sent_schemas_ask_for_the_keys_of_the_file_in_its_order(file: str, sent: str) -> None:
    assert publish.FILES[file] is publish.SENT[sent]
    model = publish.SENT[sent]
    assert list(publish.sent_schema(sent)["properties"]) == list(model.model_fields)


@pytest.mark.parametrize(("file", "sent"), SENT_OF_FILE.items())
@FEW
@given(data=st.data())
def test_what_is_valid_as_a_file_is_valid_as_it_was_asked_for(
    file: str, sent: str, data: st.DataObject
) -> None:
    Draft202012Validator(publish.sent_schema(sent)).validate(data.draw(FITTING[file]))


@pytest.mark.parametrize(("file", "sent"), SENT_OF_FILE.items())
def test_a_sent_schema_refuses_a_missing_and_a_foreign_key(file: str, sent: str) -> None:
    validator = Draft202012Validator(publish.sent_schema(sent))
    value = dict(samples.FILES[file])
    assert not validator.is_valid({**value, "comment": "hello"})
    value.popitem()
    assert not validator.is_valid(value)
