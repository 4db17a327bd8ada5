"""With a token: who has none gets nothing, and the token itself is nowhere to be read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from tests.chat.upstream import refusal, upstream
from tests.chat.wire import raw_request
from tests.support.running_chat import ROOT, chat_process, running_chat
from three_stage.chat.command import main

TOKEN = "pass-phrase-fünf-两-0123456789"  # noqa: S105
PUBLIC = "chat.example.org"
CLOSED = [
    ("GET", "/api/status"), ("GET", "/api/models"), ("GET", "/api/videos"), ("POST", "/api/videos"),
    ("GET", "/api/videos/0123456789abcdef"), ("DELETE", "/api/videos/0123456789abcdef"),
    ("GET", "/api/videos/0123456789abcdef/file"), ("GET", "/api/conversations"),
    ("GET", "/api/videos/0123456789abcdef/pools/0123456789abcdef/1"),
    ("POST", "/api/conversations"), ("GET", "/api/conversations/0123456789abcdef"),
    ("PATCH", "/api/conversations/0123456789abcdef"),
    ("DELETE", "/api/conversations/0123456789abcdef"),
    ("POST", "/api/conversations/0123456789abcdef/messages"),
    ("POST", "/api/conversations/0123456789abcdef/stop"),
    ("POST", "/api/conversations/0123456789abcdef/messages/1/retry"),
    ("GET", "/api/conversations/0123456789abcdef/events"),
    ("GET", "/api/conversations/0123456789abcdef/export"),
    ("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/m"),
    ("GET", "/openapi.json"), ("GET", "/api/nothing"), ("GET", "/v1/nothing"),
    ("GET", "/api//status"), ("GET", "/api/session/../status"), ("OPTIONS", "/api/videos"),
]  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Return a client of a chat with a token and a public name; it sends no token by itself."""
    folder = tmp_path_factory.mktemp("guarded")
    with (
        running_chat(folder, server={"auth_token": TOKEN, "public_host": PUBLIC}) as address,
        httpx2.Client(base_url=address) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _no_cookies(guarded: httpx2.Client) -> None:
    guarded.cookies.clear()


def _bearer(token: str) -> dict[bytes, bytes]:
    return {b"Authorization": b"Bearer " + token.encode()}


def test_the_list_of_closed_paths_is_whole(guarded: httpx2.Client) -> None:
    document = guarded.get("/openapi.json", headers=_bearer(TOKEN)).json()
    known = {
        (method.upper(), path.split("{", maxsplit=1)[0], path.rsplit("}", maxsplit=1)[-1])
        for path, item in document["paths"].items()
        for method in item
        if path not in ("/healthz", "/api/session")
    }
    held = {
        (method, path.replace("0123456789abcdef", "{}", 1).split("{", maxsplit=1)[0])
        for method, path in CLOSED
    }
    assert {(method, head.rstrip("/")) for method, head, _ in known} <= {
        (method, head.rstrip("/")) for method, head in held
    } | {("GET", "/v1/models")}


WRONG: tuple[dict[bytes, bytes], ...] = (
    {}, _bearer(TOKEN[:-1]), {b"Cookie": b"three_stage_chat=" + b"0" * 64},
    {b"Authorization": b"Bearer"}, {b"Authorization": TOKEN[:4].encode()},
    {b"Authorization": b"Basic dXNlcjpwYXNz"}, _bearer(TOKEN + "x"),
    {b"Cookie": b"three_stage_chat="}, {b"Cookie": b"three_stage_chat=pass-phrase"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [(method, path, headers) for method, path in CLOSED for headers in WRONG[:2]]
    + [(*CLOSED[0], headers) for headers in WRONG[2:]],
)
def test_who_has_no_token_gets_nothing(
    guarded: httpx2.Client, method: str, path: str, headers: dict[bytes, bytes]
) -> None:
    given = guarded.request(method, path, headers=headers)
    assert given.status_code == 401
    assert set(given.json()) == {"error"}
    assert given.json()["error"]["code"] == "unauthorized"
    assert ("type" in given.json()["error"]) == path.startswith("/v1/")
    assert given.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/docs", "/nothing", "/apiary"])
def test_a_person_without_a_token_is_led_to_the_login(guarded: httpx2.Client, path: str) -> None:
    given = guarded.get(path)
    assert (given.status_code, given.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("path", ["/login", "/healthz", "/static/login.js", "/static/login.css"])
def test_the_login_needs_no_token(guarded: httpx2.Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../api/videos", "/static/%2e%2e/api/videos", "/login/../api/videos",
     "/healthz/../api/videos", "/static/..%2f..%2fapi/videos", "/LOGIN/../api/videos"],
)  # fmt: skip
def test_no_open_path_leads_to_a_closed_one(guarded: httpx2.Client, path: str) -> None:
    status, _, body = raw_request(str(guarded.base_url), "GET", path)
    assert status in (303, 401, 404)
    assert b'"videos"' not in body


def test_a_browser_logs_in_with_the_token_and_out(guarded: httpx2.Client) -> None:
    refused = guarded.post("/api/session", json={"token": "wrong"})
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    given = guarded.post("/api/session", json={"token": TOKEN})
    assert given.status_code == 204
    cookie = given.headers["set-cookie"]
    flags = [part.strip().lower() for part in cookie.split(";")[1:]]
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert "path=/" in flags
    assert TOKEN not in cookie
    assert guarded.get("/api/videos").status_code == 200
    assert guarded.get("/").status_code == 200
    assert guarded.delete("/api/session").status_code == 204
    assert guarded.get("/api/videos").status_code == 401


def test_behind_https_the_cookie_is_for_https_only(guarded: httpx2.Client) -> None:
    given = guarded.post(
        "/api/session", json={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"}
    )
    assert "secure" in given.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (PUBLIC, None), (PUBLIC, f"https://{PUBLIC}"), (f"{PUBLIC}:443", f"https://{PUBLIC}"),
        (PUBLIC.upper(), f"https://{PUBLIC}"), (PUBLIC, f"https://{PUBLIC}:8443"),
        # As proxies ask by default: by the address of the server behind them.
        ("127.0.0.1:7860", f"https://{PUBLIC}"), ("localhost:7860", f"https://{PUBLIC}:443"),
        (f"{PUBLIC}:80", f"http://{PUBLIC}"), ("127.0.0.1:7860", "http://127.0.0.1:7860"),
    ],
)  # fmt: skip
def test_a_page_that_came_through_the_proxy_is_our_own(
    guarded: httpx2.Client, host: str, origin: str | None
) -> None:
    assert _status_of_a_change(guarded, host, origin) == 401


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example", None), ("evil.example", f"https://{PUBLIC}"), (f"a.{PUBLIC}", None),
        (f"{PUBLIC}.evil.example", None), (PUBLIC, "https://evil.example"), (PUBLIC, "null"),
        (PUBLIC, f"https://a.{PUBLIC}"), (PUBLIC, f"https://{PUBLIC}.evil.example"),
        (PUBLIC, f"https://{PUBLIC}@evil.example"), (PUBLIC, f"https://evil.example/{PUBLIC}"),
        (PUBLIC, f"https://evil.example#@{PUBLIC}"), (PUBLIC, f"http://{PUBLIC}:8080"),
        ("127.0.0.1:7860", f"http://{PUBLIC}"), (PUBLIC, PUBLIC), (PUBLIC, "https://"),
        (PUBLIC, f"ftp://{PUBLIC}"), (PUBLIC, "https://127.0.0.1:7860"), (PUBLIC, ""),
    ],
)  # fmt: skip
def test_a_public_name_lets_no_other_in(
    guarded: httpx2.Client, host: str, origin: str | None
) -> None:
    assert _status_of_a_change(guarded, host, origin) == 403


def _status_of_a_change(guarded: httpx2.Client, host: str, origin: str | None) -> int:
    """Ask for a change, without the token: 401 when it is not foreign, else 403."""
    headers = {"Host": host, "Content-Length": "0"}
    headers |= {} if origin is None else {"Origin": origin}
    path = "/api/conversations/0123456789abcdef/stop"
    return raw_request(str(guarded.base_url), "POST", path, headers=headers)[0]


@pytest.mark.parametrize(
    "body", [b'{"token": "\\ud800"}', b'{"token": "\\u0000"}', b'{"token": 1}']
)
def test_an_odd_token_is_refused(guarded: httpx2.Client, body: bytes) -> None:
    given = guarded.post("/api/session", content=body, headers={"Content-Type": "application/json"})
    assert given.status_code in (401, 422)


def test_programs_send_it_as_their_key(guarded: httpx2.Client) -> None:
    assert guarded.get("/api/videos", headers=_bearer(TOKEN)).status_code == 200
    assert guarded.get("/v1/models", headers=_bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/login", "/docs", "/openapi.json", "/api/status"])
def test_no_page_holds_the_token(guarded: httpx2.Client, path: str) -> None:
    given = guarded.get(path, headers=_bearer(TOKEN))
    assert given.status_code == 200
    assert TOKEN not in given.text
    assert "0123456789" not in given.text


# The command


def test_a_public_server_without_a_token_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THREE_STAGE_AUTH_TOKEN", raising=False)
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org", ""):  # noqa: S104
        data = tmp_path / "data"
        assert main(["--host", host, "--data-dir", str(data), "--port", "0"]) == 2
        said = capsys.readouterr()
        assert "--auth-token" in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
        assert not data.exists()
    for short in ("a-b-c-d", "short"):
        assert main(["--host", "0.0.0.0", "--auth-token", short, "--port", "0"]) == 2  # noqa: S104
        assert capsys.readouterr().err == "Error: --auth-token is shorter than 8 characters.\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--public-host", PUBLIC], "--auth-token"),
        (["--public-host", f"https://{PUBLIC}", "--auth-token", "a-b-c-d-e"], "no https://"),
        (["--public-host", f"{PUBLIC}:443", "--auth-token", "a-b-c-d-e"], "no port"),
        (["--public-host", "", "--auth-token", "a-b-c-d-e"], "the name alone"),
        (["--max-frames", "201"], "above 200"),
    ],
)
def test_options_that_could_not_do_what_they_say_are_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THREE_STAGE_AUTH_TOKEN", raising=False)
    assert main([*options, "--port", "0"]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "chat_data").exists()


@pytest.mark.slow
def test_a_public_server_with_a_token_says_it_nowhere(tmp_path: Path) -> None:
    token = "secret-0123456789-abcdef"  # noqa: S105
    log = tmp_path / "chat.log"
    options = ["--host", "0.0.0.0", "--data-dir", str(tmp_path / "data"),  # noqa: S104
               "--log-file", str(log), "--verbose", "--max-frames", "60"]  # fmt: skip
    with chat_process(*options, env={"THREE_STAGE_AUTH_TOKEN": token}) as chat:
        address = chat.address
        assert address.startswith("http://127.0.0.1:")
        with httpx2.Client(base_url=address, timeout=30) as http:
            assert http.get("/api/videos").status_code == 401
            assert http.get("/", follow_redirects=True).status_code == 200
            assert http.post("/api/session", json={"token": "nothing"}).status_code == 401
            assert http.post("/api/session", json={"token": token}).status_code == 204
            assert http.post("/api/videos?name=a.mp4", content=b"text").status_code == 415
            assert http.get(f"/{token}").status_code == 404
        with OpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0) as client:
            answer = client.chat.completions.create(
                model="offline", messages=[{"role": "user", "content": f"Is it {token}?"}]
            )
            assert answer.choices[0].message.content
        chat.process.terminate()
        said = "".join(chat.process.communicate(timeout=20))
    assert "--max-frames 60 is above 50" in said
    assert token not in said
    assert token not in log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_key_of_the_endpoint_is_in_no_log_and_no_answer(tmp_path: Path) -> None:
    key = "sk-0123456789-abcdefghijkl"
    log = tmp_path / "chat.log"
    with upstream() as up:
        up.reply = refusal(401, f"Incorrect API key provided: {key}. Or {key[3:19]}")
        env = {"API_KEY": key, "API_BASE_URL": up.url, "MODEL_NAME": "m"}
        options = ["--data-dir", str(tmp_path / "data"), "--log-file", str(log), "--verbose"]
        with (
            chat_process(*options, env=env) as chat,
            httpx2.Client(base_url=chat.address, timeout=30) as http,
        ):
            body = {"model": "m", "messages": [{"role": "user", "content": f"Is it {key}?"}]}
            said = [http.post("/v1/chat/completions", json={**body, "stream": stream}).text
                    for stream in (False, True)]  # fmt: skip
            said += [http.get(path).text for path in ("/api/status", "/api/models", "/")]
            chat.process.terminate()
            said += chat.process.communicate(timeout=20)
        assert up.bodies
    said.append(log.read_text(encoding="utf-8"))
    for text in said:
        assert key not in text
        assert key[3:15] not in text


@pytest.mark.slow
def test_a_refusal_of_the_command_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "chat_server.py"), "--host", "0.0.0.0"],  # noqa: S104
        capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
