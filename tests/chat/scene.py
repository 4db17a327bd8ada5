"""A chat with an endpoint that a test tells what to answer, one video, and a person who uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chat.teller import Teller
from tests.support.chat_client import ChatClient


@dataclass
class Scene:
    """A chat with a scripted endpoint and one video, and a person who uses it."""

    client: ChatClient
    teller: Teller
    video: dict[str, Any]
    data_dir: Path

    def begin(self, **chosen: Any) -> str:
        return self.client.begin(self.video["id"], **chosen)

    def asked(self, conversation_id: str, question: str, answer: str = "Yes.") -> dict[str, Any]:
        """Ask, have it answered, and return what the endpoint was sent."""
        with self.teller.answers(question) as told:
            self.client.ask(conversation_id, question)
            told.says(answer, ends=True)
            body = told.body()
            assert self.client.answer(conversation_id)["state"] == "done"
            return body
