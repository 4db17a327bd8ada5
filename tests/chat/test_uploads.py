"""Uploads: every kind of video, a file that is lost, a sender who leaves, a full disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.chat_client import ChatClient, until
from tests.support.numbered_video import Numbered, write_numbered
from tests.support.running_chat import running_chat


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ChatClient, Path]]:
    data_dir = tmp_path_factory.mktemp("uploads")
    with running_chat(data_dir) as address, ChatClient(address) as client:
        yield client, data_dir


@pytest.mark.parametrize(
    ("name", "codec", "media_type"),
    [
        ("a.mp4", "libx264", "video/mp4"),
        ("a.avi", "mpeg4", "video/x-msvideo"),
        ("a.mkv", "libx264", "video/webm"),
        pytest.param("a.webm", "libvpx", "video/webm", marks=pytest.mark.slow),
        pytest.param("a.mov", "mpeg4", "video/mp4", marks=pytest.mark.slow),
    ],
)
def test_every_usual_container_is_taken_and_played_back_byte_for_byte(
    chat: tuple[ChatClient, Path], tmp_path: Path, name: str, codec: str, media_type: str
) -> None:
    client, _ = chat
    path = write_numbered(tmp_path / name, Numbered(frames=12, codec=codec, b_frames=0))
    video = client.video(path, f"路测 视频 {name}")
    assert video["name"] == f"路测 视频 {name}"
    assert video["media_type"] == media_type
    assert (video["width"], video["height"]) == (160, 96)
    played = client.http.get(video["file_url"])
    assert played.content == path.read_bytes()
    assert played.headers["content-type"] == media_type
    part = client.http.get(video["file_url"], headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, path.read_bytes()[5:10])
    strip = client.strip(client.begin(video["id"]))
    assert len(strip["frames"]) == 12


def test_a_video_of_one_frame_is_a_video(chat: tuple[ChatClient, Path], tmp_path: Path) -> None:
    client, _ = chat
    path = write_numbered(tmp_path / "one.mp4", Numbered(frames=1))
    conversation = client.begin(client.video(path)["id"])
    assert len(client.strip(conversation)["frames"]) == 1
    client.ask(conversation, "What do you see?")
    assert client.answer(conversation)["state"] == "done"


def test_a_video_whose_file_is_lost_says_so(chat: tuple[ChatClient, Path], tmp_path: Path) -> None:
    client, data_dir = chat
    video = client.video(write_numbered(tmp_path / "a.mp4", Numbered(frames=12)), "lost.mp4")
    conversation = client.begin(video["id"])
    client.strip(conversation)
    shutil.rmtree(data_dir / "videos" / video["id"])
    asked = client.http.post(f"/api/conversations/{conversation}/messages", json={"text": "x"})
    assert asked.status_code == 410
    assert "lost.mp4" in asked.json()["error"]["message"]
    strip = client.strip(conversation)
    assert strip["state"] == "failed"
    assert str(data_dir) not in str(strip["error"])
    assert client.http.delete(f"/api/conversations/{conversation}").status_code == 204


def test_pictures_that_cannot_be_made_are_failed_with_a_reason_and_tried_again(
    chat: tuple[ChatClient, Path], tmp_path: Path
) -> None:
    client, data_dir = chat
    path = write_numbered(tmp_path / "a.mp4", Numbered(frames=12))
    video = client.video(path, "later.mp4")
    conversation = client.begin(video["id"])
    client.strip(conversation)
    source = data_dir / "videos" / video["id"] / "source"
    source.write_bytes(b"damaged " * 100)
    client.http.patch(f"/api/conversations/{conversation}", json={"max_frames": 3})
    strip = client.strip(conversation)
    assert (strip["state"], strip["error"]["code"]) == ("failed", "unreadable")
    assert "later.mp4" in strip["error"]["message"]
    assert str(data_dir) not in str(strip)
    client.ask(conversation, "What do you see?")
    answer = client.answer(conversation)
    assert (answer["state"], answer["error"]["code"]) == ("failed", "unreadable")
    source.write_bytes(path.read_bytes())
    client.post(f"/conversations/{conversation}/messages/{answer['id']}/retry", status=202)
    assert client.answer(conversation)["state"] == "done"
    assert len(client.strip(conversation)["frames"]) == 3


def test_a_video_that_is_cut_off_is_taken_with_a_warning(
    chat: tuple[ChatClient, Path], tmp_path: Path
) -> None:
    client, _ = chat
    spec = Numbered(frames=90, container_options={"movflags": "faststart"})
    path = write_numbered(tmp_path / "a.mp4", spec)
    video = client.video(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert "cut off" in video["warnings"][0]
    assert "cut off" in client.strip(client.begin(video["id"]))["note"]


def test_a_sender_who_leaves_in_the_middle_leaves_nothing_behind(
    chat: tuple[ChatClient, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    client, data_dir = chat
    address = urlsplit(str(client.http.base_url))
    known = len(client.get("/videos")["videos"])
    with socket.create_connection((address.hostname or "", address.port or 0)) as sender:
        head = f"POST /api/videos?name=x HTTP/1.1\r\nHost: {address.netloc}\r\n"
        sender.sendall(f"{head}Content-Length: 3000000\r\n\r\n".encode() + b"x" * 2_000_000)
        until(lambda: list((data_dir / "incoming").iterdir()))
    until(lambda: not list((data_dir / "incoming").iterdir()))
    assert len(client.get("/videos")["videos"]) == known
    assert "Traceback" not in capfd.readouterr().err


def test_what_is_no_video_leaves_nothing_behind(chat: tuple[ChatClient, Path]) -> None:
    client, data_dir = chat
    before = sorted(path.name for path in (data_dir / "videos").iterdir())
    for content in (b"", b"plain text", b"\x00" * 5000):
        refused = client.upload(content, "text.mp4")
        assert refused.status_code == 415, refused.text
        assert "text.mp4" in refused.json()["error"]["message"]
        assert str(data_dir) not in refused.text
    assert sorted(path.name for path in (data_dir / "videos").iterdir()) == before
    assert list((data_dir / "incoming").iterdir()) == []


@pytest.mark.slow
def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if sys.platform != "linux" or not _mounted(small):
        pytest.skip("no small file system can be mounted here")
    try:
        with running_chat(small / "data") as address, ChatClient(address) as client:
            announced = client.upload(b"\x00" * 1_000_000)
            assert announced.status_code == 507
            chunks = (b"\x00" * 100_000 for _ in range(100))
            refused = client.http.post("/api/videos", content=chunks)
            assert refused.status_code == 507
            assert refused.json()["error"]["code"] == "disk_full"
            assert list((small / "data" / "incoming").iterdir()) == []
            assert client.get("/videos")["videos"] == []
    finally:
        subprocess.run(["umount", str(small)], check=True)  # noqa: S607 - where mount is


def _mounted(folder: Path) -> bool:
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if mount is None:
        return False
    return subprocess.run([mount, *options], check=False, capture_output=True).returncode == 0
