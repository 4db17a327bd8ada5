"""Uploads of strangers: names, sizes, what is no video. Of what is refused nothing is left."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from tests.chat.wire import chunked, raw_request
from tests.support.running_chat import chat_process, running_chat

LIMIT_MB = 0.5
WORDS_OF_OURS = "words that stand in a file of this machine"


@dataclass(frozen=True)
class Taking:
    """A chat that takes uploads of half a megabyte, and its data folder."""

    address: str
    client: httpx2.Client
    data_dir: Path

    def upload(self, content: Any, name: str = "a.mp4", **options: Any) -> httpx2.Response:
        """Upload a file."""
        return self.client.post("/api/videos", params={"name": name}, content=content, **options)

    def files(self) -> list[Path]:
        """Return the files of videos, and what lies beside them for a moment."""
        return [path for folder in ("videos", "incoming")
                for path in (self.data_dir / folder).rglob("*") if path.is_file()]  # fmt: skip

    def assert_nothing_left(self) -> None:
        """Wait a moment for what a refused upload left to go."""
        deadline_sec = time.monotonic() + 3
        while self.files() and time.monotonic() < deadline_sec:
            time.sleep(0.01)
        assert self.files() == []
        assert self.client.get("/api/videos").json() == {"videos": []}


@pytest.fixture(scope="module")
def taking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taking]:
    data_dir = tmp_path_factory.mktemp("taking")
    with (
        running_chat(
            data_dir, server={"max_upload_mb": LIMIT_MB}, sampling={"max_frames": 4}
        ) as address,
        httpx2.Client(base_url=address, timeout=30) as client,
    ):
        yield Taking(address, client, data_dir)


@pytest.fixture(autouse=True)
def _begins_empty(taking: Taking) -> None:
    for video in taking.client.get("/api/videos").json()["videos"]:
        taking.client.delete(f"/api/videos/{video['id']}")
    taking.assert_nothing_left()


NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "/etc/passwd": "passwd",
    "C:\\videos\\a.mp4": "a.mp4",
    "..": "..",
    "a\0b.mp4": "a b.mp4",
    "a\r\nSet-Cookie: x.mp4": "a Set-Cookie: x.mp4",
    "\u202e4pm.exe.mp4": "4pm.exe.mp4",
    "<img src=x onerror=alert(1)>.mp4": "<img src=x onerror=alert(1)>.mp4",
    "": "video",
    " \t ": "video",
    "视频 🚗.mp4": "视频 🚗.mp4",
    "x" * 900 + ".mp4": "x" * 255,
}


@pytest.mark.slow
def test_a_name_is_shown_and_is_never_a_path(taking: Taking, small_video: Path) -> None:
    before = sorted(path for path in taking.data_dir.parent.rglob("*") if path.is_file())
    for name, shown in NAMES.items():
        given = taking.upload(small_video.read_bytes(), name)
        assert given.status_code == 201, given.text
        video = given.json()
        assert video["name"] == shown
        file = taking.client.get(video["file_url"])
        assert file.headers["content-type"] == "video/mp4"
        assert file.content == small_video.read_bytes()
        made = {path.relative_to(taking.data_dir).parts[:2] for path in taking.files()}
        assert made == {("videos", video["id"])}
        assert taking.client.delete(f"/api/videos/{video['id']}").status_code == 204
        taking.assert_nothing_left()
    assert sorted(p for p in taking.data_dir.parent.rglob("*") if p.is_file()) == before


def test_a_name_without_an_end_is_refused(taking: Taking) -> None:
    status, _, body = raw_request(
        taking.address, "POST", f"/api/videos?name={quote('../' * 4000)}",
        headers={"Content-Length": "4"}, body=[b"text"],
    )  # fmt: skip
    assert status == 422, body


def _no_videos(secret: Path, port: int) -> dict[str, bytes]:
    here = f"http://127.0.0.1:{port}/"
    return {
        "text": b"just a text\n" * 50,
        "page": b"<!doctype html><script>alert(1)</script>" * 10,
        "drawing": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "list": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{secret}\n"
                f"#EXTINF:5,\n{here}a.ts\n#EXT-X-ENDLIST\n".encode(),
        "master": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{here}b.m3u8\n".encode(),
        "concat": f"ffconcat version 1.0\nfile '{secret}'\nfile '{here}c.mp4'\n".encode(),
        "dash": f"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{here}</BaseURL>"
                "</MPD>".encode(),
        "description": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} "
                       "RTP/AVP 96\n".encode(),
        "program": b"\x7fELF" + bytes(500),
        "empty": b"",
        "zeros": bytes(2000),
        "cut": b"\0\0\0 ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(100),
        "archive": b"PK\3\4" + bytes(100),
        "sound": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88X\1\0\2\0\x10\0data"
                 + bytes(4),
    }  # fmt: skip


@pytest.mark.slow
def test_what_is_no_video_is_refused_with_a_reason(taking: Taking, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(WORDS_OF_OURS, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        for kind, content in _no_videos(secret, listening.getsockname()[1]).items():
            given = taking.upload(content, f"{kind}.mp4", headers={"Content-Type": "video/mp4"})
            assert given.status_code == 415, (kind, given.text)
            error = given.json()["error"]
            assert error["code"] == "not_a_video"
            assert f"{kind}.mp4" in error["message"], error
            assert WORDS_OF_OURS not in given.text
            assert str(taking.data_dir) not in given.text
            taking.assert_nothing_left()
        with pytest.raises(TimeoutError):
            listening.accept()  # nobody came to fetch what a list named


def test_no_file_is_served_as_what_a_browser_runs(taking: Taking, small_video: Path) -> None:
    given = taking.upload(
        small_video.read_bytes(), "page.html", headers={"Content-Type": "text/html"}
    ).json()
    file = taking.client.get(given["file_url"])
    assert file.headers["content-type"] == "video/mp4"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in file.headers["content-security-policy"]


def test_an_announced_size_over_the_limit_is_refused_before_a_byte(taking: Taking) -> None:
    for size in (500_001, 10**12, 10**18):
        begun_sec = time.monotonic()
        status, headers, body = raw_request(
            taking.address, "POST", "/api/videos?name=a.mp4",
            headers={"Content-Length": str(size), "Expect": "100-continue"},
        )  # fmt: skip
        assert (status, headers["connection"]) == (413, "close")
        assert json.loads(body)["error"]["code"] == "too_large"
        assert time.monotonic() - begun_sec < 2
    taking.assert_nothing_left()


def test_an_upload_without_an_end_is_cut_and_its_sender_told(taking: Taking) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000_000
            yield bytes(1_000_000)

    status, headers, body = raw_request(
        taking.address, "POST", "/api/videos?name=a.mp4", body=chunked(endless()),
        headers={"Transfer-Encoding": "chunked"},
    )  # fmt: skip
    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["error"]["code"] == "too_large"
    assert sent < 100_000_000
    taking.assert_nothing_left()


def test_a_large_upload_from_another_site_is_not_read_either(taking: Taking) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000_000
            yield bytes(1_000_000)

    status, _, _ = raw_request(
        taking.address, "POST", "/api/videos", body=chunked(endless()),
        headers={"Transfer-Encoding": "chunked", "Origin": "https://evil.example"},
    )  # fmt: skip
    assert status == 403
    assert sent < 100_000_000
    taking.assert_nothing_left()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_that_breaks_off_leaves_nothing(
    taking: Taking, is_chunked: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    place = urlsplit(taking.address)
    length = "Transfer-Encoding: chunked" if is_chunked else "Content-Length: 400000"
    head = f"POST /api/videos?name=a.mp4 HTTP/1.1\r\nHost: {place.netloc}\r\n{length}\r\n\r\n"
    with socket.create_connection((place.hostname, place.port or 80), 5) as leaving:
        leaving.sendall(head.encode() + b"186A0\r\n" * is_chunked + bytes(90_000))
        deadline_sec = time.monotonic() + 5
        while not taking.files() and time.monotonic() < deadline_sec:
            time.sleep(0.01)
        assert taking.files()
    taking.assert_nothing_left()
    assert "Traceback" not in capfd.readouterr().err


def test_an_upload_that_stands_still_is_given_up(
    taking: Taking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("three_stage.chat.uploads.LONGEST_SILENCE_SEC", 0.2)
    status, _, body = raw_request(
        taking.address, "POST", "/api/videos?name=a.mp4", headers={"Content-Length": "400000"},
        body=[bytes(1000)],
    )  # fmt: skip
    assert status == 408
    assert json.loads(body)["error"]["code"] == "timeout"
    taking.assert_nothing_left()


@pytest.mark.parametrize("path", ["/api/conversations", "/v1/chat/completions"])
def test_a_request_that_stands_still_is_given_up(
    taking: Taking, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("three_stage.chat.bodies.LONGEST_SILENCE_SEC", 0.2)
    status, _, body = raw_request(
        taking.address, "POST", path, body=[b'{"model"'],
        headers={"Content-Length": "400000", "Content-Type": "application/json"},
    )  # fmt: skip
    assert status == 408
    assert json.loads(body)["error"]["code"] == "timeout"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
def test_the_memory_does_not_grow_with_an_upload(tmp_path: Path) -> None:
    with chat_process("--data-dir", str(tmp_path), "--max-upload-mb", "150") as chat:

        def most_kb() -> int:
            status = Path(f"/proc/{chat.process.pid}/status").read_text(encoding="ascii")
            return int(status.partition("VmHWM:")[2].split()[0])

        assert httpx2.post(f"{chat.address}/api/videos", content=bytes(1000)).status_code == 415
        before_kb = most_kb()
        pieces = (bytes(1_000_000) for _ in range(140))
        whole = httpx2.post(f"{chat.address}/api/videos", content=pieces, timeout=60)
        assert whole.status_code == 415
        endless = chunked(bytes(1_000_000) for _ in itertools.count())
        sent = {"Transfer-Encoding": "chunked"}
        assert (
            raw_request(chat.address, "POST", "/api/videos", headers=sent, body=endless)[0] == 413
        )
        assert most_kb() - before_kb < 40_000


def test_as_many_uploads_at_once_as_there_is_room_for(taking: Taking) -> None:
    place = urlsplit(taking.address)
    head = f"POST /api/videos HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 9000\r\n\r\n"
    slow = []
    try:
        for _ in range(8):
            slow.append(socket.create_connection((place.hostname, place.port or 80), 5))
            slow[-1].sendall(head.encode() + bytes(100))
        deadline_sec = time.monotonic() + 5
        while len(taking.files()) < 8 and time.monotonic() < deadline_sec:
            time.sleep(0.01)
        given = taking.upload(b"text")
        assert given.status_code == 503
        assert given.json()["error"]["code"] == "busy"
    finally:
        for connection in slow:
            connection.close()
    taking.assert_nothing_left()
    assert taking.upload(b"text").status_code == 415
