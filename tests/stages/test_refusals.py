"""What is wrong before the first call ends with exit code 2, one clear line, and no call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stages.conftest import Run
from tests.support.numbered_video import run_ffmpeg
from tests.support.served_offline import served_offline
from tests.support.small_video import write_small_video


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_video(
        tmp_path_factory.mktemp("videos") / "tiny.mp4", activities=3, seconds_each=1.0
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--input-video"),
        (["--input-video", "not-there.mp4"], "not-there.mp4"),
        (["--input-video", "TINY", "--stages", "4"], "--stages"),
        (["--input-video", "TINY", "--api-key", "sk-secret-secret-1234"], "key"),
        (["--input-video", "TINY", "--shard", "3/2"], "--shard"),
        (["--input-video", "TINY", "--overwrite", "--reuse-any"], "--reuse-any"),
        (["--input-video", "TINY", "--max-cost", "1"], "--prices"),
        (["--input-video", "TINY", "--ffmpeg-bin", "no-such-ffmpeg"], "ffmpeg"),
        (["--input-video", "TINY", "--prompts-dir", "no-such-folder"], "no-such-folder"),
        (["--input-video", "TINY", "--max-frames", "many"], "--max-frames"),
        (["--input-video", "TINY", "--stages", "3"], "stage1"),
        (["--input-video", "TINY", "--output-root", "TINY"], "is a file"),
        (["--input-video", "TINY", "--log-file", "TINY/x.log"], "--log-file"),
    ],
)
def test_bad_options_are_one_clear_line(
    tiny: Path, run: Run, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    given = [option.replace("TINY", str(tiny)) for option in options]
    assert run(*given) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert "Traceback" not in shown
    assert "secret" not in shown


def text(path: Path, _good: Path) -> None:
    path.write_text("no video at all" * 100, encoding="utf-8")


def empty(path: Path, _good: Path) -> None:
    path.touch()


def sound_alone(path: Path, _good: Path) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=2", "-f", "mp4", path)


def unknown_codec(path: Path, good: Path) -> None:
    run_ffmpeg("-i", good, "-c", "copy", "-f", "matroska", path)
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_FUTURE/CODEC8"))


def playlist(path: Path, good: Path) -> None:
    path.write_text(f"#EXTM3U\n#EXTINF:9,\n{good}\n#EXT-X-ENDLIST\n", encoding="utf-8")


def concat_list(path: Path, good: Path) -> None:
    path.write_text(f"ffconcat version 1.0\nfile '{good}'\n", encoding="utf-8")


def cut_off_while_written(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])


def folder(path: Path, _good: Path) -> None:
    path.mkdir()


def link_to_nothing(path: Path, _good: Path) -> None:
    path.symlink_to("gone.mp4")


def locked(path: Path, good: Path) -> None:
    if sys.platform == "win32" or os.geteuid() == 0:
        pytest.skip("everything is readable for us")
    path.write_bytes(good.read_bytes())
    path.chmod(0)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (text, "is not a video that can be opened"),
        (empty, "is empty (0 bytes)"),
        (sound_alone, "holds no moving pictures"),
        (unknown_codec, "no decoder for its pictures"),
        (playlist, "is not a video that can be opened"),
        (concat_list, "is not a video that can be opened"),
        (cut_off_while_written, "cut off while it was written"),
        (folder, "folder"),
        (link_to_nothing, "bad.mp4"),
        (locked, "cannot be read"),
    ],
)
def test_what_is_no_video_is_one_clear_line_before_any_call(
    tiny: Path,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write: Callable[[Path, Path], None],
    words: str,
) -> None:
    bad = tmp_path / "bad.mp4"
    write(bad, tiny)
    with served_offline() as endpoint:
        videos = ("--input-video", tiny, "--input-video", bad)
        assert run(*videos, "--api-base", endpoint.url) == 2
        assert endpoint.requests == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "bad.mp4" in line]
    assert len(told) == 1
    assert words in told[0]
    assert not (tmp_path / "out").exists()


def test_a_video_of_too_few_frames_is_refused_before_any_call_of_the_whole_run(
    tiny: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = write_small_video(tmp_path / "short.mp4", activities=1, seconds_each=0.5)
    with served_offline() as endpoint:
        videos = ("--input-video", tiny, "--input-video", short)
        assert run(*videos, "--api-base", endpoint.url) == 2
        assert endpoint.requests == 0
    assert f"{short} displays 5 frames; at least 9 are needed." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_bad_file_among_good_ones_costs_itself_alone(
    tiny: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video", encoding="utf-8")
    options = ["--input-video", bad, "--input-video", tiny, "--continue-on-error"]
    assert run(*options) == 1
    shown = capsys.readouterr().err
    assert "FAILED bad" in shown
    assert "1 done" in shown
    assert (tmp_path / "out" / "tiny" / "causal_plan_with_keyframes.json").is_file()


def test_a_stage_whose_upstream_is_absent_is_refused_before_any_call(tiny: Path, run: Run) -> None:
    with served_offline() as endpoint:
        for stages in ("2", "3", "2,3", "1,3"):
            code = run("--input-video", tiny, "--api-base", endpoint.url, "--stages", stages)
            assert code == 2
        assert endpoint.requests == 0
