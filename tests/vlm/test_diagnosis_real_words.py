"""Refusals as servers of others really worded them, and what a person reads of each.

``real_refusals.json`` is recorded by scripts/talk_to_foreign_servers.py, never written by hand;
docs/foreign_servers.md has the whole talks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_server import Received, Say, ScriptedServer, Status, Step
from tests.vlm.helpers import MemoryJournal, ask_all, pictures, question, run, settings_for
from three_stage.vlm import FaultKind, resolve_endpoint
from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.diagnosis import RequestFacts, diagnose_status

RECORDED: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("real_refusals.json").read_text(encoding="utf-8")
)
ENDPOINT, REQUEST, CAPABILITY = FaultKind.ENDPOINT, FaultKind.REQUEST, FaultKind.CAPABILITY

EXPECTED = {
    "12 pictures": (REQUEST, "--limit-mm-per-prompt '{\"image\": 12}'"),
    "a model that is not there": (ENDPOINT, "Check --model"),
    "a text longer than the context": (REQUEST, "Lower --max-frames"),
    "more max_tokens than the context": (REQUEST, "--max-tokens"),
    "max_tokens of the whole context": (REQUEST, "--max-tokens"),
    "response_format of an unknown type": (CAPABILITY, "--structured-mode auto"),
    "a schema of an unknown type": (CAPABILITY, "--structured-mode auto"),
    "a schema with uniqueItems and contains": (CAPABILITY, "--structured-mode auto"),
    "video_url, no frame rate": (REQUEST, "--media-dialect images"),
    "video_url with mm_processor_kwargs.fps": (CAPABILITY, "--trust-request-mm-kwargs"),
    "the frame list of DashScope": (REQUEST, "--media-dialect images"),
    "guided_json, which old servers took": (CAPABILITY, "--structured-mode auto"),
    "a picture that is no picture": (REQUEST, ""),
    "a wrong key": (ENDPOINT, "Check API_KEY"),
    "/v1 twice in the address": (ENDPOINT, "it usually ends in /v1"),
}


# llama.cpp looks at the video first, and reads none without ffmpeg.
NO_VIDEO = (REQUEST, "ffmpeg and ffprobe")


@pytest.mark.parametrize("said", RECORDED, ids=lambda said: f"{said['server']}: {said['asked']}")
def test_the_words_of_a_real_server_are_understood(said: dict[str, Any]) -> None:
    kind, hint = EXPECTED[said["asked"]]
    if said["status"] >= 500:
        kind, hint = FaultKind.TRANSIENT, ""
    elif said["server"] == "llama" and "video_url" in said["asked"]:
        kind, hint = NO_VIDEO
    fault = diagnose_status(said["status"], {}, said["body"], facts())
    assert fault.kind is kind
    assert hint in fault.hint


def test_a_video_goes_out_without_its_frame_rate_where_the_server_refuses_that() -> None:
    (said,) = (
        one
        for one in RECORDED
        if one["server"] == "vllm-narrow" and "mm_processor_kwargs" in one["asked"]
    )

    def script(received: Received) -> Step:
        if "mm_processor_kwargs" in received.body:
            return Status(said["status"], json.loads(said["body"]))
        return Say('{"a": 1}')

    asked = [question(f"video {number}", pictures=pictures(9)) for number in range(3)]
    with ScriptedServer(script) as server:
        settings = settings_for(server.base_url, provider="vllm", media_dialect="video_url")
        answers = run(ask_all(settings, asked, MemoryJournal()))
    assert not any(isinstance(answer, BaseException) for answer in answers)
    sent = [body.get("mm_processor_kwargs") for body in server.bodies]
    assert sent == [{"fps": 1}, None, None, None]


def facts() -> RequestFacts:
    options = WireOptions(
        mode="json_schema", shows_schema=False, tokens_field="max_tokens", sends_temperature=True
    )
    endpoint = resolve_endpoint(settings_for("http://127.0.0.1:8000/v1"))
    return RequestFacts(endpoint=endpoint, options=options, pictures=12, body_bytes=1_000_000)
