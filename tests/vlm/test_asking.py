"""From a question to a checked answer: attempts, the journal, replay, keys."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from dataclasses import replace
from typing import Any

import pytest
from loguru import logger

from schemas.files import CallRecord
from tests.support.scripted_server import Hang, Raw, Received, Say, ScriptedServer, Step
from tests.vlm.helpers import (
    MemoryJournal,
    Watcher,
    ask_all,
    ask_one,
    exactly_an_integer,
    pictures,
    question,
    run,
    settings_for,
)
from three_stage.settings import EndpointSettings
from three_stage.vlm import (
    Answer,
    AnswerBlockedError,
    Asker,
    Budget,
    NoValidAnswerError,
    Price,
    RequestFinished,
    RequestStarted,
    resolve_endpoint,
)

GOOD = Say('{"a": 1}')


def test_a_valid_answer_takes_one_request_and_says_everything_about_it() -> None:
    journal, watcher = MemoryJournal(), Watcher()
    usage = {
        "prompt_tokens": 70,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    with ScriptedServer([Say('{"a": 1}', usage=usage, model="served-name")]) as server:
        answer = ask_one(settings_for(server.base_url), question(), journal, observer=watcher)
    assert (answer.value, answer.raw, answer.attempts) == (1, '{"a": 1}', 1)
    assert (answer.replayed, answer.notes, answer.cost) == (False, (), None)
    assert answer.model_answered == "served-name"
    assert answer.usage.model_dump() == {
        "requests": 1, "prompt_tokens": 70, "completion_tokens": 7, "cached_tokens": 64,
    }  # fmt: skip
    assert len(server.requests) == 1
    written, verdict = journal.records
    assert answer.records == (written, verdict)
    assert written.event == "answer"
    assert (written.raw_answer, written.finish_reason) == ('{"a": 1}', "stop")
    assert (written.model_asked, written.model_answered) == ("test-model", "served-name")
    assert (written.video_id, written.stage, written.step_id) == ("video", "stage1", None)
    assert written.structured_mode == "json_schema"
    assert written.request_bytes == len(server.requests[0].raw)
    assert written.request_id == "chatcmpl-1"
    assert written.started_at_utc <= written.ended_at_utc
    assert (verdict.event, verdict.call_id, verdict.errors) == ("verdict", written.call_id, ())
    (started,), (finished,) = watcher.of(RequestStarted), watcher.of(RequestFinished)
    assert started.call_id == finished.call_id == written.call_id
    assert finished.usage == answer.usage


def test_an_answer_is_in_the_journal_before_the_check_sees_it() -> None:
    journal = MemoryJournal()
    seen: list[list[str]] = []

    def check(value: object) -> int:
        seen.append(journal.events)
        return exactly_an_integer(value)

    with ScriptedServer([GOOD]) as server:
        ask_one(settings_for(server.base_url), replace(question(), check=check), journal)
    assert seen == [["answer"]]


def test_an_answer_whose_check_crashes_was_not_paid_for_in_vain() -> None:
    journal = MemoryJournal()

    def crash(_value: object) -> int:
        raise MemoryError

    with ScriptedServer([GOOD]) as server:
        settings = settings_for(server.base_url)
        with pytest.raises(MemoryError):
            ask_one(settings, replace(question(), check=crash), journal)
        answer = ask_one(settings, question(), journal)
    assert answer.replayed
    assert len(server.requests) == 1


def test_an_answer_that_cannot_be_written_is_not_used() -> None:
    def full_disk(_record: CallRecord) -> None:
        raise OSError("no space left on device")

    checked: list[object] = []

    def check(value: object) -> int:
        checked.append(value)
        return exactly_an_integer(value)

    with ScriptedServer([GOOD]) as server, pytest.raises(OSError, match="no space"):
        ask_one(
            settings_for(server.base_url),
            replace(question(), check=check),
            MemoryJournal(full_disk),
        )
    assert not checked


def test_an_ask_cancelled_while_its_answer_is_being_written_does_not_lose_it() -> None:
    async def scenario(settings: EndpointSettings) -> MemoryJournal:
        loop = asyncio.get_running_loop()
        asking: asyncio.Task[Any] | None = None

        def cancel_first(record: CallRecord) -> None:
            if record.event == "answer" and asking is not None:
                loop.call_soon_threadsafe(asking.cancel)
                slow.wait(0.1)

        slow = threading.Event()
        journal = MemoryJournal(cancel_first)
        async with Asker(resolve_endpoint(settings), settings, Budget()) as asker:
            asking = asyncio.ensure_future(asker.ask(question(), journal))
            with pytest.raises(asyncio.CancelledError):
                await asking
        return journal

    with ScriptedServer([GOOD]) as server:
        journal = run(scenario(settings_for(server.base_url)))
        assert journal.events == ["answer"]
        assert ask_one(settings_for(server.base_url), question(), journal).replayed
    assert len(server.requests) == 1


def test_a_stored_answer_makes_no_request() -> None:
    journal = MemoryJournal()
    with ScriptedServer([Say('{"a": "no"}'), GOOD]) as server:
        settings = settings_for(server.base_url)
        fresh = ask_one(settings, question(), journal)
        again = ask_one(settings, question(), journal)
    assert len(server.requests) == 2
    assert again.replayed
    assert not fresh.replayed
    assert (again.value, again.raw, again.attempts) == (fresh.value, fresh.raw, fresh.attempts)
    assert again.records == (journal.records[2],)
    assert again.key == fresh.key


def test_another_ask_key_is_asked_for_itself() -> None:
    journal = MemoryJournal()
    with ScriptedServer([GOOD, Say('{"a": 2}')]) as server:
        settings = settings_for(server.base_url)
        ask_one(settings, question("one"), journal)
        assert ask_one(settings, question("two"), journal).value == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "stored",
    [
        Say('{"a": "invalid"}'),
        Say("prose"),
        Say('{"a": 1}', finish_reason="length"),
        Say('{"a": 1}', finish_reason="content_filter"),
    ],
)
def test_stored_answers_that_are_invalid_cut_or_filtered_are_not_replayed(stored: Say) -> None:
    journal = MemoryJournal()
    with ScriptedServer([stored, Say('{"a": 5}')]) as server:
        settings = settings_for(server.base_url)
        with pytest.raises((NoValidAnswerError, AnswerBlockedError)):
            ask_one(settings, question(max_attempts=1), journal)
        answer = ask_one(settings, question(), journal)
    assert (answer.value, answer.replayed) == (5, False)
    # A new ask starts with the plain question, not with the old invalid answer.
    assert len(server.bodies[1]["messages"]) == 2


def test_attempts_are_used_up_exactly_and_the_last_errors_are_said() -> None:
    journal = MemoryJournal()
    script = [Say("first prose"), Say('{"a": "second"}'), Say('{"a": 1.0}'), GOOD]
    with ScriptedServer(script) as server, pytest.raises(NoValidAnswerError) as caught:
        ask_one(settings_for(server.base_url), question("my video"), journal)
    assert len(server.requests) == 3
    assert caught.value.errors == ("a: 1.0 is no integer",)
    assert caught.value.attempts == 3
    assert "my video stage1: no valid answer in 3 attempts" in str(caught.value)
    assert journal.events == ["answer", "verdict"] * 3
    assert [record.attempt for record in journal.records] == [1, 1, 2, 2, 3, 3]
    verdicts = [record.errors for record in journal.records if record.event == "verdict"]
    assert verdicts[0] == ("The answer holds no JSON object.",)


def test_usage_and_cost_are_of_every_attempt() -> None:
    price = Price(input_per_million=10.0, output_per_million=100.0, currency="USD")
    budget = Budget(price=price)
    with ScriptedServer([Say("no"), GOOD]) as server:
        answer = ask_one(settings_for(server.base_url), question(), budget=budget)
    assert answer.usage.total_tokens == 240
    assert answer.usage.requests == 2
    assert answer.cost == pytest.approx((200 * 10 + 40 * 100) / 1e6)
    assert budget.spent == answer.usage
    assert budget.spent_cost == pytest.approx(answer.cost)


def test_a_repaired_answer_is_noted_in_the_answer_and_in_the_verdict() -> None:
    journal = MemoryJournal()
    with ScriptedServer([Say("Sure: {'a': 1} there.")]) as server:
        answer = ask_one(settings_for(server.base_url), question(), journal)
    assert "repaired by json-repair" in answer.notes
    assert "repaired by json-repair" in journal.records[1].notes


def test_a_null_content_with_reasoning_is_read_and_noted() -> None:
    journal = MemoryJournal()
    with ScriptedServer([Say(None, reasoning='I think: {"a": 4}')]) as server:
        answer = ask_one(settings_for(server.base_url), question(), journal)
    assert answer.value == 4
    assert any("reasoning" in note for note in answer.notes)
    assert journal.records[0].raw_answer == 'I think: {"a": 4}'


@pytest.mark.parametrize("nothing", [Say(None), Say(""), Say("x", has_choices=False)])
def test_an_answer_without_text_costs_an_attempt_and_the_question_is_put_again(
    nothing: Say,
) -> None:
    journal = MemoryJournal()
    with ScriptedServer([nothing, GOOD]) as server:
        answer = ask_one(settings_for(server.base_url), question(), journal)
    assert (answer.value, answer.attempts) == (1, 2)
    assert server.bodies[0]["messages"] == server.bodies[1]["messages"]
    assert journal.events == ["failure", "answer", "verdict"]
    assert journal.records[0].usage.prompt_tokens == 100


def test_a_content_that_is_a_list_of_parts_is_read() -> None:
    message = {"content": [{"type": "text", "text": '{"a":'}, {"type": "text", "text": " 3}"}]}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    with ScriptedServer([Raw(body)]) as server:
        assert ask_one(settings_for(server.base_url)).value == 3


@pytest.mark.parametrize(
    ("blocked", "said"),
    [
        (Say('{"a": 1}', finish_reason="content_filter"), "content filter"),
        (Say(None, finish_reason="content_filter"), "content filter"),
        (Say(None, refusal="I will not look at this."), "I will not look at this"),
    ],
)
def test_a_refusal_or_a_filter_has_its_own_error_and_is_not_asked_again(
    blocked: Say, said: str
) -> None:
    with ScriptedServer([blocked, GOOD]) as server, pytest.raises(AnswerBlockedError, match=said):
        ask_one(settings_for(server.base_url))
    assert len(server.requests) == 1


def test_a_cut_answer_asks_for_a_shorter_one_then_allows_twice_the_tokens_once() -> None:
    cut = Say('{"a": 1' + "\n" * 900, finish_reason="length")
    with ScriptedServer([cut] * 5) as server, pytest.raises(NoValidAnswerError) as caught:
        ask_one(settings_for(server.base_url, max_tokens=50), question(max_attempts=5))
    assert [body["max_tokens"] for body in server.bodies] == [50, 50, 100, 100, 100]
    assert "--max-tokens" in caught.value.hint
    assert "100 tokens allowed" in caught.value.errors[0]
    reask = server.bodies[1]["messages"]
    assert "shorter" in reask[3]["content"]
    assert len(reask[2]["content"]) < 100


def test_a_cut_answer_that_looks_whole_is_not_taken() -> None:
    cut = Say('{"a": 1}', finish_reason="length")
    with ScriptedServer([cut, Say('{"a": 2}')]) as server:
        assert ask_one(settings_for(server.base_url)).value == 2


def test_other_names_for_a_cut_answer_count_too() -> None:
    with ScriptedServer([Say('{"a": 1}', finish_reason="MAX_TOKENS"), GOOD]) as server:
        answer = ask_one(settings_for(server.base_url))
    assert answer.attempts == 2


def test_unknown_usage_is_estimated_and_noted() -> None:
    budget = Budget()
    with ScriptedServer([Say('{"a": 1}', usage=None)]) as server:
        asked = question(pictures=pictures(2, width_px=64, height_px=64))
        answer = ask_one(settings_for(server.base_url), asked, budget=budget)
    assert answer.usage.prompt_tokens > 2 * 4
    assert answer.usage.completion_tokens == 3
    assert any("estimated" in note for note in answer.notes)
    assert budget.spent == answer.usage


def test_a_server_that_drops_pictures_is_noticed_by_its_own_figures() -> None:
    said = Say('{"a": 1}', usage={"prompt_tokens": 117, "completion_tokens": 5})
    shown = pictures(12, width_px=512, height_px=288)
    asked = [question(name, pictures=shown) for name in ("one", "two")]
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="WARNING")
    try:
        with ScriptedServer([said, said]) as server:
            answers = run(ask_all(settings_for(server.base_url), asked, MemoryJournal()))
    finally:
        logger.remove(sink)
    for answer in answers:
        assert isinstance(answer, Answer)
        assert "117 prompt tokens with 12 pictures" in answer.notes[0]
    (warning,) = [line for line in lines if "may drop them" in line]
    assert "pipeline.py doctor" in warning


@pytest.mark.parametrize("odd", [{"prompt_tokens": "many"}, {"prompt_tokens": -1}, {}])
def test_strange_usage_counts_as_unknown(odd: dict[str, Any]) -> None:
    with ScriptedServer([Say('{"a": 1}', usage=odd)]) as server:
        answer = ask_one(settings_for(server.base_url))
    assert any("estimated" in note for note in answer.notes)


def test_answers_that_arrive_in_any_order_stay_with_their_questions() -> None:
    order = random.Random(7)
    names = [f"video {number}" for number in range(20)]

    def script(received: Received) -> Step:
        number = int(received.texts[-1].split()[-1])
        return Say(json.dumps({"a": number}), delay_sec=order.random() * 0.1)

    journal = MemoryJournal()
    with ScriptedServer(script) as server:
        asked = [question(name, user=f"This is {name}") for name in names]
        answers = run(ask_all(settings_for(server.base_url), asked, journal))
    for name, answer in zip(names, answers, strict=True):
        assert not isinstance(answer, BaseException)
        assert answer.key.video_id == name
        assert answer.value == int(name.split()[-1])
    for record in journal.records:
        if record.event == "answer":
            assert record.raw_answer == json.dumps({"a": int(record.video_id.split()[-1])})


def test_an_unvalidated_half_character_neither_stops_the_journal_nor_the_answer() -> None:
    journal = MemoryJournal()
    asked = question(check=lambda value: value)
    with ScriptedServer([Say('{"a": "x\ud83dy \\ud83d"}')]) as server:
        answer = ask_one(settings_for(server.base_url), asked, journal)
    assert answer.value == {"a": "x�y �"}
    assert journal.records[0].raw_answer is not None


def test_a_cancelled_ask_frees_its_slot() -> None:
    async def scenario(settings: EndpointSettings) -> Any:
        journal = MemoryJournal()
        async with Asker(resolve_endpoint(settings), settings, Budget()) as asker:
            hanging = asyncio.ensure_future(asker.ask(question("hangs"), journal))
            await asyncio.sleep(0.2)
            waiting = asyncio.ensure_future(asker.ask(question("waits"), journal))
            await asyncio.sleep(0.05)
            hanging.cancel()
            return await waiting

    with ScriptedServer([Hang(), GOOD]) as server:
        answer = run(scenario(settings_for(server.base_url, concurrency=1)))
    assert answer.value == 1
    assert len(server.requests) == 2


def test_an_asker_outside_its_context_says_so() -> None:
    settings = settings_for("http://127.0.0.1:1/v1")
    asker = Asker(resolve_endpoint(settings), settings, Budget())
    with pytest.raises(RuntimeError, match="async with"):
        run(asker.ask(question(), MemoryJournal()))
