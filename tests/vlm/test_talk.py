"""A conversation with a model, told while it is written, over a real connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from tests.vlm.helpers import KEY, pictures, run, settings_for
from tests.vlm.live_server import (
    DONE,
    STOP,
    USAGE,
    WHOLE,
    Exchange,
    LiveServer,
    Script,
    answering,
    chunk,
    in_turn,
    live_server,
    refusing,
    says,
)
from three_stage.vlm import (
    AnswerBlockedError,
    BrokenOffError,
    Delay,
    EmptyAnswerError,
    End,
    EndpointDownError,
    EndpointRefusedError,
    Piece,
    Remark,
    RequestFailedError,
    RequestRejectedError,
    RequestTooLargeError,
    Talk,
    Talker,
    TalkEvent,
    Thought,
    VlmError,
    resolve_endpoint,
)

E = TypeVar("E", bound=VlmError)
GOOD = answering(says("Yes."), WHOLE)


def talk_of(*remarks: Remark, **changes: Any) -> Talk:
    asked = remarks or (Remark("user", ("What happens?",)),)
    fields: dict[str, Any] = {"model": "test-model", "temperature": 0.2, **changes}
    return Talk(subject="conversation ab, message 7", remarks=asked, **fields)


async def heard(
    talker: Talker, talk: Talk, events: list[TalkEvent] | None = None
) -> list[TalkEvent]:
    """Return everything that is told; ``events`` has it even when it ends in an error."""
    events = [] if events is None else events
    async for event in talker.talk(talk):
        events.append(event)
    return events


def talked(
    script: Script, *talks: Talk, settings: dict[str, Any] | None = None, **options: Any
) -> tuple[list[TalkEvent], LiveServer]:
    """Ask one after the other with one Talker; returns what was told at last, and the server."""

    async def work() -> tuple[list[TalkEvent], LiveServer]:
        async with live_server(script) as server:
            chosen = settings_for(server.url, **(settings or {}))
            async with Talker(resolve_endpoint(chosen), chosen, **options) as talker:
                for talk in talks or (talk_of(),):
                    events = await heard(talker, talk)
        return events, server

    return run(work())


def fails(script: Script, kind: type[E], *talks: Talk, **options: Any) -> E:
    with pytest.raises(kind) as caught:
        talked(script, *talks, **options)
    assert KEY not in str(caught.value) + caught.value.hint
    return caught.value


def text_in(events: list[TalkEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


def test_pieces_are_told_as_they_are_written_and_the_end_comes_last() -> None:
    async def work() -> None:
        may_go_on = asyncio.Event()

        async def script(exchange: Exchange) -> None:
            await exchange.write(says("A "))
            await may_go_on.wait()
            await exchange.write(says("door.") + WHOLE)

        async with live_server(script) as server:
            settings = settings_for(server.url)
            async with Talker(resolve_endpoint(settings), settings) as talker:
                telling = talker.talk(talk_of())
                assert await anext(telling) == Piece("A ")
                may_go_on.set()
                rest = [event async for event in telling]
        assert rest[0] == Piece("door.")
        end = rest[-1]
        assert isinstance(end, End)
        assert (end.finish_reason, end.model_answered, end.notes) == ("stop", "test-model", ())
        assert end.usage is not None
        assert end.usage.completion_tokens == USAGE["completion_tokens"]

    run(work())


def test_the_request_is_the_conversation_and_what_a_program_added() -> None:
    shown = pictures(2)
    talk = talk_of(
        Remark("user", (shown, "What is it?")),
        Remark("assistant", ("A door.",)),
        Remark("assistant", ("",)),
        Remark("user", ("Which\ncolour?",)),
        Remark("system", ("You look at videos.",)),
        model="Other/Model",
        max_tokens=77,
        extra={"top_p": 0.5, "stop": ["###"], "model": "never"},
    )
    _, server = talked(GOOD, talk)
    (body,) = server.bodies
    messages = body["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    kinds = [part["type"] for part in messages[1]["content"]]
    assert kinds == ["text", "image_url", "text", "image_url", "text"]
    assert messages[1]["content"][-1]["text"] == "What is it?"
    assert messages[3]["content"] == "Which\ncolour?"
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("Other/Model", 77, 0.2)
    assert (body["top_p"], body["stop"], body["stream"]) == (0.5, ["###"], True)
    assert body["stream_options"] == {"include_usage": True}
    assert "response_format" not in body


@pytest.mark.parametrize("dialect", ["images", "video_url", "dashscope_video"])
def test_a_longer_conversation_begins_with_the_same_bytes(dialect: str) -> None:
    shown = Remark("user", (pictures(5), "What is it?"))
    more = (Remark("assistant", ("A door.",)), Remark("user", (pictures(4), "And here?")))
    settings = {"media_dialect": dialect}
    _, server = talked(GOOD, talk_of(shown), talk_of(shown, *more), settings=settings)
    first, second = (exchange.raw for exchange in server.exchanges)
    same = first[: first.index(b'],"stream":')]
    assert len(same) > 1000
    assert second.startswith(same)
    assert b"data-url-" not in second


def test_no_temperature_is_no_field_and_the_setting_bounds_the_tokens() -> None:
    _, server = talked(GOOD, talk_of(temperature=None), settings={"max_tokens": 321})
    assert "temperature" not in server.bodies[0]
    assert server.bodies[0]["max_tokens"] == 321


@pytest.mark.parametrize(
    ("pieces", "thought", "text"),
    [
        ([chunk({"reasoning_content": "hm"}), says("Yes.")], "hm", "Yes."),
        ([chunk({"reasoning": "hm"}), says("Yes.")], "hm", "Yes."),
        ([says("<thi", "nk>h", "m</th", "ink>\n\nYes.")], "hm", "Yes."),
        ([chunk({"content": [{"type": "text", "text": "Yes."}]})], "", "Yes."),
        ([says(f"The key is {KEY[:9]}", f"{KEY[9:]}!")], "", "The key is [key ...WXYZ]!"),
        ([chunk({"content": None, "role": "assistant"}), says("\ud83d", "\ude00")], "", "😀"),
    ],
)
def test_thinking_is_told_apart_and_a_text_is_put_together(
    pieces: list[bytes], thought: str, text: str
) -> None:
    events, _ = talked(answering(*pieces, WHOLE))
    assert "".join(event.text for event in events if isinstance(event, Thought)) == thought
    assert text_in(events) == text


@pytest.mark.parametrize(
    "pieces",
    [
        [says("Yes."), STOP],
        [says("Yes."), DONE],
        [says("Yes."), chunk({}, "stop", error={"message": "late"})],
        [says("Yes.").replace(b"data: ", b"data:"), b"data:[DONE]\r\r"],
        [b": wait\r\n\r\n" + says("Yes.").replace(b"\n", b"\r\n"), STOP],
        [says("Yes.").rstrip(), b"\n", chunk({}, "stop").rstrip()],
    ],
)
def test_an_end_is_an_end_however_it_is_said(pieces: list[bytes]) -> None:
    events, _ = talked(answering(*pieces))
    assert text_in(events) == "Yes."
    assert isinstance(events[-1], End)
    assert events[-1].notes == ()


def test_a_plain_answer_to_a_stream_request_is_one_piece() -> None:
    message = {"role": "assistant", "content": "<think>hm</think>Yes."}
    whole = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE}

    async def script(exchange: Exchange) -> None:
        await exchange.head(kind="application/json")
        await exchange.write(json.dumps(whole).encode())

    events, _ = talked(script)
    assert events[:2] == [Thought("hm"), Piece("Yes.")]
    assert isinstance(events[2], End)
    assert events[2].usage is not None


def test_a_model_that_only_closes_its_thinking_is_known_from_then_on() -> None:
    unopened = answering(says("hm, a door", "\n</think>\n\nA door."), WHOLE)
    plain = answering(says("A door."), WHOLE)
    once, _ = talked(unopened)
    assert text_in(once) == "hm, a door\n\nA door."
    twice, _ = talked(in_turn(unopened, unopened), talk_of(), talk_of())
    assert text_in(twice) == "A door."
    other, _ = talked(in_turn(unopened, plain), talk_of(), talk_of())
    assert text_in(other) == "A door."


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (refusing(503, "overloaded"), "busy"),
        (refusing(429, "slow down"), "busy"),
        (refusing(500, "oops"), "(500)"),
        (answering(b'data: {"error": {"message": "no slot", "code": 503}}\n\n'), "busy"),
        (answering(b"event: error\ndata: {oops\n\n"), "(502)"),
        (answering(b""), "no answer that can be read"),
        (answering(b"data: {oops\n\n"), "connection broke"),
        (answering(chunk({"role": "assistant", "content": ""})), "connection broke"),
    ],
)
def test_what_may_pass_is_asked_again_before_the_first_piece(first: Script, reason: str) -> None:
    events, server = talked(in_turn(first, first, GOOD))
    delays = [event for event in events if isinstance(event, Delay)]
    assert len(delays) == 2
    assert all(reason in delay.reason and delay.wait_sec > 0 for delay in delays)
    assert text_in(events) == "Yes."
    assert len(server.exchanges) == 3
    assert server.exchanges[0].raw == server.exchanges[2].raw


def test_the_wish_of_a_busy_endpoint_is_obeyed_up_to_the_patience() -> None:
    waits: list[float] = []

    async def sleep(duration_sec: float) -> None:
        waits.append(duration_sec)

    busy = refusing(503, "later", **{"Retry-After": "60"})
    settings = {"endpoint_patience_sec": 100.0}
    error = fails(busy, EndpointDownError, settings=settings, sleep=sleep)
    assert "wants us to wait 60 s" in str(error)
    assert len(waits) == 1
    assert waits[0] >= 60


def test_the_retries_have_an_end() -> None:
    error = fails(refusing(500, "oops"), RequestFailedError, settings={"api_call_retries": 2})
    assert error.status == 500
    assert "asked 3 times" in str(error)
    base = "http://127.0.0.1:9/v1"

    async def nobody_listens() -> None:
        settings = settings_for(base, api_call_retries=0)
        async with Talker(resolve_endpoint(settings), settings) as talker:
            await heard(talker, talk_of())

    with pytest.raises(EndpointDownError, match="connection refused"):
        run(nobody_listens())


@pytest.mark.parametrize(
    ("status", "message", "kind", "topic"),
    [
        (401, f"Incorrect API key provided: {KEY}", EndpointRefusedError, "key"),
        (402, "Insufficient credits", EndpointRefusedError, "quota"),
        (404, "The model `test-model` does not exist.", EndpointRefusedError, "model"),
        (413, "Payload too large", RequestRejectedError, "size"),
        (400, "Range of input length: context length", RequestRejectedError, "size"),
        (400, "Input data may contain inappropriate content", RequestRejectedError, "blocked"),
        (400, "bad value", RequestRejectedError, None),
    ],
)
def test_a_refusal_is_said_once_and_the_next_talk_goes_on(
    status: int, message: str, kind: type[VlmError], topic: str | None
) -> None:
    async def work() -> None:
        async with live_server(in_turn(refusing(status, message), GOOD)) as server:
            settings = settings_for(server.url)
            async with Talker(resolve_endpoint(settings), settings) as talker:
                with pytest.raises(kind) as caught:
                    await heard(talker, talk_of())
                assert text_in(await heard(talker, talk_of())) == "Yes."
        assert caught.value.hint
        assert caught.value.topic == topic
        assert KEY not in str(caught.value)
        assert "conversation ab, message 7" in str(caught.value)

    run(work())


def test_what_a_model_refuses_is_learnt_for_that_model() -> None:
    async def script(exchange: Exchange) -> None:
        body = exchange.body
        if body["model"] == "odd" and "stream_options" in body:
            await exchange.refuse(400, "Unknown field: stream_options")
        elif body["model"] == "odd" and "max_tokens" in body:
            await exchange.refuse(400, "Unsupported parameter: use 'max_completion_tokens'")
        elif body["model"] == "odd" and "temperature" in body:
            await exchange.refuse(400, "Unsupported value: 'temperature' is not supported")
        else:
            await GOOD(exchange)

    odd = talk_of(model="odd")
    events, server = talked(script, odd, odd, talk_of())
    assert len(server.exchanges) == 4 + 1 + 1
    learnt, other = server.bodies[4], server.bodies[5]
    assert "max_completion_tokens" in learnt
    assert not {"stream_options", "max_tokens", "temperature"} & learnt.keys()
    assert {"stream_options", "max_tokens", "temperature"} <= other.keys()
    assert not [event for event in events if isinstance(event, Delay)]


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([says("A door. ", "It ")], "ended before its end mark"),
        (
            [says("A door. ", "It "), b'data: {"error": {"message": "died", "code": 500}}\n\n'],
            "died",
        ),
        ([says("A door. ", "It "), b"data: {oops\n\n"], "no JSON"),
        ([says("A door. ", "It "), chunk({}, "error"), DONE], "gave up"),
    ],
)
def test_an_answer_that_breaks_off_is_never_asked_again(pieces: list[bytes], said: str) -> None:
    async def work() -> None:
        async with live_server(answering(*pieces)) as server:
            settings = settings_for(server.url)
            async with Talker(resolve_endpoint(settings), settings) as talker:
                events: list[TalkEvent] = []
                with pytest.raises(BrokenOffError, match=said) as caught:
                    await heard(talker, talk_of(), events)
        assert text_in(events) == "A door. It "
        assert caught.value.characters == len("A door. It ")
        assert caught.value.hint
        assert len(server.exchanges) == 1

    run(work())


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        # What may be the beginning of the key, of a mark, or of a split character is held back.
        ([says("half an answer ", KEY[:3])], f"half an answer {KEY[:3]}"),
        ([says("half an answer\n</th")], "half an answer\n</th"),
        ([says("half \ud83d")], "half \ufffd"),
        ([says("<think>hm</think>", "half an ", KEY[:1]), b"data: {oops\n\n"], f"half an {KEY[0]}"),
        ([says("half an", KEY[:2]), chunk({}, "error"), DONE], f"half an{KEY[:2]}"),
    ],
)
def test_the_end_of_half_an_answer_is_told(pieces: list[bytes], text: str) -> None:
    async def work() -> None:
        async with live_server(answering(*pieces)) as server:
            settings = settings_for(server.url)
            async with Talker(resolve_endpoint(settings), settings) as talker:
                events: list[TalkEvent] = []
                with pytest.raises(BrokenOffError) as caught:
                    await heard(talker, talk_of(), events)
        assert text_in(events) == text
        assert caught.value.characters == len(text)

    run(work())


def test_half_a_thought_is_no_answer() -> None:
    closes = answering(says("hm\n</think>Yes."), WHOLE)

    async def work() -> None:
        async with live_server(in_turn(closes, answering(says("hm, hm")))) as server:
            settings = settings_for(server.url)
            async with Talker(resolve_endpoint(settings), settings) as talker:
                await heard(talker, talk_of())
                events: list[TalkEvent] = []
                with pytest.raises(BrokenOffError, match="in the thinking"):
                    await heard(talker, talk_of(), events)
        assert events == [Thought("hm, hm")]

    run(work())


def test_a_reset_connection_breaks_an_answer_off() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.write(says("A door."))
        await asyncio.sleep(0.05)
        exchange.break_off()

    assert fails(script, BrokenOffError).characters == len("A door.")


def test_silence_ends_an_answer_and_time_in_all_does_not() -> None:
    async def slow(exchange: Exchange) -> None:
        for _ in range(6):
            await exchange.write(says("x"))
            await asyncio.sleep(0.08)
        await exchange.write(WHOLE)

    async def chatty(exchange: Exchange) -> None:
        await exchange.write(says("x"))
        while True:
            await exchange.write(b": wait\n\n")
            await asyncio.sleep(0.05)

    short = {"api_timeout_sec": 0.3}
    assert text_in(talked(slow, settings=short)[0]) == "xxxxxx"
    error = fails(chatty, BrokenOffError, settings=short)
    assert "0.3 s" in str(error)


@pytest.mark.parametrize(
    ("pieces", "kind", "hint"),
    [
        ([STOP, DONE], EmptyAnswerError, "another model"),
        ([says(" \n"), STOP, DONE], EmptyAnswerError, "another model"),
        ([says("<think>hm"), chunk({}, "length")], EmptyAnswerError, "--max-tokens"),
        ([chunk({"reasoning": "hm"}), STOP], EmptyAnswerError, "another model"),
        (
            [chunk({"refusal": "I "}), chunk({"refusal": "won't."}), STOP],
            AnswerBlockedError,
            "model",
        ),
        ([says("A"), chunk({}, "content_filter"), DONE], AnswerBlockedError, "model"),
    ],
)
def test_an_answer_without_an_answer_is_an_error(
    pieces: list[bytes], kind: type[VlmError], hint: str
) -> None:
    error = fails(answering(*pieces), kind)
    assert hint in error.hint


def test_a_body_over_the_limit_is_not_sent() -> None:
    talk = talk_of(Remark("user", (pictures(3), "What?")))
    error = fails(GOOD, RequestTooLargeError, talk, max_body_bytes=500)
    assert error.topic == "size"


def test_an_answer_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("three_stage.vlm.wire._MAX_REPLY_BYTES", 100_000)

    async def script(exchange: Exchange) -> None:
        await exchange.write(b"data: ")
        while True:
            await exchange.write(b"x" * 20_000)

    assert "without an end" in str(fails(script, RequestRejectedError))


async def _left_within_a_second(leave: Callable[[Talker], Any], script_begins: bytes) -> None:
    has_left = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.write(script_begins)
        await exchange.client_left()
        has_left.set()

    async with live_server(script) as server:
        settings = settings_for(server.url, concurrency=1)
        async with Talker(resolve_endpoint(settings), settings) as talker:
            await leave(talker)
            before_sec = time.monotonic()
            await asyncio.wait_for(has_left.wait(), 1)
            assert time.monotonic() - before_sec < 0.5
            # The only slot is free again.
            has_left.clear()
            await asyncio.wait_for(leave(talker), 3)


@pytest.mark.parametrize("begun", [says("A "), b": wait\n\n"])
def test_leaving_ends_the_request_at_once(begun: bytes) -> None:
    async def by_closing(talker: Talker) -> None:
        telling = talker.talk(talk_of())
        await anext(telling)
        await telling.aclose()

    async def by_cancelling(talker: Talker) -> None:
        task = asyncio.ensure_future(heard(talker, talk_of()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    if begun.startswith(b"data"):
        run(_left_within_a_second(by_closing, begun))
    run(_left_within_a_second(by_cancelling, begun))


def test_no_more_are_asked_at_once_than_allowed_and_none_while_one_waits() -> None:
    at_once, most = 0, 0

    async def script(exchange: Exchange) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        if exchange.number <= 3:
            await exchange.refuse(500, "oops")
        else:
            await exchange.write(says("Yes.") + WHOLE)

    async def work() -> None:
        async with live_server(script) as server:
            settings = settings_for(server.url, concurrency=2, api_call_retry_backoff_sec=0.05)
            async with Talker(resolve_endpoint(settings), settings) as talker:
                answers = await asyncio.gather(*(heard(talker, talk_of()) for _ in range(8)))
        assert all(text_in(events) == "Yes." for events in answers)

    run(work())
    assert most == 2


def test_a_talker_wants_to_be_entered() -> None:
    settings = settings_for("http://127.0.0.1:9/v1")
    with pytest.raises(RuntimeError, match="async with"):
        run(heard(Talker(resolve_endpoint(settings), settings), talk_of()))
