"""What tests of the chat share: a small video, and a running chat that no test changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.chat.scene import Scene
from tests.chat.teller import telling
from tests.support.chat_client import ChatClient
from tests.support.running_chat import running_chat
from tests.support.small_video import write_small_video


@dataclass(frozen=True)
class SharedChat:
    """A running chat with the embedded model and one uploaded video."""

    address: str
    video_id: str
    data_dir: Path
    client: httpx2.Client
    """One for all requests: each new one costs more than what it asks."""


@pytest.fixture(scope="session")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video of six seconds with two activities."""
    folder = tmp_path_factory.mktemp("small_video")
    return write_small_video(folder / "small.mp4", activities=2)


@pytest.fixture(scope="session")
def shared_chat(
    tmp_path_factory: pytest.TempPathFactory, small_video: Path
) -> Iterator[SharedChat]:
    """Return a chat that tests read and ask, and whose videos and conversations they let be."""
    data_dir = tmp_path_factory.mktemp("shared_chat")
    with (
        running_chat(data_dir, sampling={"max_frames": 12}) as address,
        httpx2.Client(base_url=address, timeout=60) as client,
    ):
        given = client.post("/api/videos?name=small.mp4", content=small_video.read_bytes())
        video_id = given.raise_for_status().json()["id"]
        deadline_sec = time.monotonic() + 60
        while not list(data_dir.glob("videos/*/pools/*/pool.json")):
            assert time.monotonic() < deadline_sec, "the video's pictures were not made"
            time.sleep(0.01)
        yield SharedChat(address, video_id, data_dir, client)


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, small_video: Path) -> Iterator[Scene]:
    """Return a chat whose endpoint a test tells what to answer."""
    data_dir = tmp_path_factory.mktemp("conversations")
    with (
        telling() as teller,
        running_chat(data_dir, endpoint=teller.options, sampling={"max_frames": 9}) as address,
        ChatClient(address) as client,
    ):
        yield Scene(client, teller, client.video(small_video), data_dir)
