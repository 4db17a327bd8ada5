"""What a conversation is by tomorrow: other endpoints, long histories, other settings, readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chat.teller import Teller, telling
from tests.support.chat_client import ChatClient, Shown
from tests.support.running_chat import running_chat

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    with telling() as found:
        yield found


@contextmanager
def chat(data_dir: Path, **options: Any) -> Iterator[ChatClient]:
    few = {"max_frames": 9}
    with running_chat(data_dir, sampling=few, **options) as address, ChatClient(address) as client:
        yield client


def texts_of(body: dict[str, Any]) -> list[str]:
    """Return the last text of every message but the system's."""
    return [
        message["content"]
        if isinstance(message["content"], str)
        else message["content"][-1]["text"]
        for message in body["messages"][1:]
    ]


def test_a_conversation_without_a_model_of_its_own_asks_the_servers_of_today(
    tmp_path: Path, small_video: Path, teller: Teller
) -> None:
    with chat(tmp_path) as client:
        video = client.video(small_video)["id"]
        follows, chose = client.begin(video), client.begin(video, model="offline")
        client.ask(follows, "How long is it?")
        assert client.answer(follows)["model"] == "offline"
    with chat(tmp_path, endpoint=teller.options) as client:
        head = client.conversation(follows)
        assert (head["model"], head["model_is_default"]) == ("seeing-1", True)
        client.ask(follows, "And now?")
        assert client.answer(follows)["state"] == "done"
        assert client.conversation(chose)["model_is_default"] is False
        client.http.patch(f"/api/conversations/{chose}", json={"model": ""})
        assert client.conversation(chose)["model"] == "seeing-1"


def test_the_embedded_model_does_not_answer_in_anothers_name(
    tmp_path: Path, small_video: Path
) -> None:
    with chat(tmp_path) as client:
        conversation = client.begin(client.video(small_video)["id"], model="seeing-1")
        client.ask(conversation, "How long is it?")
        refused = client.answer(conversation)
        assert (refused["state"], refused["error"]["code"]) == ("failed", "model")
        assert "conversation" not in refused["error"]["message"]
        program = {"model": "seeing-1", "messages": [{"role": "user", "content": "Hello"}]}
        assert client.http.post("/v1/chat/completions", json=program).status_code == 404


def test_one_long_answer_does_not_push_out_the_others(
    tmp_path: Path, small_video: Path, teller: Teller
) -> None:
    with chat(tmp_path, endpoint=teller.options) as client:
        conversation = client.begin(client.video(small_video)["id"])
        client.ask(conversation, "My name is Ann.")
        client.answer(conversation)
        with teller.answers("Go on and on.") as told:
            client.ask(conversation, "Go on and on.")
            told.says("begin " + "x" * 300_000 + " end", ends=True)
            assert client.answer(conversation)["state"] == "done"
        with teller.answers("What is my name?") as told:
            client.ask(conversation, "What is my name?")
            said = texts_of(told.body())
            told.says("Ann.", ends=True)
            client.answer(conversation)
    assert said[0] == "My name is Ann."
    assert said[3].startswith("begin ")
    assert said[3].endswith(" end")
    assert len(said[3]) < 20_000


def test_older_questions_that_have_no_room_are_left_out_and_that_is_told(
    tmp_path: Path, small_video: Path, teller: Teller
) -> None:
    with chat(tmp_path, endpoint=teller.options) as client:
        conversation = client.begin(client.video(small_video)["id"])
        for number in range(7):
            client.ask(conversation, f"{number} " + "y" * 19_000)
            client.answer(conversation)
        client.ask(conversation, "And now?")
        notes = client.answer(conversation)["notes"]
        assert any("left out" in note for note in notes)
        export = client.http.get(f"/api/conversations/{conversation}/export").text
        assert "left out" in export


def test_an_export_lists_the_pictures_that_each_answer_was_given_on(
    tmp_path: Path, small_video: Path, teller: Teller
) -> None:
    with chat(tmp_path, endpoint=teller.options) as client:
        conversation = client.begin(client.video(small_video)["id"])
        client.ask(conversation, "What moves from 1 s to 2 s?")
        client.answer(conversation)
        client.http.patch(f"/api/conversations/{conversation}", json={"max_frames": 3})
        client.ask(conversation, "And in all?")
        client.answer(conversation)
        path = f"/api/conversations/{conversation}/export"
        text = client.http.get(path).text
        told = client.http.get(path, params={"format": "json"}).json()
    counts = [len(message["frames"]) for message in told["messages"]]
    assert counts == [0, 18, 0, 3]
    assert "## Frames behind answer 1\n" in text
    assert "| 18 |" in text
    assert "## Frames behind answer 2\n" in text


def test_pictures_that_nothing_names_are_gone_at_the_next_start(
    tmp_path: Path, small_video: Path
) -> None:
    with chat(tmp_path) as client:
        video = client.video(small_video)["id"]
        conversation = client.begin(video)
        client.ask(conversation, "How bright is it at 1 s?")
        client.answer(conversation)
        for count in (4, 5):
            client.http.patch(f"/api/conversations/{conversation}", json={"max_frames": count})
            client.strip(conversation)
    pools = tmp_path / "videos" / video / "pools"
    assert len(list(pools.iterdir())) == 3
    with chat(tmp_path) as client:
        kept = client.conversation(conversation)
        assert len(list(pools.iterdir())) == 2
        assert kept["messages"][1]["moments"]


def test_a_reader_who_leaves_while_text_is_rendered_freezes_it_for_nobody(
    tmp_path: Path, small_video: Path, teller: Teller
) -> None:
    with chat(tmp_path, endpoint=teller.options) as client:
        conversation = client.begin(client.video(small_video)["id"])
        with teller.answers("Tell me.") as told:
            client.ask(conversation, "Tell me.")
            told.body()
            for number in range(8):
                told.says(f"**{number}** " * 100)
                with client.events(conversation, "0.0.0") as events:
                    for event in events:
                        if event.name in ("message", "delta"):
                            break
            shown = Shown()
            with client.events(conversation, "0.0.0") as events:
                told.says(" the *end*")
                for event in events:
                    shown.take(event)
                    if any("<em>end</em>" in html for html in shown.html.values()):
                        break
            told.says(".", ends=True)
            assert client.answer(conversation)["state"] == "done"
