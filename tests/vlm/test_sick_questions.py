"""One question that the endpoint cannot digest, or somebody before it refuses, costs itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scripted_server import Hang, Received, Say, ScriptedServer, Status, Step
from tests.vlm.helpers import MemoryJournal, ask_all, ask_one, question, run, settings_for
from three_stage.vlm import (
    Answer,
    Budget,
    EndpointDownError,
    EndpointRefusedError,
    RequestFailedError,
    RequestRejectedError,
)

GOOD = Say('{"a": 1}', delay_sec=0.01)
PAGE = Status(
    403, "<html><head><title>Request blocked</title></head></html>", content_type="text/html"
)

pytestmark = pytest.mark.slow  # waits, or many answers; CI runs it


def is_probe(received: Received) -> bool:
    return len(received.body["messages"]) == 1


def outcomes(script: Any, names: list[str], **changes: Any) -> tuple[list[Any], ScriptedServer]:
    asked = [question(name, user=name) for name in names]
    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, concurrency=1, **changes)
        return run(ask_all(settings, asked, MemoryJournal())), server


def sick(received: Received, *, when_probed: Step) -> Step:
    if is_probe(received):
        return when_probed
    return Status(500, "cannot decode image 3") if received.texts[-1] == "sick" else GOOD


def test_the_last_sick_question_fails_alone_and_the_run_does_not_end() -> None:
    budget = Budget()
    asked = [question(name, user=name) for name in ("well", "sick")]
    with ScriptedServer(lambda received: sick(received, when_probed=GOOD)) as server:
        settings = settings_for(server.base_url, concurrency=1, endpoint_patience_sec=0.3)
        journal = MemoryJournal()
        answers = run(ask_all(settings, asked, journal, budget=budget))
    assert isinstance(answers[0], Answer)
    assert isinstance(answers[1], RequestFailedError)
    assert "while others passed" in str(answers[1])
    assert "cannot decode image 3" in str(answers[1])
    assert sum(map(is_probe, server.requests)) == 1
    # The probe stands in no journal.
    calls = [record for record in journal.records if record.event != "verdict"]
    assert len(calls) == len(server.requests) - 1
    assert budget.spent.requests == len(server.requests)


def test_the_last_question_is_no_reason_to_blame_it_when_the_endpoint_is_down() -> None:
    answers, server = outcomes(
        lambda received: sick(received, when_probed=Status(500, "down")),
        ["well", "sick"], endpoint_patience_sec=0.3,
    )  # fmt: skip
    assert isinstance(answers[1], EndpointDownError)
    assert sum(map(is_probe, server.requests)) == 1


def test_nothing_is_probed_when_several_videos_fail() -> None:
    def script(received: Received) -> Step:
        return GOOD if received.number == 1 else Status(500, "down")

    answers, server = outcomes(script, ["one", "two", "three"], endpoint_patience_sec=0.4)
    assert [type(answer) for answer in answers[1:]] == [EndpointDownError] * 2
    assert not any(map(is_probe, server.requests))


def blocked(*names: str) -> Any:
    return lambda received: PAGE if received.texts[-1] in names else GOOD


def test_a_page_that_refuses_one_request_of_a_proven_endpoint_costs_its_question() -> None:
    answers, server = outcomes(blocked("bad"), ["one", "bad", "two", "three"])
    assert isinstance(answers[1], RequestRejectedError)
    assert all(isinstance(answers[place], Answer) for place in (0, 2, 3))
    assert len(server.requests) == 4


def test_a_second_question_refused_in_a_row_ends_the_run() -> None:
    answers, server = outcomes(blocked("bad", "worse"), ["one", "bad", "worse", "two"])
    assert isinstance(answers[1], RequestRejectedError)
    assert [type(answer) for answer in answers[2:]] == [EndpointRefusedError] * 2
    assert len(server.requests) == 3


def test_an_answer_between_two_refusals_starts_anew() -> None:
    answers, _server = outcomes(blocked("bad", "worse"), ["one", "bad", "two", "worse", "three"])
    kinds = [isinstance(answer, Answer) for answer in answers]
    assert kinds == [True, False, True, False, True]


def test_a_page_at_first_sight_ends_the_run() -> None:
    answers, server = outcomes(lambda _received: PAGE, ["one", "two"])
    assert [type(answer) for answer in answers] == [EndpointRefusedError] * 2
    assert len(server.requests) == 1


def test_a_time_limit_cut_by_the_patience_is_no_reason_to_raise_the_limit() -> None:
    with (
        ScriptedServer(lambda _received: Hang()) as server,
        pytest.raises(EndpointDownError) as caught,
    ):
        ask_one(
            settings_for(
                server.base_url, api_timeout_sec=1.3, endpoint_patience_sec=0.9, api_call_retries=0
            )
        )
    assert "within 1 s" in str(caught.value)
    assert "--api-timeout-sec" not in str(caught.value)
