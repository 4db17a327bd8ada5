"""A person at the chat's page: uploads, asks, and follows what happens, over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2

FINAL = frozenset({"done", "stopped", "interrupted", "failed"})
WAITS_SEC = 30.0
Found = TypeVar("Found")


@dataclass(frozen=True)
class Event:
    """One server-sent event; ``id`` is None when it has none."""

    name: str
    data: dict[str, Any]
    id: str | None = None


class EventLines:
    """Puts the lines of a stream together to events."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> Event | None:
        """Take a line without its end; return the event that it ends."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "event" not in fields:
            return None
        return Event(fields["event"], json.loads(fields["data"]), fields.get("id"))


@dataclass
class Shown:
    """What a page shows after the events that it got; ``last_id`` is where it goes on."""

    last_id: str | None = None
    texts: dict[int, str] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    html: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Do what the page does with an event."""
        self.last_id = event.id or self.last_id
        match event.name:
            case "message" | "finished":
                number = event.data["id"]
                self.texts[number] = event.data["text"]
                self.states[number] = event.data["state"]
                self.html[number] = event.data["html"]
                self.notes.append(event.data["status_note"])
            case "delta":
                self.texts[event.data["message_id"]] += event.data["text"]
            case "rendered":
                self.html[event.data["message_id"]] = event.data["html"]


class ChatClient:
    """Talks to one chat server; use it as a context manager."""

    def __init__(self, address: str) -> None:
        self.http = httpx2.Client(base_url=address, timeout=WAITS_SEC, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str) -> Any:
        """Return the JSON of a path below /api."""
        response = self.http.get(f"/api{path}")
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Post JSON to a path below /api; return what comes with this status."""
        response = self.http.post(f"/api{path}", json=body)
        assert response.status_code == status, response.text
        return response.json()

    def upload(self, video: Path | bytes, name: str = "video.mp4") -> httpx2.Response:
        """Send a file; returns the answer, whatever it is."""
        content = video if isinstance(video, bytes) else video.read_bytes()
        return self.http.post("/api/videos", params={"name": name}, content=content)

    def video(self, video: Path | bytes, name: str = "video.mp4") -> dict[str, Any]:
        """Upload a video that is taken."""
        response = self.upload(video, name)
        assert response.status_code == 201, response.text
        return dict(response.json())

    def begin(self, video_id: str, **chosen: Any) -> str:
        """Begin a conversation; return its id."""
        return str(self.post("/conversations", {"video_id": video_id, **chosen}, status=201)["id"])

    def ask(self, conversation_id: str, text: str, **more: Any) -> dict[str, Any]:
        """Put a question; return the question and its answer to be."""
        path = f"/conversations/{conversation_id}/messages"
        return dict(self.post(path, {"text": text, **more}, status=202))

    def conversation(self, conversation_id: str) -> dict[str, Any]:
        """Return a whole conversation."""
        return dict(self.get(f"/conversations/{conversation_id}"))

    def answer(self, conversation_id: str, *, beyond: str | None = None) -> dict[str, Any]:
        """Wait for the last answer's end, or until it has a text that is longer than ``beyond``."""

        def there() -> dict[str, Any] | None:
            last = self.conversation(conversation_id)["messages"][-1]
            is_there = last["state"] in FINAL
            if beyond is not None:
                is_there = is_there or len(last["text"]) > len(beyond)
            return dict(last) if is_there else None

        return until(there)

    def strip(self, conversation_id: str) -> dict[str, Any]:
        """Wait until the pictures are there, or failed."""

        def there() -> dict[str, Any] | None:
            strip = self.conversation(conversation_id)["frames"]
            return None if strip["state"] == "sampling" else dict(strip)

        return until(there)

    @contextmanager
    def events(
        self, conversation_id: str, last_event_id: str | None = None
    ) -> Iterator[Iterator[Event]]:
        """Follow a conversation's events while the context lasts."""
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        path = f"/api/conversations/{conversation_id}/events"
        with self.http.stream("GET", path, headers=headers) as response:
            assert response.status_code == 200, response.read()
            yield _events(response.iter_lines())


def _events(lines: Iterable[str]) -> Iterator[Event]:
    reader = EventLines()
    for line in lines:
        event = reader.feed(line)
        if event is not None:
            yield event


def until(look: Callable[[], Found | None], within_sec: float = WAITS_SEC) -> Found:
    """Look again and again until something is there; return it."""
    end_sec = time.monotonic() + within_sec
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end_sec, "it did not come in time"
        time.sleep(0.02)
