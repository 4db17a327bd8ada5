"""Endpoints in trouble: each is asked as little as tells, and what is said fits the trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from prompts import load_prompts
from tests.doctor.helpers import VALID, doctor, level_of, line_of
from tests.support.scripted_server import Hang, Raw, Received, Reset, Say, ScriptedServer, Status

PAGE = b"<!doctype html><html><title>Log in</title><body>Who are you?</body></html>"
WORDS_OF_A_RUN = ("The run ends", "looks down", "Everything done so far", "run the same command")


@dataclass
class Server:
    """Gives the same answer to everything, /models included.

    ``answer`` takes its place where a question is asked; one that ``waits`` never answers.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes | None = None
    waits: bool = False
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def served(server: Server) -> Iterator[Server]:
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            self.rfile.read(int(self.headers.get("content-length", 0)))
            if server.waits:
                over.wait(30)
                return
            self.send_response(server.status)
            is_question = self.command == "POST" and server.answer is not None
            body = (server.answer or b"") if is_question else server.body
            for name, value in {**server.headers, "content-length": len(body)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name is the library's

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - likewise
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}/v1"
        try:
            yield server
        finally:
            over.set()
            http.shutdown()


def test_too_many_requests_says_when_to_ask_again(capsys: pytest.CaptureFixture[str]) -> None:
    with served(Server(429, b'{"error": {"message": "slow"}}', {"Retry-After": "7"})) as server:
        code, shown, said = doctor(capsys, "--api-base", server.url)
        assert server.asked == ["/v1/models", "/v1/chat/completions"]
    assert code == 3
    assert "at most 60 s for an answer" in shown
    assert "Ask again in 7 s" in line_of(shown, "model")
    assert level_of(shown, "asked by json_schema") == "FAIL"
    assert "429: slow" in line_of(shown, "asked by json_schema")
    assert "asked 1 request; none was answered" in shown
    assert said == ""
    assert not any(words in shown for words in WORDS_OF_A_RUN)


@pytest.mark.parametrize("trouble", [Status(503, "busy"), Reset("after")], ids=["503", "reset"])
def test_a_server_that_fails_is_asked_once(
    trouble: Status | Reset, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(lambda _received: trouble) as server:
        code, shown, said = doctor(capsys, "--api-base", server.base_url)
        assert len(server.requests) == 1
    assert code == 3
    assert "Ask again in a while" in line_of(shown, "asked by json_schema")
    assert said == ""
    assert not any(words in shown for words in WORDS_OF_A_RUN)


def test_a_server_that_fails_everywhere_is_asked_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with served(Server(502, b"bad gateway")) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.url)
        assert server.asked == ["/v1/models"]
    assert code == 3
    assert level_of(shown, "model") == "FAIL"
    assert "Ask again in a while" in line_of(shown, "model")
    assert "asked" not in shown


def test_a_server_that_hangs_is_left_after_one_time_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(lambda _received: Hang()) as server:
        code, shown, said = doctor(
            capsys, "--api-base", server.base_url, "--api-timeout-sec", "0.4"
        )
        assert len(server.requests) == 1
    assert code == 3
    assert "at most 0.4 s for an answer" in shown
    assert "within 0.4 s" in line_of(shown, "asked by json_schema")
    assert "Raise --api-timeout-sec" in line_of(shown, "asked by json_schema")
    assert "asked 1 request; none was answered" in shown
    assert said == ""
    assert not any(words in shown for words in WORDS_OF_A_RUN)


def test_a_list_of_models_that_hangs_ends_the_questions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with served(Server(waits=True)) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.url, "--api-timeout-sec", "0.4")
        assert server.asked == ["/v1/models"]
    assert code == 3
    assert "within 0.4 s" in line_of(shown, "model")


def test_a_login_page_is_no_endpoint(capsys: pytest.CaptureFixture[str]) -> None:
    with served(Server(200, PAGE, {"content-type": "text/html"})) as server:
        code, shown, said = doctor(capsys, "--api-base", server.url)
        assert len(server.asked) == 2
    assert code == 3
    assert level_of(shown, "model") == "warn"
    assert "a web page instead of its models: Log in" in line_of(shown, "model")
    assert "usually ends in /v1" in line_of(shown, "model")
    assert level_of(shown, "asked by json_schema") == "FAIL"
    assert said == ""


def test_a_web_page_in_place_of_an_answer_is_no_endpoint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(lambda _received: Raw(PAGE, "text/html")) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.base_url)
        assert len(server.requests) == 1
    assert code == 3
    assert "usually ends in /v1" in line_of(shown, "asked by json_schema")


def test_a_request_without_an_answer_is_not_counted_in_tokens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer([Say(VALID), Hang()]) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.base_url, "--api-timeout-sec", "0.4")
    assert code == 3
    assert "asked 2 requests; 1 answered, 120 tokens" in shown


def test_a_model_that_refuses_is_said_to_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(lambda _received: Say(None, refusal="I cannot help.")) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.base_url)
    assert code == 3
    assert "the model refused: I cannot help." in line_of(shown, "asked by prompt")
    assert "try another --model" in line_of(shown, "asked by prompt")


def test_a_web_page_for_the_list_alone_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    given = Received(number=1, body={}, raw=b"", headers={}, arrived_sec=0.0, in_flight=1)
    answer = json.dumps(Say(VALID).completion(given)).encode()
    with served(Server(200, PAGE, answer=answer)) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.url, "--max-frames", "12")
    assert code == 0
    assert level_of(shown, "model") == "warn"
    assert level_of(shown, "asked by json_schema") == "ok"


# What is known of the schema


def is_begged_for_prose(received: Received) -> bool:
    return load_prompts()["doctor_prose"].fill() in received.texts


@pytest.mark.parametrize(
    ("begged", "level", "words"),
    [
        (Say('{"steps": []}'), "ok", "holds the model to our schema"),
        (Say("Three squares cross a picture."), "warn", "does not hold the model to it"),
        (Say('{"shapes": 3}'), "warn", "does not hold the model to it"),
        (Say("{" + " " * 50, finish_reason="length"), "ok", "takes our schema, and a valid"),
        (Status(500, "cannot"), "ok", "takes our schema, and a valid"),
    ],
)
def test_a_schema_is_enforced_when_a_model_that_is_begged_for_prose_keeps_to_it(
    begged: Say | Status, level: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--structured-mode", "json_schema", "--max-frames", "12")
    with ScriptedServer(
        lambda received: begged if is_begged_for_prose(received) else Say(VALID)
    ) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.base_url, *given)
        assert len(server.requests) == 3
        assert "response_format" in server.requests[1].body
        assert server.requests[1].body["max_tokens"] < 1000
    assert code == 0
    assert level_of(shown, "structured output") == level
    assert words in line_of(shown, "structured output")


# Caps and prices


def test_caps_of_the_run_do_not_stop_it_and_the_cost_is_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    price = {"input_per_million": 100.0, "output_per_million": 500.0, "currency": "USD"}
    (tmp_path / "prices.json").write_text(json.dumps({"m": price}), encoding="utf-8")
    with ScriptedServer(lambda _received: Say(VALID)) as server:
        code, shown, _ = doctor(
            capsys, "--api-base", server.base_url, "--model", "m", "--max-frames", "12",
            "--max-total-tokens", "1", "--max-cost", "0.0001", "--prices", "prices.json",
        )  # fmt: skip
    assert code == 0
    assert "asked 5 requests, 600 tokens, 0.1000 USD" in shown


def test_a_cap_that_a_run_would_refuse_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, said = doctor(capsys, "--api-base", "http://127.0.0.1:9/v1", "--max-cost", "1")
    assert code == 2
    assert shown == ""
    assert "--prices" in said
