"""Looking back on an output root: what stands how, and failed videos tried again by kind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.command import main
from tests.stages.conftest import content, read
from tests.support.served_offline import Body, Served, served_offline, stage_of
from tests.support.small_video import write_small_video

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_AN_ANSWER = '{"steps": "none"}'


class Endpoint:
    """An endpoint that answers nonsense to the questions of some stages, while told so."""

    def __init__(self) -> None:
        self.spoils: set[str] = set()
        self.served: Served | None = None

    def instead(self, _number: int, body: Body) -> str | None:
        """Return the nonsense."""
        return NOT_AN_ANSWER if stage_of(body) in self.spoils else None

    @property
    def requests(self) -> int:
        """How many questions came so far."""
        assert self.served is not None
        return self.served.requests


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Serve on loopback, and name the server in the environment as users do."""
    spoiled = Endpoint()
    with served_offline(instead=spoiled.instead) as served:
        spoiled.served = served
        monkeypatch.setenv("API_BASE_URL", served.url)
        yield spoiled


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    return write_small_video(path, activities=3, seconds_each=1.0)


@pytest.fixture
def videos(video: Path, tmp_path: Path) -> Path:
    """A folder with one video, and a file that is none."""
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(video, folder / "good.mp4")
    (folder / "bad.mp4").write_text("this is no video")
    return folder


def run(*arguments: object) -> int:
    more = [] if arguments[0] == "status" else ["--num-workers", "1"]
    return main([*map(str, arguments), *more])


def pipeline(videos: Path, *more: object) -> int:
    """Run with options that are not the defaults, so that forgetting one would be seen."""
    options = ("--input-video-dir", videos, "--max-frames", "12", "--continue-on-error")
    return run(*options, "--output-root", "out", "--model", "mine", *more)


def status(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """Return the state of every video as the command tells it to programs."""
    capsys.readouterr()
    code = run("status", "out", "--json", *more)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    states = {video["state"] for video in document["videos"]}
    assert code == (0 if states == {"done"} and not document["remarks"] else 1)
    return {video["video_id"]: video for video in document["videos"]}


def test_status_and_retry_follow_a_video_from_failure_to_done(
    videos: Path, endpoint: Endpoint, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.spoils = {"stage3"}
    assert pipeline(videos) == 1
    asked = endpoint.requests
    before = content(Path("out"))
    found = status(capsys)
    assert content(Path("out")) == before, "status changes nothing"
    assert (found["good"]["state"], found["good"]["kind"]) == ("failed", "answer")
    assert "no valid answer" in found["good"]["reason"]
    assert found["good"]["stages"]["stage1"]["would_run"] is None, "options are remembered"
    assert found["good"]["requests_left"] == 3
    assert (found["bad"]["state"], found["bad"]["kind"]) == ("failed", "video")

    assert run("retry", "out", "--kind", "cut") == 0
    assert "No failed video" in capsys.readouterr().err
    assert endpoint.requests == asked

    endpoint.spoils = set()
    assert run("retry", "out", "--kind", "answer") == 0
    shown = capsys.readouterr().err
    assert "trying 1 of 2 videos again" in shown
    assert "--stageN-retries" in shown
    assert endpoint.requests == asked + 3, "what was done is not asked again"
    found = status(capsys)
    assert found["good"]["state"] == "done"
    assert found["bad"]["state"] == "failed", "the failure that was not tried again is not lost"

    shutil.copy(video, videos / "bad.mp4")
    assert run("retry", "out") == 1, "another file than the one that failed is not sent unasked"
    assert "--input-video" in capsys.readouterr().err
    assert run("retry", "out", "--input-video", videos / "bad.mp4") == 0
    assert {one["state"] for one in status(capsys).values()} == {"done"}


@pytest.mark.slow
@pytest.mark.usefixtures("endpoint")
def test_status_says_in_words_what_changed_and_what_was_never_begun(
    videos: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(video, videos / "bad.mp4")
    assert pipeline(videos) == 0
    shutil.copy(video, videos / "third.mp4")
    assert run("status", "out", "--temperature", "0.7") == 1
    shown = capsys.readouterr().out
    assert "2 changed" in shown
    assert "stage1: temperature changed" in shown
    assert "1 not begun" in shown
    assert "third" in shown
    for more in (("--model", "another"), ("--api-base", "http://127.0.0.1:9/v1", "--model", "x")):
        assert run("status", "out", *more) == 1
        assert "model changed" in capsys.readouterr().out, "nobody is asked"


@pytest.mark.slow
@pytest.mark.usefixtures("endpoint")
def test_a_run_that_was_cut_off_is_told_from_one_that_changed(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    assert pipeline(videos, "--stages", "1,2") == 0
    assert status(capsys)["good"]["state"] == "not finished"
    summary = read(Path("out/good/run_summary.json"))
    summary["stage2"]["status"] = "running"
    Path("out/good/run_summary.json").write_text(json.dumps(summary))
    found = status(capsys)["good"]
    assert found["state"] == "interrupted"
    assert "stage2: it was interrupted" in found["reason"]


@pytest.mark.slow
@pytest.mark.usefixtures("endpoint")
def test_a_source_that_is_gone_leaves_the_results_done(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    assert pipeline(videos) == 0
    (videos / "good.mp4").unlink()
    found = status(capsys)["good"]
    assert found["state"] == "done"
    assert "is gone" in found["reason"]


def test_retry_does_not_let_the_embedded_model_go_on_with_a_real_ones_work(
    videos: Path,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    endpoint.spoils = {"stage2"}
    assert pipeline(videos) == 1
    asked, before = endpoint.requests, content(Path("out"))
    monkeypatch.delenv("API_BASE_URL")
    capsys.readouterr()
    assert run("retry", "out") == 2
    assert "--api-base" in capsys.readouterr().err
    assert (endpoint.requests, content(Path("out"))) == (asked, before)
    assert status(capsys)["good"]["kind"] == "answer", "to look back, no endpoint is needed"


@pytest.mark.slow
def test_retry_asks_the_same_model_again_and_preflight_foretells_it(
    videos: Path, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    endpoint.spoils = {"stage3"}
    assert pipeline(videos) == 1
    shutil.rmtree("out/.runs")
    asked = endpoint.requests
    capsys.readouterr()
    options = ("--max-frames", "12")  # no record is left to know them from
    assert run("retry", "out", "--preflight-only", *options) == 0
    assert "good: stage1: reuse" in capsys.readouterr().out
    endpoint.spoils = set()
    assert run("retry", "out", *options) == 0
    assert endpoint.requests == asked + 3
    served = endpoint.served
    assert served is not None
    assert {body["model"] for body in served.bodies} == {"mine"}


def test_a_video_that_only_the_output_folder_names_is_not_sent(
    videos: Path, endpoint: Endpoint, video: Path, tmp_path: Path
) -> None:
    endpoint.spoils = {"stage3"}
    assert pipeline(videos) == 1
    private = tmp_path / "private" / "bad.mp4"
    private.parent.mkdir()
    shutil.copy(video, private)
    record = read(Path("out/.runs/last.json"))
    for one in record["failed"]:
        one["source_video"] = str(private)
    record["failed"].append({**record["failed"][0], "video_id": "../outside"})
    asked = endpoint.requests
    Path("out/.runs/last.json").write_text(json.dumps(record))
    (videos / "bad.mp4").unlink()
    assert run("retry", "out", "--kind", "video") in (0, 1)
    assert endpoint.requests == asked


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a script as a program")
def test_a_program_or_prompts_that_the_output_folder_names_are_not_used(
    videos: Path, endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.spoils = {"stage3"}
    assert pipeline(videos) == 1
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    script.chmod(0o755)
    record = read(Path("out/.runs/last.json"))
    record["options"] |= {"ffmpeg_bin": str(script), "overwrite": True, "log_file": "log.txt"}
    Path("out/.runs/last.json").write_text(json.dumps(record))
    assert status(capsys)["good"]["stages"]["stage1"]["would_run"] is None
    assert run("retry", "out") == 1
    assert not (tmp_path / "started").exists()
    assert not Path("log.txt").exists()
    record["options"]["prompts_dir"] = str(tmp_path)
    Path("out/.runs/last.json").write_text(json.dumps(record))
    asked = endpoint.requests
    assert run("retry", "out") == 2
    assert "--prompts-dir" in capsys.readouterr().err
    assert endpoint.requests == asked


def gone(path: str) -> Callable[[Path], object]:
    return lambda out: (out / path).unlink()


@pytest.mark.usefixtures("endpoint")
@pytest.mark.slow
def test_done_is_said_only_of_what_a_run_would_leave_alone(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    assert pipeline(videos) == 0
    shutil.copytree("out", "kept")
    changes: dict[str, tuple[Callable[[Path], object], str, int]] = {
        "plan": (gone("good/causal_plan_with_keyframes.json"), "changed", 0),
        "draft": (gone("good/stage1/draft_plan.json"), "changed", 0),
        "localization": (gone("good/stage2/localization_raw.json"), "changed", 0),
        "summary": (lambda out: (out / "good/run_summary.json").write_text("{"), "damaged", 3),
        "folder": (lambda out: (out / "good").rename(out / "other"), "not begun", 7),
    }
    for name, (change, state, requests) in changes.items():
        shutil.rmtree("out")
        shutil.copytree("kept", "out")
        change(Path("out"))
        found = status(capsys)["good"]
        assert (found["state"], found["requests_left"]) == (state, requests), name


@pytest.mark.slow
def test_a_failure_outlives_a_run_of_other_stages(
    videos: Path, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    endpoint.spoils = {"stage3"}
    assert pipeline(videos) == 1
    assert pipeline(videos, "--stages", "1,2") == 0
    assert status(capsys)["good"]["kind"] == "answer"


@pytest.mark.slow
@pytest.mark.usefixtures("endpoint")
def test_inputs_that_are_gone_are_said_and_are_not_done(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    assert pipeline(videos) == 0
    shutil.rmtree(videos)
    assert run("status", "out") == 1
    assert "cannot be looked through" in capsys.readouterr().out


@pytest.mark.slow
def test_what_was_spent_is_what_the_journal_and_the_record_of_the_run_say(
    videos: Path, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    endpoint.spoils = {"stage3"}
    assert pipeline(videos) == 1
    calls = [json.loads(line) for line in Path("out/good/calls.jsonl").read_text().splitlines()]
    for field in ("requests", "prompt_tokens", "completion_tokens"):
        spent = status(capsys)["good"]["usage"][field]
        assert spent == sum(call["usage"][field] for call in calls)
        assert spent == read(Path("out/.runs/last.json"))["usage"][field]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupted_run_leaves_word_of_what_it_took(video: Path, tmp_path: Path) -> None:
    def slow(body: Body) -> float:
        return 60.0 * (stage_of(body) == "stage2")

    with served_offline(delay_sec=slow) as served:
        arguments = ("--input-video", str(video), "--api-base", served.url, "--max-frames", "12")
        process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "pipeline.py"), *arguments, "--output-root", "out"],
            cwd=tmp_path, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while served.requests < 2 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    record = read(tmp_path / "out" / ".runs" / "last.json")
    assert (record["exit_code"], record["ended_by"]) == (130, "interrupted")
    assert record["usage"]["requests"] == 2
    assert record["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", "nowhere"), "no such folder"),
        (("status", "."), "no results in it"),
        (("retry", "nowhere"), "no such folder"),
        (("stauts", "out"), "Commands: doctor, status, retry, report"),
        (("retry", ".", "--kind", "bad luck"), "is one of answer"),
        (("status",), "OUTPUT_ROOT"),
        (("status", ".", "--crf", "99"), "--crf"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(arguments)) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


WELL_FORMED = {
    "format_version": 1, "started_at_utc": "2026-01-01T00:00:00.000+00:00", "videos": 1,
    "model": "m", "api_base": "http://127.0.0.1:9/v1", "options": {},
}  # fmt: skip
FAILED = {"video_id": "x", "source_video": "/x.mp4", "kind": "answer", "error": "e"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": {"input_video": ["\0x"]}},
        {"options": {"input_video_dir": 5}},
        {"options": {"input_video_dir": "\0"}},
        {"options": {"max_frames": "many"}},
        {"options": {"max_frames": 10**400}},
        {"options": {"provider": 7, "prompts_dir": "\0", "nobody_knows": [["x"]]}},
        {"options": {"provider": "x\r\ny", "api_base": "file:///etc"}},
        {"failed": [{**FAILED, "video_id": "a\0b"}]},
        {"failed": [{**FAILED, "video_id": "../out/good"}]},
        {"failed": [{**FAILED, "video_id": ".."}]},
        {"failed": [{**FAILED, "video_id": "x" * 5000}]},
        {"failed": [{**FAILED, "source_video": "/" + "x" * 4000}]},
        {"took_sec": 1e308},
        {"api_base": "not a url", "model": ""},
    ],
    ids=lambda wrong: str(wrong)[:60],
)
def test_a_record_of_wrong_meaning_costs_no_traceback(
    wrong: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out/.runs").mkdir(parents=True)
    Path("out/good").mkdir()
    Path("out/.runs/last.json").write_text(json.dumps(WELL_FORMED | wrong))
    for command in ("status", "retry"):
        assert run(command, "out") in (0, 1, 2)
        shown = capsys.readouterr()
        assert len(shown.out + shown.err) < 20_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
@pytest.mark.usefixtures("endpoint")
def test_a_source_that_is_no_file_costs_its_own_line(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    assert pipeline(videos, "--stages", "1") == 0
    shutil.rmtree("out/.runs")
    os.mkfifo("pipe.mp4")
    summary = read(Path("out/good/run_summary.json"))
    for source in (str(Path("pipe.mp4").absolute()), "a\0b", "x" * 5000):
        summary["source_video"] = source
        Path("out/good/run_summary.json").write_text(json.dumps(summary))
        assert status(capsys)["good"]["state"] in ("failed", "damaged"), source


@pytest.mark.parametrize("record", ["", "{", '{"options": 3}', "[" * 100_000])
def test_a_damaged_record_of_the_last_run_is_a_help_less_and_no_error(
    record: str, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out/.runs").mkdir(parents=True)
    Path("out/.runs/last.json").write_text(record)
    shutil.copytree(videos, "out/not_ours")
    capsys.readouterr()
    assert run("status", "out") == 2
    assert "no results" in capsys.readouterr().err
