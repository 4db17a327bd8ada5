"""What the OpenAPI document promises is what the server does: schemathesis asks for everything.

    CHAT_OPENAPI_EXAMPLES=500 HYPOTHESIS_PROFILE=explore pytest tests/chat/test_openapi.py -m slow

asks each operation 500 times in each way, with other examples every time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.running_chat import running_chat

schemathesis = pytest.importorskip("schemathesis", minversion="4.0")

EXAMPLES = int(os.environ.get("CHAT_OPENAPI_EXAMPLES", "6"))
NO_ID = "0123456789abcdef"
EVENTS = "/api/conversations/{conversation_id}/events"
VIDEO = "/api/videos/{video_id}"
PICTURE_URL = "data:image/gif;base64,R0lGODdhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="

# What chance does not bring about: a real video, a second one to delete, an answer that broke off;
# and what would not end.
NEEDS_MORE = {
    "POST /api/videos",
    f"DELETE {VIDEO}",
    "POST /api/conversations/{conversation_id}/messages/{message_id}/retry",
    f"GET {VIDEO}/pools/{{key}}/{{index}}",
    f"GET {EVENTS}",
}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Seeded:
    """A chat with a video, a conversation about it and an answer, and its document."""

    address: str
    client: httpx2.Client
    document: dict[str, Any]
    video_id: str
    conversation_id: str
    pool_key: str

    def new_conversation(self) -> str:
        """Begin one that a test may lose."""
        body = {"video_id": self.video_id}
        return str(self.client.post("/api/conversations", json=body).json()["id"])


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory, small_video: Path) -> Iterator[Seeded]:
    folder = tmp_path_factory.mktemp("seeded")
    with (
        running_chat(folder, sampling={"max_frames": 8}) as address,
        httpx2.Client(base_url=address, timeout=60) as client,
    ):
        content = small_video.read_bytes()
        video_id = client.post("/api/videos", params={"name": "a.mp4"}, content=content).json()[
            "id"
        ]
        begun = client.post("/api/conversations", json={"video_id": video_id}).json()["id"]
        asked = client.post(f"/api/conversations/{begun}/messages", json={"text": "How long?"})
        assert asked.status_code == 202
        with client.stream("GET", f"/api/conversations/{begun}/events") as events:
            assert any(line == "event: finished" for line in events.iter_lines())
        frames = client.get(f"/api/conversations/{begun}").json()["frames"]["frames"]
        key = frames[0]["url"].split("/")[-2]
        document = client.get("/openapi.json").json()
        yield Seeded(address, client, document, video_id, begun, key)


def _operations(seeded: Seeded) -> list[Any]:
    schema = schemathesis.openapi.from_dict(seeded.document)
    return [found.ok() for found in schema.get_all_operations()]


def _with_real_ids(case: Any, seeded: Seeded) -> None:
    """Let a case name what is there: a model, a video, its pool, a conversation or one to lose."""
    places = case.path_parameters or {}
    if "video_id" in places:
        is_lost = case.method == "DELETE"
        places["video_id"] = NO_ID if is_lost else seeded.video_id
    if "conversation_id" in places:
        is_lost = case.method == "DELETE"
        places["conversation_id"] = seeded.new_conversation() if is_lost else seeded.conversation_id
    if "key" in places:
        places["key"] = seeded.pool_key
    if isinstance(case.body, dict) and "video_id" in case.body:
        case.body["video_id"] = seeded.video_id
    if isinstance(case.body, dict) and isinstance(case.body.get("messages"), list):
        case.body["model"] = "offline"
        _show(case.body["messages"], f"video://{seeded.video_id}")


def _show(messages: list[Any], video_url: str) -> None:
    """Let every picture and video of a request be one."""
    urls = {"video_url": video_url, "image_url": PICTURE_URL}
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else []:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind in urls:
                part[kind] = {"url": urls[kind]}


def _checks() -> list[Any]:
    from schemathesis.checks import CHECKS

    wanted = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
              "response_headers_conformance", "response_schema_conformance")  # fmt: skip
    schemathesis.checks.load_all_checks()
    return CHECKS.get_by_names(list(wanted))


def _ask(operation: Any, seeded: Seeded, mode: Any, count: int) -> set[int]:
    """Ask an operation so many times; return the statuses that came."""
    checks = _checks()
    statuses = set()
    strategy = st.tuples(operation.as_strategy(generation_mode=mode), st.booleans())

    @settings(
        max_examples=count, database=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def asked(drawn: tuple[Any, bool]) -> None:
        case, is_real = drawn
        if is_real:
            _with_real_ids(case, seeded)
        if (
            operation.path == EVENTS
            and (case.path_parameters or {}).get("conversation_id") == seeded.conversation_id
        ):
            case.path_parameters["conversation_id"] = NO_ID  # the other has no end; see below
        answer = case.call_and_validate(base_url=seeded.address, checks=checks, timeout=30)
        statuses.add(answer.status_code)

    asked()
    return statuses


def _can_be_wrong(operation: Any) -> bool:
    """Tell whether there is anything in a request that the document forbids."""
    is_any_name = operation.path == "/v1/models/{name}"
    return not is_any_name and bool(operation.body or list(operation.iter_parameters()))


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_operation_does_what_the_document_says(seeded: Seeded, mode: str) -> None:
    way = schemathesis.GenerationMode(mode)
    failures = []
    for operation in _operations(seeded):
        if mode == "negative" and not _can_be_wrong(operation):
            continue
        try:
            statuses = _ask(operation, seeded, way, EXAMPLES)
            if mode == "positive" and operation.label not in NEEDS_MORE:
                assert min(statuses) < 400, statuses
        except Exception as error:  # all of them are told at the end
            failures.append(f"{operation.label}: {type(error).__name__}: {error}")
    assert not failures, "\n\n".join(failures)
    assert seeded.client.get("/healthz").status_code == 200


def test_the_document_knows_every_path_and_every_error_has_a_form(seeded: Seeded) -> None:
    paths = seeded.document["paths"]
    assert EVENTS in paths
    assert VIDEO in paths
    for path, item in paths.items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert operation.get("description"), (method, path)
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    [schema] = [each["schema"] for each in answer["content"].values()]
                    name = "ProgramError" if path.startswith("/v1/") else "ErrorBody"
                    assert schema["$ref"].endswith(f"/{name}"), (method, path, status)


def test_an_event_stream_is_one(seeded: Seeded) -> None:
    path = EVENTS.format(conversation_id=seeded.conversation_id)
    for place in (None, "", "x", "1.1.1", "999999999999999.1.end", "-1", "\u0663.1.1", "0" * 100):
        params = {} if place is None else {"last_event_id": place}
        with seeded.client.stream("GET", path, params=params) as events:
            assert events.status_code == 200
            assert events.headers["content-type"].startswith("text/event-stream")
            assert next(events.iter_lines()).startswith("retry:")
    assert seeded.client.get(path, params={"last_event_id": "x" * 101}).status_code == 422


def test_what_is_deleted_is_gone_for_every_route(seeded: Seeded, small_video: Path) -> None:
    client = seeded.client
    video_id = client.post("/api/videos", content=small_video.read_bytes()).json()["id"]
    body = {"video_id": video_id}
    begun = client.post("/api/conversations", json=body).json()["id"]
    assert client.delete(f"/api/videos/{video_id}").status_code == 204
    assert client.delete(f"/api/videos/{video_id}").status_code == 404
    assert client.post("/api/conversations", json=body).status_code == 404
    for end in ("", "/file"):
        assert client.get(f"/api/videos/{video_id}{end}").status_code == 404
    for end in ("", "/events", "/export"):
        assert client.get(f"/api/conversations/{begun}{end}").status_code == 404
    for end in ("/stop", "/messages/1/retry"):
        assert client.post(f"/api/conversations/{begun}{end}").status_code == 404
    asked = client.post(f"/api/conversations/{begun}/messages", json={"text": "?"})
    assert asked.status_code == 404
