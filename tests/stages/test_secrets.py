"""A marked key goes through every command, to servers that repeat it wherever they can; then eight
of its characters in a row are looked for in every file, every page and every line shown."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from stages.command import main
from tests.support.scripted_server import Raw, Received, Say, ScriptedServer, Status, Step
from tests.support.served_offline import served_offline
from tests.support.small_video import write_small_video

CHECKOUT = Path(__file__).resolve().parents[2]
SHORTEST_FOUND = 8

pytestmark = pytest.mark.slow


@pytest.fixture
def key() -> str:
    """A key that no text holds a part of by chance."""
    return f"sk-{secrets.token_hex(24)}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a video in it."""
    (tmp_path / "videos").mkdir()
    write_small_video(tmp_path / "videos" / "clip.mp4", activities=3, seconds_each=1.5)
    return tmp_path


def command(place: Path, script: str, *arguments: str, key: str | None) -> tuple[int, str]:
    """Run a command in ``place`` as a person would, and return its exit code and all it showed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME")
    }
    if key is not None:
        environment["API_KEY"] = key
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / script), *arguments],
        cwd=place, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def command_here(
    place: Path, *arguments: str, key: str, captured: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run a command of pipeline.py in this process, which starts no Python; else as above."""
    captured.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME"):
            patch.delenv(name, raising=False)
        patch.setenv("API_KEY", key)
        patch.chdir(place)
        code = main(list(arguments))
    shown = captured.readouterr()
    return code, shown.out + shown.err


def leaks(key: str, place: Path, shown: list[str]) -> list[str]:
    """Return where a part of the key was found."""
    parts = {key[i : i + SHORTEST_FOUND] for i in range(len(key) - SHORTEST_FOUND + 1)}
    encoded = [part.encode() for part in parts]
    found = [text for text in shown if any(part in text for part in parts)]
    for path in sorted(place.rglob("*")):
        if any(part in path.name for part in parts):
            found.append(f"the name {path}")
        if path.is_file() and path.name != ".env":
            data = path.read_bytes()
            found += [f"{path}: {part!r}" for part in encoded if part in data][:1]
    return found


OPTIONS = ("--input-video-dir", "videos", "--max-frames", "12", "--num-workers", "1")
LOUD = ("--verbose", "--log-file", "run.log", "--api-call-retry-backoff-sec", "0")


def test_a_run_that_works_and_all_that_looks_back_on_it(place: Path, key: str) -> None:
    chatty = f"Your key is {key}, and again {key[:12]}... {key[-12:]}"

    def answers(number: int, _body: object) -> str | None:
        return chatty if number in (1, 5, 7) else None

    shown = []
    with served_offline(instead=answers) as endpoint:
        (place / ".env").write_text(f"API_KEY={key}\nAPI_BASE_URL={endpoint.url}\n")
        for script, *arguments in (
            ("pipeline.py", "doctor", "--max-frames", "12"),
            ("pipeline.py", *OPTIONS, *LOUD, "--post-validate"),
            ("pipeline.py", "status", "outputs", "--json"),
            ("pipeline.py", "retry", "outputs", *LOUD),
            ("pipeline.py", "report", "outputs"),
            ("validate_output.py", "--output-root", "outputs", "--report-json", "checked.json"),
            ("pipeline.py", *OPTIONS, *LOUD, "--overwrite", "--stages", "3", "--api-key", key),
        ):
            code, said = command(place, script, *arguments, key=None)
            assert code == 0, said
            shown.append(said)
        assert endpoint.requests > 4 + 5, "the doctor's questions, and those of the run"
    assert (place / "run.log").stat().st_size
    assert (place / "outputs-report" / "index.html").exists()
    assert leaks(key, place, shown) == []


def repeats(key: str, received: Received) -> Step:
    """Say the key, or parts of it, in another place of the answer each time."""
    headers = {"x-request-id": f"request of {key}", "location": f"http://127.0.0.1/{key}"}
    error = {"error": {"message": f"Bad key {key[:11]}***{key[-9:]}; {key}", "code": key}}
    wrong = Say(f'{{"steps": "{key}"}}')
    steps: list[Step] = [
        Status(500, error, headers=headers),
        Status(429, error, headers=headers),
        Raw(f"<html><title>{key}</title></html>".encode(), "text/html"),
        wrong,
        Status(400, {"detail": [{"loc": ["header", key], "msg": key, "input": key}]}),
        Status(302, "", headers=headers),
    ]
    return steps[(received.number - 1) % len(steps)]


@pytest.mark.parametrize("status", [401, None])
def test_runs_that_fail_in_every_way(
    place: Path, key: str, status: int | None, capfd: pytest.CaptureFixture[str]
) -> None:
    error = {"error": {"message": f"Incorrect API key provided: {key[:10]}*****{key[-8:]}. {key}"}}
    headers = {"x-request-id": key, "location": f"http://127.0.0.1/{key}"}
    shown = []

    def step(received: Received) -> Step:
        assert received.headers["authorization"] == f"Bearer {key}"
        return repeats(key, received) if status is None else Status(status, error, headers=headers)

    with ScriptedServer(step) as server:
        for arguments in (
            ("doctor", "--api-base", server.base_url, "--max-frames", "12"),
            (*OPTIONS, *LOUD, "--api-base", server.base_url, "--endpoint-patience-sec", "1"),
            ("status", "outputs"),
            ("retry", "outputs", *LOUD, "--api-base", server.base_url,
             "--endpoint-patience-sec", "1"),
        ):  # fmt: skip
            code, said = command_here(place, *arguments, key=key, captured=capfd)
            assert code in (1, 3) or arguments[0] == "retry", said
            assert "Traceback" not in said
            shown.append(said)
        assert server.requests
    code, said = command_here(place, "report", "outputs", key=key, captured=capfd)
    shown.append(said)
    assert leaks(key, place, shown) == []


def test_an_endpoint_that_is_gone(place: Path, key: str) -> None:
    code, said = command(
        place, "pipeline.py", *OPTIONS, *LOUD, "--api-base", "http://127.0.0.1:9/v1",
        "--endpoint-patience-sec", "1", key=key,
    )  # fmt: skip
    assert code == 3
    assert leaks(key, place, [said]) == []


@pytest.mark.parametrize("where", ["--api-base", "--provider", "--model"])
def test_a_key_in_the_wrong_place_is_refused_without_being_shown(
    place: Path, key: str, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    value = f"http://127.0.0.1:9/{key}/v1" if where == "--api-base" else f"typed {key}"
    more = () if where == "--api-base" else ("--api-base", "http://127.0.0.1:9/v1")
    code, said = command_here(place, *OPTIONS, *more, where, value, key=key, captured=capfd)
    assert code == 2
    assert leaks(key, place, [said]) == []
