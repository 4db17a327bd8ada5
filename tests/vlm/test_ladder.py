"""json_schema → json_object → prompt, over HTTP, by what the server refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from loguru import logger

from tests.support.scripted_server import Received, Say, ScriptedServer, Status, Step
from tests.vlm.helpers import (
    SCHEMA,
    MemoryJournal,
    ask_all,
    ask_one,
    question,
    run,
    settings_for,
)
from three_stage.vlm import EndpointDownError, NoValidAnswerError, RequestRejectedError

GOOD = Say('{"a": 1}')


def mode_of(body: dict[str, Any]) -> str:
    return str(body.get("response_format", {"type": "prompt"})["type"])


def refuses(*modes: str, status: int = 400) -> Any:
    """A server that does not know these response formats."""

    def script(received: Received) -> Step:
        mode = mode_of(received.body)
        if mode not in modes:
            return GOOD
        return Status(status, {"error": {"message": f"response_format type {mode} is unsupported"}})

    return script


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("refused", "tried"),
    [
        ((), ["json_schema"]),
        (("json_schema",), ["json_schema", "json_object"]),
        (("json_object",), ["json_schema"]),
        (("json_schema", "json_object"), ["json_schema", "json_object", "prompt"]),
    ],
)
def test_what_is_refused_is_not_sent_again_and_what_works_is_remembered(
    refused: tuple[str, ...], tried: list[str], status: int
) -> None:
    journal = MemoryJournal()
    with ScriptedServer(refuses(*refused, status=status)) as server:
        asked = [question(f"video {number}") for number in range(4)]
        answers = run(ask_all(settings_for(server.base_url), asked, journal))
    assert not any(isinstance(answer, BaseException) for answer in answers)
    assert [mode_of(body) for body in server.bodies] == tried + [tried[-1]] * 3
    written = [record for record in journal.records if record.event == "answer"]
    assert {record.structured_mode for record in written} == {tried[-1]}
    assert {record.attempt for record in written} == {1}


@pytest.mark.parametrize(
    "words",
    [
        {"error": {"message": "guided_json is not enabled on this server"}},
        {"error": "Structured outputs are not supported by this model"},
        {"message": "The provided JSON schema contains features not supported by xgrammar."},
        {"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be 'text'"}]},
        "Failed to compile grammar",
    ],
)
def test_many_ways_to_refuse_a_schema_are_understood(words: Any) -> None:
    with ScriptedServer([Status(400, words), GOOD]) as server:
        ask_one(settings_for(server.base_url))
    assert [mode_of(body) for body in server.bodies] == ["json_schema", "json_object"]


def test_a_5xx_never_decides_even_if_it_speaks_of_the_schema() -> None:
    trouble = Status(500, {"error": {"message": "xgrammar crashed on the json_schema"}})
    with ScriptedServer([trouble, trouble, GOOD]) as server:
        ask_one(settings_for(server.base_url))
    assert [mode_of(body) for body in server.bodies] == ["json_schema"] * 3


def test_a_5xx_between_does_not_undo_what_was_learnt() -> None:
    with ScriptedServer([Status(400, "no response_format"), Status(503, "busy"), GOOD]) as server:
        ask_one(settings_for(server.base_url))
    modes = [mode_of(body) for body in server.bodies]
    assert modes == ["json_schema", "json_object", "json_object"]


def test_an_endpoint_that_refuses_everything_teaches_nothing_about_schemas() -> None:
    # A server that repeats the whole request in each refusal mentions response_format every time.
    echo = Status(400, {"error": {"message": "bad content; your response_format was json_schema"}})
    script = [echo, echo, echo, GOOD]
    with ScriptedServer(script) as server:
        asked = [question("bad"), question("good")]
        bad, good = run(
            ask_all(settings_for(server.base_url, concurrency=1), asked, MemoryJournal())
        )
    assert isinstance(bad, RequestRejectedError)
    assert not isinstance(good, BaseException)
    assert mode_of(server.bodies[3]) == "json_schema"


def test_a_schema_that_is_refused_after_others_worked_is_the_only_one_that_steps_down() -> None:
    def script(received: Received) -> Step:
        response_format = received.body["response_format"]
        is_hard = response_format.get("json_schema", {}).get("name") == "hard"
        return Status(400, "cannot compile this json_schema") if is_hard else GOOD

    easy, hard = question("easy"), question("hard", schema_name="hard")
    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, concurrency=1)
        asked = [easy, hard, replace(hard, ask_key="1" * 64), replace(easy, ask_key="2" * 64)]
        run(ask_all(settings, asked, MemoryJournal()))
    modes = [mode_of(body) for body in server.bodies]
    assert modes == ["json_schema", "json_schema", "json_object", "json_object", "json_schema"]


@pytest.mark.parametrize("mode", ["json_schema", "json_object", "prompt"])
def test_a_pinned_mode_is_the_only_one_that_is_sent(mode: str) -> None:
    with ScriptedServer(refuses()) as server:
        ask_one(settings_for(server.base_url, structured_mode=mode))
    assert [mode_of(body) for body in server.bodies] == [mode]


def test_a_pinned_mode_that_is_refused_says_what_to_do() -> None:
    with (
        ScriptedServer(refuses("json_schema")) as server,
        pytest.raises(RequestRejectedError, match="--structured-mode auto"),
    ):
        ask_one(settings_for(server.base_url, structured_mode="json_schema"))
    assert len(server.requests) == 1


def test_a_pinned_mode_that_is_refused_fails_each_question_with_one_request() -> None:
    asked = [question("one"), question("two")]
    with ScriptedServer(refuses("json_object")) as server:
        settings = settings_for(server.base_url, structured_mode="json_object")
        answers = run(ask_all(settings, asked, MemoryJournal()))
    assert all(isinstance(answer, RequestRejectedError) for answer in answers)
    assert len(server.requests) == 2


def test_a_schema_that_was_taken_and_ignored_is_shown_in_the_text_from_then_on() -> None:
    with ScriptedServer([Say("Two pictures."), GOOD]) as server:
        ask_one(settings_for(server.base_url))
    first, second = (received.texts for received in server.requests)
    assert not any("JSON Schema" in text for text in first)
    assert any("JSON Schema" in text and str(SCHEMA["type"]) in text for text in second)
    assert mode_of(server.bodies[1]) == "json_schema"


ENDLESS = Say("{" + "\n\t " * 1000, finish_reason="length")


def test_an_answer_that_does_not_end_is_asked_for_in_another_mode_with_no_more_room() -> None:
    script = [GOOD, ENDLESS, ENDLESS, GOOD]
    with ScriptedServer(script) as server:
        asked = [question("one"), question("two")]
        settings = settings_for(server.base_url, concurrency=1)
        answers = run(ask_all(settings, asked, MemoryJournal()))
    assert not any(isinstance(answer, BaseException) for answer in answers)
    modes = [mode_of(body) for body in server.bodies]
    assert modes == ["json_schema", "json_schema", "json_object", "prompt"]
    assert len({body["max_tokens"] for body in server.bodies}) == 1


def test_an_answer_that_never_ends_says_so_and_a_pinned_mode_stays() -> None:
    with ScriptedServer([ENDLESS] * 3) as server:
        settings = settings_for(server.base_url, structured_mode="json_schema")
        with pytest.raises(NoValidAnswerError, match="goes on with white space") as caught:
            ask_one(settings)
    assert "--structured-mode" in caught.value.hint
    assert {mode_of(body) for body in server.bodies} == {"json_schema"}


def test_a_model_that_wants_another_name_for_the_token_budget_gets_it() -> None:
    refusal = Status(
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                "param": "max_tokens",
            }
        },
    )
    with ScriptedServer([refusal, GOOD, GOOD]) as server:
        asked = [question("one"), question("two")]
        run(ask_all(settings_for(server.base_url), asked, MemoryJournal()))
    assert [("max_tokens" in body, "max_completion_tokens" in body) for body in server.bodies] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_a_model_without_a_temperature_is_asked_without_one() -> None:
    refusal = Status(
        400,
        {"error": {"message": "Unsupported value: 'temperature' does not support 0.2 here."}},
    )
    with ScriptedServer([refusal, GOOD]) as server:
        ask_one(settings_for(server.base_url))
    assert ["temperature" in body for body in server.bodies] == [True, False]


def test_a_context_that_is_too_long_is_no_reason_to_rename_the_token_budget() -> None:
    words = (
        "'max_tokens' or 'max_completion_tokens' is too large: 16384. This model's maximum context "
        "length is 8192 tokens and your request has 500 input tokens."
    )
    with (
        ScriptedServer([Status(400, {"error": {"message": words}})]) as server,
        pytest.raises(RequestRejectedError, match="--max-model-len"),
    ):
        ask_one(settings_for(server.base_url))
    assert len(server.requests) == 1


def test_what_was_learnt_is_logged_once() -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="INFO", format="{message}")
    try:
        with ScriptedServer(refuses("json_schema")) as server:
            asked = [question(f"video {number}") for number in range(3)]
            run(ask_all(settings_for(server.base_url), asked, MemoryJournal()))
    finally:
        logger.remove(sink)
    assert [line for line in lines if "json_schema" in line] == [
        "The endpoint refuses json_schema; this run goes on without.\n"
    ]


def test_only_5xx_for_long_ends_the_run_and_not_the_ladder() -> None:
    trouble = Status(500, "response_format json_schema: internal error")
    with ScriptedServer(lambda _received: trouble) as server, pytest.raises(EndpointDownError):
        ask_one(settings_for(server.base_url, endpoint_patience_sec=0.3))
    assert {mode_of(body) for body in server.bodies} == {"json_schema"}
