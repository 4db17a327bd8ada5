"""The real command, killed as by a power cut and started again on the same data folder."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.chat.teller import Teller, telling
from tests.support.chat_client import ChatClient, Shown, until
from tests.support.running_chat import ChatProcess, chat_process
from tests.support.small_video import write_small_video

pytestmark = pytest.mark.slow


@contextmanager
def started(data: Path, teller: Teller) -> Iterator[tuple[ChatProcess, ChatClient]]:
    with (
        chat_process(
            "--data-dir",
            str(data),
            "--api-base",
            teller.url,
            "--model",
            "seeing-1",
            "--max-frames",
            "9",
            "--num-workers",
            "1",
        ) as process,
        ChatClient(process.address) as client,
    ):
        yield process, client


def test_a_server_killed_in_the_middle_of_an_answer_goes_on_with_what_it_had(
    tmp_path: Path, small_video: Path
) -> None:
    data = tmp_path / "data"
    with telling() as teller, teller.answers("Why?") as told:
        with started(data, teller) as (process, client):
            conversation = client.begin(client.video(small_video)["id"])
            shown = Shown(last_id=client.conversation(conversation)["last_event_id"])
            answer = client.ask(conversation, "Why?")["answer"]
            told.says("Because it")
            with client.events(conversation, shown.last_id) as events:
                while shown.texts.get(answer["id"]) != "Because it":
                    shown.take(next(events))
                time.sleep(0.8)  # it is written down twice a second
                told.says(" brakes")
                while shown.texts[answer["id"]] != "Because it brakes":
                    shown.take(next(events))
                process.kill()
        assert told.left.wait(5)
        with started(data, teller) as (_, client):
            kept = client.answer(conversation)
            assert kept["state"] == "interrupted"
            assert kept["text"] in ("Because it", "Because it brakes")
            with client.events(conversation, shown.last_id) as events:
                event = next(event for event in events if event.name == "finished")
                assert event.data["text"] == kept["text"]
            path = f"/conversations/{conversation}/messages/{answer['id']}/retry"
            client.post(path, status=202)
            told.says("All of it.", ends=True)
            assert client.answer(conversation)["text"] == "All of it."
            assert len(client.conversation(conversation)["messages"]) == 2


def test_a_server_that_is_asked_to_end_keeps_what_it_has(tmp_path: Path, small_video: Path) -> None:
    data = tmp_path / "data"
    with telling() as teller, teller.answers("Why?") as told:
        with started(data, teller) as (process, client):
            conversation = client.begin(client.video(small_video)["id"])
            client.ask(conversation, "Why?")
            told.says("So far")
            client.answer(conversation, beyond="")
            with client.events(conversation) as events:
                next(events)
                process.process.terminate()
                began_sec = time.monotonic()
                process.process.wait(10)
                assert time.monotonic() - began_sec < 5
                assert list(events)[-1].name in ("message", "rendered")
            assert told.left.wait(2)
        with started(data, teller) as (_, client):
            kept = client.answer(conversation)
            assert (kept["state"], kept["text"]) == ("interrupted", "So far")


def test_a_second_server_on_the_same_folder_or_port_is_refused(
    tmp_path: Path, small_video: Path
) -> None:
    with telling() as teller, started(tmp_path / "data", teller) as (process, client):
        refused = pytest.raises(RuntimeError, match="another chat server is using it")
        with refused, started(tmp_path / "data", teller):
            pass
        port = process.address.rpartition(":")[2]
        refused = pytest.raises(RuntimeError, match="Cannot listen")
        with refused, chat_process("--data-dir", str(tmp_path / "other"), "--port", port):
            pass
        assert client.video(small_video)["name"] == "video.mp4"


@pytest.mark.parametrize("seed", range(2))
def test_whenever_it_is_killed_the_next_start_cleans_up_and_goes_on(
    tmp_path: Path, seed: int
) -> None:
    """Kill during an upload, the making of pictures, or an answer; then do all of it."""
    chosen = random.Random(seed)
    data = tmp_path / "data"
    video = write_small_video(tmp_path / "v.mp4", activities=8, seconds_each=4.0)
    with telling() as teller:
        with started(data, teller) as (process, client):
            using = threading.Thread(target=_use, args=(client, video), daemon=True)
            using.start()
            using.join(chosen.uniform(0.05, 1.5))
            process.kill()
            using.join(10)
        with started(data, teller) as (_, client):
            known = {one["id"] for one in client.get("/videos")["videos"]}
            assert {path.name for path in (data / "videos").iterdir()} == known
            assert list((data / "incoming").iterdir()) == []
            for head in client.get("/conversations")["conversations"]:
                messages = client.conversation(head["id"])["messages"]
                assert {message["state"] for message in messages} <= {"done", "interrupted"}
                assert len(messages) % 2 == 0
                assert client.strip(head["id"])["state"] == "ready"
                client.ask(head["id"], "Again?")
                assert client.answer(head["id"])["text"] == "Yes."
            _use(client, video)


def _use(client: ChatClient, video: Path) -> None:
    """Upload in many pieces, begin, ask; the server may go away at any moment."""

    def slowly() -> Iterator[bytes]:
        data = video.read_bytes()
        step = len(data) // 10
        for start in range(0, len(data), step):
            yield data[start : start + step]
            time.sleep(0.02)

    try:
        sent = client.http.post("/api/videos", params={"name": "v.mp4"}, content=slowly())
        conversation = client.begin(sent.json()["id"])
        client.ask(conversation, "First?")
        client.answer(conversation)
    except (httpx2.TransportError, ConnectionError):
        return


def test_a_sender_that_never_ends_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    with telling() as teller, started(tmp_path / "data", teller) as (process, _):
        host, _, port = process.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as sender:
            head = f"POST /api/videos HTTP/1.1\r\nHost: {host}:{port}\r\n"
            sender.sendall(f"{head}Content-Length: 99999\r\n\r\nx".encode())
            until(lambda: list((tmp_path / "data" / "incoming").iterdir()))
            process.process.terminate()
            assert process.process.wait(10) is not None
        said = process.process.stderr
        assert said is not None
        assert "Traceback" not in said.read()
