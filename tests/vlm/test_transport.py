"""What goes wrong on the way: how often it is tried again, when, and when the run ends."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import threading
import time
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from loguru import logger

from tests.support.scripted_server import (
    CutBody,
    Hang,
    Raw,
    Received,
    Reset,
    Say,
    ScriptedServer,
    Status,
    Step,
)
from tests.vlm.helpers import (
    MemoryJournal,
    Watcher,
    ask_all,
    ask_one,
    pictures,
    question,
    run,
    settings_for,
)
from three_stage.settings import EndpointSettings
from three_stage.vlm import (
    Asker,
    Budget,
    EndpointDownError,
    EndpointRefusedError,
    Picture,
    Question,
    RequestFailed,
    RequestFailedError,
    RequestRejectedError,
    RunPaused,
    RunResumed,
    VlmError,
    resolve_endpoint,
)

GOOD = Say('{"a": 1}')
PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@pytest.mark.parametrize(
    "fault",
    [
        Status(408, "slow"),
        Status(409, "conflict"),
        Status(429, "later"),
        Status(500, "oops"),
        Status(502, PAGE, content_type="text/html"),
        Status(503, {"error": {"message": "overloaded"}}),
        Status(529, "overloaded"),
        Reset("before"),
        Reset("after"),
        Reset("middle"),
        CutBody(),
        Hang(),
        Hang(drip_sec=0.05),
        Raw(b'{"choices": [{"mess'),
        Raw(b"[]"),
        Raw(b'{"object": "list"}'),
        Raw(b'{"error": {"code": 502, "message": "Provider returned error"}}'),
        Raw(b'{"choices": [{"error": {"code": 503, "message": "overloaded"}}]}'),
    ],
)
def test_what_may_pass_is_sent_again_once_a_fault(fault: Step) -> None:
    journal = MemoryJournal()
    with ScriptedServer([fault, fault, GOOD]) as server:
        settings = settings_for(server.base_url, api_timeout_sec=0.25)
        answer = ask_one(settings, question(), journal)
    assert len(server.requests) == 3
    assert (answer.attempts, answer.usage.requests) == (1, 3)
    assert journal.events == ["failure", "failure", "answer", "verdict"]
    assert server.requests[0].raw == server.requests[2].raw
    assert {record.attempt for record in journal.records} == {1}
    assert all(record.errors for record in journal.records[:2])


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (400, {"error": {"message": "bad value"}}, RequestRejectedError, "answered 400: bad value"),
        (
            400,
            {"object": "error", "message": "At most 1 image(s) may be provided in one request."},
            RequestRejectedError,
            "--limit-mm-per-prompt '{\"image\": 3}'",
        ),
        (
            400,
            {"error": {"message": "<400> InternalError: Range of input length; context length"}},
            RequestRejectedError,
            "--max-model-len",
        ),
        (
            400,
            {"code": "DataInspectionFailed", "message": "Input data may be inappropriate"},
            RequestRejectedError,
            "content filter",
        ),
        (400, {"error": {"message": "qwen-x is not a valid model ID"}}, None, "--model"),
        (400, [{"error": {"message": "API key not valid.", "code": 400}}], None, "API_KEY"),
        (400, {"error": {"message": "Access denied: Arrearage"}}, None, "no credit"),
        (401, {"error": {"message": "Incorrect API key provided"}}, None, "API_KEY"),
        (402, {"error": {"message": "Insufficient credits"}}, None, "no credit"),
        (403, {"error": {"message": "Forbidden"}}, None, "may not use this model"),
        (
            403,
            {"error": {"message": "your input was flagged"}},
            RequestRejectedError,
            "content filter",
        ),
        (404, {"error": {"message": "The model `x` does not exist."}}, None, "--model"),
        (404, {"detail": "Not Found"}, None, "--api-base"),
        (404, PAGE, None, "a web page: 502 Bad Gateway"),
        (405, "Method Not Allowed", None, "--api-base"),
        (413, PAGE.replace("502 Bad Gateway", "413 Too Large"), RequestRejectedError, "body_size"),
        (
            422,
            {"detail": [{"loc": ["body", "messages", 1], "msg": "field required", "input": "x"}]},
            RequestRejectedError,
            "body.messages.1: field required",
        ),
        (302, "", None, "go to https://login.example/"),
        (
            429,
            {"error": {"message": "You exceeded your current quota, please check your plan"}},
            None,
            "no credit",
        ),
    ],
)
def test_what_never_passes_is_sent_once_and_diagnosed(
    status: int, body: Any, error: type[Exception] | None, said: str
) -> None:
    refusal = Status(status, body, headers={"location": "https://login.example/"})
    journal = MemoryJournal()
    with (
        ScriptedServer([refusal, GOOD]) as server,
        pytest.raises(error or EndpointRefusedError) as caught,
    ):
        ask_one(settings_for(server.base_url), question(pictures=pictures(3)), journal)
    text = str(caught.value)
    assert said in text
    assert f"answered {status}" in text
    assert "model test-model, 3 pictures, 0.0" in text
    assert "key ...WXYZ" in text
    assert len(server.requests) == 1
    assert journal.events == ["failure"]
    assert journal.records[0].request_bytes == len(server.requests[0].raw)


@pytest.mark.parametrize("end", ["reset", "missing", "unended"])
def test_an_answer_that_is_whole_is_taken_whatever_becomes_of_the_connection(
    end: Literal["reset", "missing", "unended"],
) -> None:
    whole = b'{"choices": [{"message": {"content": "{\\"a\\": 1}"}, "finish_reason": "stop"}]}'
    with ScriptedServer([Raw(whole, end=end), GOOD]) as server:
        assert ask_one(settings_for(server.base_url)).value == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("strange", "said"),
    [
        (Raw(b'{"error": "Unexpected endpoint or method."}'), "Unexpected endpoint"),
        (Raw(b'{"object": "list", "data": []}'), "JSON that is no chat completion"),
        (Raw(b'{"choices": [{"mess'), "cannot be read as JSON"),
        (Raw(b""), "an empty body"),
    ],
)
def test_a_first_answer_that_stays_strange_is_a_wrong_address_and_no_outage(
    strange: Step, said: str
) -> None:
    with ScriptedServer(lambda _received: strange) as server:
        settings = settings_for(server.base_url, api_call_retries=2, endpoint_patience_sec=60.0)
        with pytest.raises(EndpointRefusedError, match=said) as caught:
            ask_one(settings)
    assert "--api-base" in str(caught.value)
    assert len(server.requests) == 3


def test_strange_answers_of_an_endpoint_that_already_answered_are_waited_for() -> None:
    def script(received: Received) -> Step:
        return Raw(b'{"choices": [{"mess') if 2 <= received.number <= 8 else GOOD

    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, concurrency=1, endpoint_patience_sec=20.0)
        answers = run(ask_all(settings, [question("one"), question("two")], MemoryJournal()))
    assert [getattr(answer, "value", answer) for answer in answers] == [1, 1]


def refuses_unread(listening: socket.socket, lingers: bool) -> None:
    """Answer 413 to one request without reading its body; a gateway that lingers reads it later."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nbig!")
        if lingers:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1_000_000):
                pass


@pytest.mark.parametrize(
    ("lingers", "said"), [(True, "answered 413: big!"), (False, "no bodies of this size")]
)
def test_a_gateway_that_refuses_a_large_body_unread_is_understood(lingers: bool, said: str) -> None:
    large = Picture(bytes(8_000_000), 2000, 1500)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        gateway = threading.Thread(
            target=refuses_unread, args=(listening,), kwargs={"lingers": lingers}
        )
        gateway.start()
        settings = settings_for(
            f"http://127.0.0.1:{listening.getsockname()[1]}/v1", api_call_retries=0,
            endpoint_patience_sec=0.0,
        )  # fmt: skip
        with pytest.raises(VlmError, match=said) as caught:
            ask_one(settings, question(pictures=(large,)))
        gateway.join()
    assert "--max-body-mb" in str(caught.value)


def nobody_has_that_name(*_arguments: object, **_options: object) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_host_name_that_nobody_has_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nobody_has_that_name)
    journal = MemoryJournal()
    with pytest.raises(EndpointRefusedError, match="host name cannot be looked up") as caught:
        ask_one(settings_for("http://typo.example/v1", endpoint_patience_sec=60.0), None, journal)
    assert "Is --api-base right" in caught.value.hint
    assert len(journal.records) == 1


def test_each_sort_of_passing_trouble_is_told_once() -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="INFO", format="{message}")
    script = [Status(500, "one"), Status(500, "two"), Reset("after"), Status(503, "three"), GOOD]
    try:
        with ScriptedServer(script) as server:
            ask_one(settings_for(server.base_url, api_call_retries=5))
    finally:
        logger.remove(sink)
    told = [line for line in lines if "sent again" in line]
    assert ["answered 500: one" in told[0], "it was reset" in told[1], "503: three" in told[2]] == [
        True
    ] * 3
    assert len(told) == 3


def test_answers_under_way_when_a_run_ends_are_waited_for_and_kept() -> None:
    def script(received: Received) -> Step:
        if received.number == 1:
            return GOOD
        if received.texts[-1] == "slow":
            return Say('{"a": 2}', delay_sec=0.6)
        return Status(401, "revoked", delay_sec=0.2)

    journal = MemoryJournal()
    names = ["first", "slow", "refused", "waiting"]
    with ScriptedServer(script) as server:
        asked = [question(name, user=name) for name in names]
        settings = settings_for(server.base_url, concurrency=2)
        answers = run(ends_as_a_batch_does(settings, asked, journal))
    assert isinstance(answers, EndpointRefusedError)
    paid = [record.video_id for record in journal.records if record.event == "answer"]
    assert sorted(paid) == ["first", "slow"]
    assert len(server.requests) == 3


async def ends_as_a_batch_does(
    settings: EndpointSettings, asked: list[Question[int]], journal: MemoryJournal
) -> BaseException | None:
    """Ask all at once; the first error cancels the others."""
    async with Asker(resolve_endpoint(settings), settings, Budget()) as asker:
        asks = [asyncio.ensure_future(asker.ask(one, journal)) for one in asked]
        done, others = await asyncio.wait(asks, return_when=asyncio.FIRST_EXCEPTION)
        for ask in others:
            ask.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    return next((ask.exception() for ask in done if ask.exception() is not None), None)


def test_a_web_page_where_the_api_should_be_is_a_wrong_address() -> None:
    page = Raw(b"<!DOCTYPE html><title>Sign in</title>", "text/html")
    with ScriptedServer([page, GOOD]) as server:
        with pytest.raises(EndpointRefusedError, match="a web page: Sign in") as caught:
            ask_one(settings_for(server.base_url))
        assert "usually ends in /v1" in str(caught.value)
    assert len(server.requests) == 1


def test_a_web_page_of_an_endpoint_that_already_answered_is_a_passing_trouble() -> None:
    page = Raw(b"<html>restarting", "text/html")
    with ScriptedServer([GOOD, page, GOOD]) as server:
        settings = settings_for(server.base_url, concurrency=1)
        answers = run(ask_all(settings, [question("one"), question("two")], MemoryJournal()))
    assert not any(isinstance(answer, BaseException) for answer in answers)
    assert len(server.requests) == 3


def test_the_number_of_tries_is_what_was_set_when_others_pass() -> None:
    """A request that the server cannot digest fails alone."""

    def script(received: Received) -> Step:
        return Status(500, "crash") if received.texts[-1] == "poison" else GOOD

    async def scenario(settings: EndpointSettings) -> list[Any]:
        journal = MemoryJournal()
        async with Asker(resolve_endpoint(settings), settings, Budget()) as asker:
            poisoned = asyncio.ensure_future(asker.ask(question("p", user="poison"), journal))
            fine: list[Any] = []
            while not poisoned.done():
                fine.append(await asker.ask(question(f"fine {len(fine)}"), journal))
            return [poisoned.exception(), len(fine)]

    with ScriptedServer(script) as server:
        settings = settings_for(
            server.base_url, api_call_retries=2, api_call_retry_backoff_sec=0.05
        )
        error, others = run(scenario(settings))
    assert isinstance(error, RequestFailedError)
    assert "p stage1: the request failed 3 times, while others passed" in str(error)
    assert "answered 500: crash" in str(error)
    poison = [received for received in server.requests if received.texts[-1] == "poison"]
    assert len(poison) == 3
    assert others >= 1


def test_backoff_doubles_with_jitter() -> None:
    waits: list[float] = []

    async def no_sleep(duration_sec: float) -> None:
        waits.append(duration_sec)

    with ScriptedServer([Status(500, "x")] * 3 + [GOOD]) as server:
        settings = settings_for(server.base_url, api_call_retry_backoff_sec=1.0)
        ask_one(settings, sleep=no_sleep)
    assert len(waits) == 3
    for wait_sec, base_sec in zip(waits, (1.0, 2.0, 4.0), strict=True):
        assert base_sec <= wait_sec <= base_sec + 1.0


def http_date_in(seconds: float) -> str:
    moment = datetime.fromtimestamp(time.time() + seconds, UTC)
    return email.utils.format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "least_sec", "most_sec"),
    [
        ({"retry-after": "0.4"}, 0.4, 3.0),
        ({"retry-after-ms": "300"}, 0.3, 3.0),
        # A date has whole seconds only.
        ({"retry-after": "DATE"}, 0.9, 4.0),
        ({"retry-after": "soon"}, 0.0, 3.0),
        ({"retry-after": "-5"}, 0.0, 3.0),
    ],
)
def test_retry_after_is_obeyed_in_every_form(
    headers: dict[str, str], least_sec: float, most_sec: float
) -> None:
    given = {key: http_date_in(2) if value == "DATE" else value for key, value in headers.items()}
    with ScriptedServer([Status(429, "later", headers=given), GOOD]) as server:
        ask_one(settings_for(server.base_url, endpoint_patience_sec=5.0))
    first, second = (received.arrived_sec for received in server.requests)
    assert least_sec <= second - first <= most_sec


def test_retry_after_holds_back_the_request_that_got_it_and_no_other() -> None:
    seen: dict[str, list[float]] = {}

    def script(received: Received) -> Step:
        name = received.texts[-1]
        seen.setdefault(name, []).append(received.arrived_sec)
        if name == "told to wait" and len(seen[name]) == 1:
            return Status(429, "later", headers={"retry-after": "1.2"})
        return Say('{"a": 1}', delay_sec=0.02)

    names = ["first", "told to wait", *(f"other {number}" for number in range(10))]
    with ScriptedServer(script) as server:
        asked = [question(name, user=name) for name in names]
        settings = settings_for(server.base_url, concurrency=2, endpoint_patience_sec=30.0)
        run(ask_all(settings, asked, MemoryJournal()))
    told, again = seen["told to wait"]
    assert again - told >= 1.2
    others = [arrived for name in names[2:] for arrived in seen[name]]
    assert max(others) < again


def test_a_retry_after_beyond_the_patience_ends_the_run_at_once() -> None:
    wait = Status(429, "daily limit", headers={"retry-after": "3600"})
    with ScriptedServer([wait]) as server, pytest.raises(EndpointDownError, match="3600 s"):
        ask_one(settings_for(server.base_url))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_model_costs_one_request_with_eight_askers(status: int) -> None:
    refusal = Status(status, {"error": {"message": "no"}}, delay_sec=0.1)
    asked = [question(f"video {number}") for number in range(8)]
    with ScriptedServer(lambda _received: refusal) as server:
        answers = run(ask_all(settings_for(server.base_url), asked, MemoryJournal()))
    assert len(server.requests) == 1
    assert all(isinstance(answer, EndpointRefusedError) for answer in answers)
    assert {answer.exit_code for answer in answers if isinstance(answer, EndpointRefusedError)} == {
        3
    }


def test_a_key_that_is_refused_in_the_middle_of_a_run_ends_it() -> None:
    def script(received: Received) -> Step:
        return GOOD if received.number == 1 else Status(401, "expired")

    asked = [question(f"video {number}") for number in range(6)]
    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, concurrency=1)
        answers = run(ask_all(settings, asked, MemoryJournal()))
    assert len(server.requests) == 2
    assert sum(isinstance(answer, EndpointRefusedError) for answer in answers) == 5


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_an_endpoint_that_is_gone_for_good_ends_the_run_after_the_patience() -> None:
    journal, watcher = MemoryJournal(), Watcher()
    settings = settings_for(f"http://127.0.0.1:{free_port()}/v1", endpoint_patience_sec=0.6)
    asked = [question(f"video {number}") for number in range(5)]
    began = time.monotonic()
    answers = run(ask_all(settings, asked, journal, observer=watcher))
    assert 0.6 <= time.monotonic() - began < 5
    assert all(isinstance(answer, EndpointDownError) for answer in answers)
    assert "No connection to http://127.0.0.1" in str(answers[0])
    assert "run the same command again" in str(answers[0])
    assert len(watcher.of(RunPaused)) == 1
    assert set(journal.events) == {"failure"}
    # Pauses grow: far fewer requests than the patience has room for.
    assert len(journal.records) <= 15
    with ScriptedServer(lambda _received: GOOD) as server:
        later = run(ask_all(settings_for(server.base_url), asked, journal))
    assert [getattr(answer, "value", None) for answer in later] == [1] * 5


def test_an_endpoint_that_comes_back_is_used_again_by_itself_and_nobody_fails() -> None:
    down_until = time.monotonic() + 0.8

    def script(received: Received) -> Step:
        if received.number > 2 and time.monotonic() < down_until:
            return Status(503, "restarting")
        return GOOD

    watcher = Watcher()
    asked = [question(f"video {number}") for number in range(20)]
    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, endpoint_patience_sec=20.0)
        answers = run(ask_all(settings, asked, MemoryJournal(), observer=watcher))
    assert [getattr(answer, "value", answer) for answer in answers] == [1] * 20
    assert len(watcher.of(RunResumed)) == len(watcher.of(RunPaused)) >= 1
    assert len(server.requests) < 60


def test_while_the_run_is_paused_one_request_at_a_time_tries_the_endpoint() -> None:
    sizes: list[int] = []

    def script(received: Received) -> Step:
        if received.number > 30:
            return GOOD
        sizes.append(received.in_flight)
        return Status(503, "down", delay_sec=0.02)

    asked = [question(f"video {number}") for number in range(8)]
    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, endpoint_patience_sec=2.0)
        run(ask_all(settings, asked, MemoryJournal()))
    assert set(sizes[10:]) <= {1}


def test_an_endless_429_for_everybody_ends_as_an_endpoint_that_is_down() -> None:
    asked = [question(f"video {number}") for number in range(3)]
    with ScriptedServer(lambda _received: Status(429, "too many")) as server:
        settings = settings_for(server.base_url, endpoint_patience_sec=0.5)
        answers = run(ask_all(settings, asked, MemoryJournal()))
    assert all(isinstance(answer, EndpointDownError) for answer in answers)
    assert "answered 429" in str(answers[0])
    assert len(server.requests) < 40


def test_https_where_the_server_speaks_http_is_a_wrong_address_at_once() -> None:
    journal = MemoryJournal()
    with ScriptedServer([GOOD]) as server:
        settings = settings_for(server.base_url.replace("http:", "https:"))
        with pytest.raises(EndpointRefusedError, match="http or https"):
            ask_one(settings, journal=journal)
    assert len(journal.records) == 1


def test_an_answer_without_an_end_is_not_read_into_memory() -> None:
    with (
        ScriptedServer([Raw(b" " * 64_500_000)]) as server,
        pytest.raises(RequestRejectedError, match="64 MB without an end"),
    ):
        ask_one(settings_for(server.base_url, api_timeout_sec=60.0))
    assert len(server.requests) == 1


def test_no_patience_ends_at_the_first_pause() -> None:
    settings = settings_for(f"http://127.0.0.1:{free_port()}/v1", endpoint_patience_sec=0.0)
    journal = MemoryJournal()
    with pytest.raises(EndpointDownError):
        ask_one(settings, journal=journal)
    assert len(journal.records) == 4


def test_a_hanging_endpoint_is_given_up_after_the_patience_not_after_its_time_limit() -> None:
    with ScriptedServer(lambda _received: Hang()) as server:
        settings = settings_for(
            server.base_url, api_timeout_sec=0.3, endpoint_patience_sec=1.0, api_call_retries=0
        )
        began = time.monotonic()
        with pytest.raises(EndpointDownError, match=r"within 0\.3 s"):
            ask_one(settings)
    assert time.monotonic() - began < 4


def test_failures_are_told_to_the_observer() -> None:
    watcher = Watcher()
    script = [Status(500, "one"), Status(400, "two")]
    with ScriptedServer(script) as server, pytest.raises(RequestRejectedError):
        ask_one(settings_for(server.base_url), observer=watcher)
    failed = watcher.of(RequestFailed)
    assert [event.will_retry for event in failed] == [True, False]
    assert "answered 500: one" in failed[0].reason


def test_a_request_that_was_read_and_not_answered_counts_its_prompt_and_for_caps_the_most() -> None:
    budget = Budget()
    with ScriptedServer([Hang(), Status(500, "x"), GOOD]) as server:
        settings = settings_for(server.base_url, api_timeout_sec=0.2)
        answer = ask_one(settings, question(pictures=pictures(4)), budget=budget)
    lost, broken, answered, _verdict = (record.usage for record in answer.records)
    assert lost.prompt_tokens > 100
    assert (lost.completion_tokens, broken.total_tokens) == (0, 0)
    assert budget.spent.completion_tokens == 2 * settings.max_tokens + answered.completion_tokens


def test_what_a_server_says_cannot_steer_the_terminal() -> None:
    with (
        ScriptedServer([Status(400, {"message": "no\x1b[2J\x00 way"})]) as server,
        pytest.raises(RequestRejectedError, match=r"no\ufffd\[2J\ufffd way"),
    ):
        ask_one(settings_for(server.base_url))
