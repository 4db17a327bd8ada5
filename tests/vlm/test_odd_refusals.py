"""Refusals in odd shapes, and words that are easily taken for others."""

from __future__ import annotations

import email.utils
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.scripted_server import Raw, Say, ScriptedServer, Status
from tests.vlm.helpers import ask_one, settings_for
from three_stage.vlm import FaultKind, RequestRejectedError, resolve_endpoint
from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.diagnosis import RequestFacts, diagnose_status
from three_stage.vlm.faults import Fault, retry_after_sec

REQUEST, ENDPOINT = FaultKind.REQUEST, FaultKind.ENDPOINT
WAF_PAGE = "<html><head><title>Access denied | Cloudflare</title></head></html>"


def diagnosed(status: int, words: str, headers: dict[str, str] | None = None) -> Fault:
    options = WireOptions(
        mode="json_schema", shows_schema=False, tokens_field="max_tokens", sends_temperature=True
    )
    facts = RequestFacts(
        endpoint=resolve_endpoint(settings_for("https://x.example/v1")),
        options=options, pictures=50, body_bytes=5_000_000,
    )  # fmt: skip
    return diagnose_status(status, headers or {}, words, facts)


def said(words: str) -> str:
    return json.dumps({"error": {"message": words}})


@pytest.mark.parametrize(
    "when",
    [
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "Fri, 32 Foo 2026 99:99:99 GMT",
    ],
)
def test_a_date_that_no_calendar_holds_is_no_wish(when: str) -> None:
    assert retry_after_sec({"retry-after": when}) is None


def test_a_servers_date_is_measured_by_its_own_clock() -> None:
    its_now = datetime.now(UTC) + timedelta(hours=1)
    headers = {
        "date": email.utils.format_datetime(its_now, usegmt=True),
        "retry-after": email.utils.format_datetime(its_now + timedelta(seconds=2), usegmt=True),
    }
    assert retry_after_sec(headers) == 2
    headers["date"] = "yesterday"
    assert 3590 < (retry_after_sec(headers) or 0) < 3610


@pytest.mark.parametrize(
    ("loc", "where"), [(None, ""), (5, "5: "), (["body", 0], "body.0: "), ({"x": 1}, "")]
)
def test_any_place_of_an_error_is_read(loc: Any, where: str) -> None:
    fault = diagnosed(422, json.dumps({"detail": [{"loc": loc, "msg": "bad"}]}))
    assert f"answered 422: {where}bad" in fault.message


@pytest.mark.parametrize(
    "words",
    [
        "Too many images in request. Max is 10.",
        "This model supports up to 5 images",
        "<400> InternalError.Algo.InvalidParameter: The number of images exceeds the limit",
    ],
)
def test_too_many_pictures_are_not_too_many_bytes(words: str) -> None:
    fault = diagnosed(400, said(words))
    assert fault.kind is REQUEST
    assert "lower --max-frames" in fault.hint
    assert "--limit-mm-per-prompt '{\"image\": 50}'" in fault.hint


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Could not process image: model not found in cache for this image", REQUEST),
        ("The model could not read the picture: unsupported image format", REQUEST),
        ("Cannot download image: its host says the API key is missing", REQUEST),
        ("messages.0: 'the cook looks for the missing API key chain' is too odd", REQUEST),
        ("The model `x` does not exist", ENDPOINT),
        ("model 'x' not found, try pulling it first", ENDPOINT),
        ("Model test-model is not available", ENDPOINT),
        ("Unknown model test-model", ENDPOINT),
        ("Model Not Exist", ENDPOINT),
        ("API key not valid. Please pass a valid API key.", ENDPOINT),
    ],
)
def test_only_words_about_our_key_or_model_end_the_run(words: str, kind: FaultKind) -> None:
    assert diagnosed(400, said(words)).kind is kind


@pytest.mark.parametrize(
    ("status", "body", "may_be"),
    [
        (403, WAF_PAGE, True),
        (403, "Forbidden", True),
        (404, '{"detail": "Not Found"}', True),
        (403, said("Your key has no permission"), False),
        (404, said("The model `x` does not exist"), False),
        (401, "Unauthorized", False),
        (400, "Bad", False),
    ],
)
def test_a_firewalls_refusal_may_be_of_one_request(status: int, body: str, may_be: bool) -> None:
    assert diagnosed(status, body).may_be_of_one_request is may_be


def test_a_refusal_that_breaks_off_is_still_that_refusal() -> None:
    packed = {"content-encoding": "gzip"}
    with (
        ScriptedServer([Status(400, "no gzip", headers=packed)]) as server,
        pytest.raises(RequestRejectedError, match="answered 400"),
    ):
        ask_one(settings_for(server.base_url))
    assert len(server.requests) == 1


def test_the_status_that_came_is_named() -> None:
    script = [Status(202, {"status": "queued"}), Raw(b""), Say('{"a": 1}')]
    with ScriptedServer(script) as server:
        answer = ask_one(settings_for(server.base_url))
    assert "answered 202 with JSON that is no chat completion" in answer.records[0].errors[0]
    assert "answered 200 with an empty body" in answer.records[1].errors[0]
