"""``doctor``: what a person reads before a long run, over real HTTP where an endpoint is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.command import main
from tests.doctor.helpers import VALID, doctor, level_of, line_of
from tests.stages.test_disk_faults import read_only, small_disk
from tests.support.scripted_server import Received, Say, ScriptedServer, Status, Step


def asked_with(body: dict[str, object]) -> str:
    form = body.get("response_format")
    return str(form["type"]) if isinstance(form, dict) else "prompt"


def says(modes: dict[str, Step], most_pictures: int = 100) -> Callable[[Received], Step]:
    """Answer by the structured mode of a question; refuse more pictures than allowed."""

    def step(received: Received) -> Step:
        pictures = received.raw.count(b'"image_url"') // 2
        if pictures > most_pictures:
            words = f"At most {most_pictures} image(s) may be provided in one request."
            return Status(400, {"error": {"message": words}})
        return modes[asked_with(received.body)]

    return step


REFUSED = Status(400, {"error": {"message": "response_format is not supported"}})


def test_with_nothing_set_everything_works_and_nothing_is_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, shown, _ = doctor(capsys, "--max-frames", "12")
    assert code == 0
    for name in ("ffmpeg", "codecs", "disk", "output root", "asked by prompt", "12 pictures"):
        assert level_of(shown, name) == "ok", shown
    assert "embedded offline model" in shown
    assert list(tmp_path.iterdir()) == []


def test_the_way_of_asking_that_works_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"json_schema": REFUSED, "json_object": Say(VALID), "prompt": Say("I see shapes.")}
    with ScriptedServer(says(answers)) as server:
        code, shown, _ = doctor(
            capsys, "--api-base", server.base_url, "--model", "m", "--max-frames", "12"
        )
    assert code == 0
    assert level_of(shown, "asked by json_schema") == "warn"
    assert level_of(shown, "asked by json_object") == "ok"
    assert "the best that works is json_object" in shown
    assert "use --structured-mode auto" not in shown


def test_a_server_that_takes_one_picture_is_found_before_a_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers: dict[str, Step] = {
        "json_schema": Say(VALID),
        "json_object": REFUSED,
        "prompt": REFUSED,
    }
    with ScriptedServer(says(answers, most_pictures=12)) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.base_url, "--max-frames", "30")
    assert code == 3
    assert level_of(shown, "30 pictures") == "FAIL"
    assert "--limit-mm-per-prompt" in shown


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_ends_the_questions_and_exits_with_3(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = Status(status, {"error": {"message": "no"}})
    with ScriptedServer(lambda _received: refusal) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.base_url, "--max-frames", "12")
        assert len(server.requests) == 1
    assert code == 3
    assert "cannot use this endpoint" in shown


def test_nobody_there_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = doctor(capsys, "--api-base", "http://127.0.0.1:9/v1")
    assert code == 3
    assert "Is the server running" in shown


def test_a_model_that_never_answers_as_asked_is_of_no_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(lambda _received: Say('{"steps": []}')) as server:
        code, shown, _ = doctor(capsys, "--api-base", server.base_url, "--max-frames", "12")
    assert code == 3
    assert "no way of asking got a valid answer" in shown


def test_an_output_root_in_a_file_must_be_mended_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    code, shown, _ = doctor(capsys, "--output-root", "file/out", "--max-frames", "12")
    assert code == 1
    assert level_of(shown, "output root") == "FAIL"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_output_root_is_named_with_the_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = tmp_path / "out"
    root.mkdir()
    with read_only(root):
        code, shown, _ = doctor(capsys, "--output-root", str(root), "--max-frames", "12")
    assert code == 1
    assert level_of(shown, "output root") == "FAIL"
    line = line_of(shown, "output root")
    assert f"{root} cannot be written: " in line
    assert line.endswith("choose another --output-root.")
    assert "Errno" not in line
    assert ".doctor-" not in line


@pytest.mark.slow
def test_a_full_disk_is_said_in_one_short_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", size_kib=64) as disk:
        (disk / "filling").write_bytes(b"x" * 64 * 1024)
        code, shown, _ = doctor(capsys, "--output-root", str(disk), "--max-frames", "12")
    assert code == 1
    line = line_of(shown, "output root")
    assert f"{disk} cannot be written: No space left on device. Make room" in line
    assert ".doctor-" not in line


def test_the_embedded_model_that_was_asked_for_is_not_called_unset(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, shown, _ = doctor(capsys, "--provider", "offline", "--max-frames", "12")
    assert code == 0
    assert level_of(shown, "endpoint") == "ok"
    assert "--provider offline: the embedded model answers" in shown
    assert "none is set" not in shown


def test_an_ffmpeg_that_does_not_work_must_be_mended_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, shown, _ = doctor(capsys, "--ffmpeg-bin", sys.executable, "--max-frames", "12")
    assert code == 1
    assert level_of(shown, "ffmpeg") == "FAIL"


def test_a_hosted_preset_without_a_key_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--provider", "dashscope"]) == 2
    assert "API_KEY" in capsys.readouterr().err
