"""What strangers may not do with a running chat: names and paths, sites, hosts, headers, bodies."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from tests.chat.conftest import SharedChat
from tests.chat.wire import chunked, raw_request
from tests.support.running_chat import running_chat

JSON = {"Content-Type": "application/json"}
UNSAFE = [
    ("POST", "/api/session"), ("DELETE", "/api/session"), ("POST", "/api/videos"),
    ("DELETE", "/api/videos/{video}"), ("POST", "/api/conversations"),
    ("PATCH", "/api/conversations/{id}"), ("DELETE", "/api/conversations/{id}"),
    ("POST", "/api/conversations/{id}/messages"), ("POST", "/api/conversations/{id}/stop"),
    ("POST", "/api/conversations/{id}/messages/1/retry"), ("POST", "/v1/chat/completions"),
]  # fmt: skip
EVERY_KIND = [
    ("GET", "/", 200), ("GET", "/login", 200), ("GET", "/docs", 200), ("GET", "/openapi.json", 200),
    ("GET", "/healthz", 200), ("GET", "/static/base.css", 200), ("GET", "/static/nothing.js", 404),
    ("GET", "/api/status", 200), ("GET", "/api/videos/{video}/file", 200), ("GET", "/nothing", 404),
    ("GET", "/api/videos/zz", 422), ("GET", "/api/videos/0123456789abcdef", 404),
    ("PUT", "/api/videos", 405), ("POST", "/v1/chat/completions", 400), ("GET", "/v1/models", 200),
    ("GET", "/v1/nothing", 404), ("POST", "/api/conversations", 422),
]  # fmt: skip


def _unsafe_of(shared_chat: SharedChat) -> Iterator[tuple[str, str]]:
    for method, path in UNSAFE:
        yield method, path.format(video=shared_chat.video_id, id="0123456789abcdef")


# Names and paths


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/..%5capp.py",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/....//app.py",
        "/static/web/../../app.py", "/static/%00", "/static/base.css%00.html", "/static/",
        "/static/" + "a" * 4000, "/static/%ff%fe", "/static/../../../../../../etc/passwd",
        "/static/.", "/static/..",
    ],
)  # fmt: skip
def test_static_files_are_those_of_the_page(shared_chat: SharedChat, path: str) -> None:
    status, _, body = raw_request(shared_chat.address, "GET", path)
    assert status == 404, body
    assert b"root:" not in body
    assert b"import" not in body


ODD_IDS = [
    "..", ".", "%2e%2e", "..%2f..%2fchat.sqlite3", "..%5c..", "%00", "0123456789abcde%00",
    "0123456789abcdef%0a", "0123456789ABCDEF", "0123456789abcdeg", "a" * 4000, "%ff", "'--",
    "0123456789abcdef%2f..", "*", "%e2%80%ae0123456789abcdef", "-1", "null", "../chat.sqlite3",
]  # fmt: skip
ROUTES_OF_IDS = [
    "/api/videos/{id}", "/api/videos/{id}/file", "/api/videos/{id}/pools/0123456789abcdef/1",
    "/api/videos/{video}/pools/{id}/1", "/api/videos/{video}/pools/0123456789abcdef/{id}",
    "/api/conversations/{id}", "/api/conversations/{id}/export", "/api/conversations/{id}/events",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES_OF_IDS)
def test_no_id_leads_out_of_the_data_folder(shared_chat: SharedChat, route: str) -> None:
    for odd in ODD_IDS:
        path = route.format(id=odd, video=shared_chat.video_id)
        status, headers, body = raw_request(shared_chat.address, "GET", path)
        assert status in (404, 405, 422), (path, status)
        assert headers["content-type"] == "application/json"
        assert b"SQLite" not in body
        assert str(shared_chat.data_dir).encode() not in body


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_no_id_changes_what_it_does_not_name(shared_chat: SharedChat, method: str) -> None:
    files = sorted(shared_chat.data_dir.rglob("*"))
    for odd, route in itertools.product(
        ODD_IDS,
        ["/api/videos/{}", "/api/conversations/{}", "/api/conversations/{}/messages/1/retry"],
    ):
        if odd == "." and route.endswith("{}"):
            continue  # a dot and nothing after it is no id for any reader of addresses
        status, _, _ = raw_request(shared_chat.address, method, route.format(odd))
        assert status in (404, 405, 422), (odd, route, status)
    assert sorted(shared_chat.data_dir.rglob("*")) == files


def test_no_place_of_a_video_asks_for_another(shared_chat: SharedChat) -> None:
    for index in ("0", "-1", "10000", "1e3", "99999999999999999999", "1.0", "%31%30", "٣"):
        path = f"/api/videos/{shared_chat.video_id}/pools/0123456789abcdef/{quote(index, safe='%')}"
        assert raw_request(shared_chat.address, "GET", path)[0] in (404, 422)


# Other sites and other names


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://{host}.evil.example"},
        {"Origin": "http://{host}@evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "anything"},
        {"Origin": "http://{host}", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(
    shared_chat: SharedChat, headers: dict[str, str]
) -> None:
    host = urlsplit(shared_chat.address).netloc
    sent = {name: value.format(host=host) for name, value in headers.items()}
    kinds = itertools.cycle(["text/plain", "application/json"])
    for (method, path), kind in zip(_unsafe_of(shared_chat), kinds, strict=False):
        status, _, body = raw_request(
            shared_chat.address, method, path, body=[b"{}"],
            headers={**sent, "Content-Type": kind, "Content-Length": "2"},
        )  # fmt: skip
        assert status == 403, (method, path, status)
        assert b"another site" in body


def test_our_own_page_and_programs_are_let_in(shared_chat: SharedChat) -> None:
    path = "/api/conversations/0123456789abcdef/stop"
    own: list[dict[str, str]] = [
        {}, {"Origin": shared_chat.address}, {"Origin": shared_chat.address.upper()},
        {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
    ]  # fmt: skip
    for headers in own:
        assert shared_chat.client.post(path, headers=headers).status_code == 404
    for host, origin, status in [
        ("localhost:80", "http://localhost", 404), ("localhost", "http://localhost:80", 404),
        ("localhost:443", "https://localhost", 404), ("localhost:443", "http://localhost", 403),
        ("localhost:80", "http://localhost:443", 403), ("localhost:8", "http://localhost", 403),
    ]:  # fmt: skip
        names = {"Host": host, "Origin": origin, "Content-Length": "0"}
        assert raw_request(shared_chat.address, "POST", path, headers=names)[0] == status


def test_json_that_a_form_could_send_is_not_taken(shared_chat: SharedChat) -> None:
    body = json.dumps({"video_id": shared_chat.video_id})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        given = shared_chat.client.post(
            "/api/conversations", content=body, headers={"Content-Type": kind}
        )
        assert given.status_code == 422, kind
    assert shared_chat.client.get("/api/conversations").json()["conversations"] == []


def test_no_site_is_told_that_it_may_read(shared_chat: SharedChat) -> None:
    sent = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        for path in ("/api/videos", "/v1/models", "/openapi.json", "/"):
            given = shared_chat.client.request(method, path, headers=sent)
            assert not [name for name in given.headers if name.startswith("access-control")]
            assert given.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:7860", "localhost.evil.example", "127.0.0.1.evil.example",
        "10.0.0.1", "[fe80::1]", "", "localhost@evil.example", "[", "127.0.0.1 evil",
        "xn--", "169.254.169.254",
    ],
)  # fmt: skip
def test_a_foreign_name_that_leads_here_is_refused(shared_chat: SharedChat, host: str) -> None:
    for method, path in [("GET", "/"), ("GET", "/api/videos"), ("POST", "/v1/chat/completions")]:
        status, _, _ = raw_request(
            shared_chat.address, method, path, headers={"Host": host, "Content-Length": "0"}
        )
        assert status in (400, 403), (host, path)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST:1", "[::1]:7860"])
def test_names_of_this_machine_are_answered(shared_chat: SharedChat, host: str) -> None:
    assert raw_request(shared_chat.address, "GET", "/healthz", headers={"Host": host})[0] == 200


# What every answer says


@pytest.mark.parametrize(("method", "path", "status"), EVERY_KIND)
def test_every_answer_tells_browsers_what_they_may_do(
    shared_chat: SharedChat, method: str, path: str, status: int
) -> None:
    url = path.format(video=shared_chat.video_id)
    given = shared_chat.client.request(
        method, url, headers=JSON, content=b"{}" if method != "GET" else None
    )
    assert given.status_code == status, given.text
    policy = dict(
        part.strip().split(" ", 1) for part in given.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert not re.search(r"unsafe|https?:|\*", given.headers["content-security-policy"])
    assert given.headers["x-content-type-options"] == "nosniff"
    assert given.headers["x-frame-options"] == "DENY"
    assert given.headers["referrer-policy"] == "no-referrer"
    cached = given.headers["cache-control"]
    assert cached == ("no-cache" if path.startswith("/static/") else "no-store")


def test_a_mistake_of_ours_tells_nothing_and_is_as_guarded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_chat(tmp_path) as address:
        (tmp_path / "videos").rmdir()
        (tmp_path / "incoming").rmdir()
        (tmp_path / "incoming").write_text("in the way", encoding="utf-8")
        given = httpx2.post(f"{address}/api/videos?name=a.mp4", content=b"x" * 100)
        again = httpx2.get(f"{address}/healthz")
    assert given.status_code in (500, 507)
    assert str(tmp_path) not in given.text
    assert "Traceback" not in given.text
    assert given.headers["x-content-type-options"] == "nosniff"
    assert again.status_code == 200
    capfd.readouterr()


def test_the_pages_name_no_third_party(shared_chat: SharedChat) -> None:
    for path in ("/", "/login", "/docs"):
        text = shared_chat.client.get(path).text
        for address in re.findall(r"(?:src|href|action|content)\s*=\s*[\"']([^\"']*)", text):
            assert not re.match(r"(?:[a-z]+:)?//", address), (path, address)
        assert "<script>" not in text
        assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=|javascript:", text)
        for name in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", text):
            file = shared_chat.client.get(name)
            assert file.status_code == 200, name
            assert not re.search(r"(?:import|from|url\()\s*[\"']?https?:", file.text), name


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000, b'{"a":' * 100_000, b"\xff\xfe\x00", b'{"video_id": "\\ud800"}', b"nul",
        b'{"\\ud800": 1}', b'{"video_id": NaN}', b'{"video_id": 1e999}', b"1" * 5000, b'"', b"",
        b'{"video_id": "0123456789abcdef", "max_frames": ' + b"9" * 4000 + b"}",
        b'{"video_id": "0123456789abcdef", "temperature": NaN}',
        b'{"video_id": "0123456789abcdef", "' + b"k" * 100_000 + b'": 1}',
    ],
)  # fmt: skip
def test_an_odd_body_is_a_mistake_of_its_sender(shared_chat: SharedChat, body: bytes) -> None:
    nobody = "/api/conversations/0123456789abcdef"
    for method, path in [("POST", "/api/conversations"), ("PATCH", nobody),
                         ("POST", f"{nobody}/messages"), ("POST", "/api/session")]:  # fmt: skip
        given = shared_chat.client.request(method, path, content=body, headers=JSON)
        assert given.status_code in (400, 422), (path, given.text[:200])
        assert given.json()["error"]["message"]
        assert len(given.content) < 1000


def test_a_body_that_is_announced_too_large_is_not_read(shared_chat: SharedChat) -> None:
    for path, size in [("/api/conversations", 2_000_000), ("/api/session", 10**15),
                       ("/v1/chat/completions", 200_000_000)]:  # fmt: skip
        status, headers, body = raw_request(
            shared_chat.address, "POST", path, headers={**JSON, "Content-Length": str(size)}
        )
        assert status == 413
        assert headers["connection"] == "close"
        assert "too_large" in body.decode()


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/conversations", 1_000_000),
        ("/api/session", 1_000_000),
        pytest.param("/v1/chat/completions", 96_000_000, marks=pytest.mark.slow),
    ],
)
def test_a_body_without_an_end_is_cut(shared_chat: SharedChat, path: str, limit: int) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 100_000
            yield b" " * 100_000

    status, _, body = raw_request(
        shared_chat.address, "POST", path, body=chunked(endless()),
        headers={**JSON, "Transfer-Encoding": "chunked"},
    )  # fmt: skip
    assert status == 413, body
    assert limit < sent < limit + 60_000_000


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "x"}, {"Content-Length": "-1"}, {"Content-Length": "1e3"},
        {"Content-Length": "9" * 5000}, {"Content-Length": "²"}, {"Content-Length": "1, 2"},
        {"Transfer-Encoding": "nothing"}, {"Content-Length": "+5"}, {"Content-Length": ""},
    ],
)  # fmt: skip
def test_a_length_that_is_none_is_refused(shared_chat: SharedChat, headers: dict[str, str]) -> None:
    for path in ("/api/videos", "/api/conversations", "/v1/chat/completions"):
        status, _, _ = raw_request(shared_chat.address, "POST", path, headers={**JSON, **headers})
        assert status in (400, 413, 501), (path, headers)


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [
        "bytes=abc", "x", "bytes=5-2", "bytes=-0", "bytes=999999999-", "bytes=0-" + "9" * 4000,
        "bytes=" + "0-0," * 3000 + "0-0", "bytes=-", "bytes=", "", "bytes=0-0\t", "bytes=0x1-2",
    ],
)  # fmt: skip
def test_an_odd_range_costs_no_more_than_the_file(shared_chat: SharedChat, asked: str) -> None:
    path = f"/api/videos/{shared_chat.video_id}/file"
    size = shared_chat.client.get(f"/api/videos/{shared_chat.video_id}").json()["size_bytes"]
    status, _, body = raw_request(shared_chat.address, "GET", path, headers={"Range": asked})
    assert status in (200, 206, 400, 416)
    assert len(body) <= size + 1000


def test_a_range_that_is_none_is_told_in_our_form(shared_chat: SharedChat) -> None:
    path = f"/api/videos/{shared_chat.video_id}/file"
    size = shared_chat.client.get(f"/api/videos/{shared_chat.video_id}").json()["size_bytes"]
    for asked in ("bytes=9-3", "bytes=abc", "abc", "bytes=", f"bytes={size}-", "bytes=-0"):
        given = shared_chat.client.get(path, headers={"Range": asked})
        assert given.status_code == 416, asked
        assert given.headers["content-range"] == f"bytes */{size}"
        assert given.json()["error"]["code"] == "bad_request"
    for asked, count in [("bytes=3-9", 7), ("bytes=-5", 5), (f"bytes={size - 2}-{size + 9}", 2),
                         ("Bytes=0-0", 1)]:  # fmt: skip
        given = shared_chat.client.get(path, headers={"Range": asked})
        assert (given.status_code, len(given.content)) == (206, count), asked


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Last-Event-ID": "x" * 5000}, {"Last-Event-ID": "1.1.999999999999999999999"},
        {"Last-Event-ID": "\xff\xfe"}, {"Cookie": '"'}, {"Cookie": "three_stage_chat=\xff"},
        {"Authorization": "Bearer \xff"}, {"Authorization": "Basic"}, {"Accept": "\xff"},
        {"X-Forwarded-For": "evil", "X-Forwarded-Proto": "gopher"}, {"If-None-Match": '"'},
    ],
)  # fmt: skip
def test_an_odd_header_breaks_nothing(shared_chat: SharedChat, headers: dict[str, Any]) -> None:
    for path in ("/api/videos", "/api/conversations/0123456789abcdef/events", "/static/base.css"):
        status, _, _ = raw_request(shared_chat.address, "GET", path, headers=headers)
        assert status in (200, 404, 422), path
