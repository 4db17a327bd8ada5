"""Looking back on an output root: what stands how, and failed videos tried again by kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.command import main
from tests.stages.conftest import content, read
from tests.support.served_offline import Body, Served, served_offline, stage_of
from tests.support.small_video import write_small_video

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
    return write_small_video(tmp_path_factory.mktemp("videos") / "clip.mp4", activities=3)


@pytest.fixture
def videos(video: Path, tmp_path: Path) -> Path:
    """A folder with one video, and a file that is none."""
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(video, folder / "good.mp4")
    (folder / "bad.mp4").write_text("this is no video")
    return folder


def run(*arguments: object) -> int:
    return main([*map(str, arguments), "--num-workers", "1"])


def pipeline(videos: Path, *more: object) -> int:
    """Run with an option that is not the default, so that forgetting it would be seen."""
    options = ("--input-video-dir", videos, "--max-frames", "12", "--continue-on-error")
    return run(*options, "--output-root", "out", *more)


def status(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """Return the state of every video as the command tells it to programs."""
    capsys.readouterr()
    code = run("status", "out", "--json", *more)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    states = {video["state"] for video in document["videos"]}
    assert code == (0 if states == {"done"} else 1)
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
    assert found["good"]["stages"]["stage1"] == {"would_run": None}, "12 pictures are remembered"
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
    assert run("retry", "out") == 0
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
    assert run("status", "out", "--model", "another", "--api-base", "http://127.0.0.1:9/v1") == 1
    assert "model changed" in capsys.readouterr().out, "nobody is asked"


@pytest.mark.usefixtures("endpoint")
def test_a_run_that_was_cut_off_is_told_from_one_that_changed(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "bad.mp4").unlink()
    assert pipeline(videos, "--stages", "1,2") == 0
    assert status(capsys)["good"]["state"] == "done", "the last run wanted no more"
    assert status(capsys, "--stages", "1,2,3")["good"]["state"] == "interrupted"
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
