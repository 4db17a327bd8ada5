"""Whatever a file is called and however it is named, the whole job is done for it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.stages.conftest import Run, read
from tests.support.served_offline import served_offline
from tests.support.small_video import write_small_video
from three_stage.validation import validate_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names"),
]

NAMES = [
    "10:30 cook.mp4", "-x.mp4", "--overwrite.mp4", "%d.mp4", "%03d %s.mkv", "two  spaces .mp4",
    "第一集 做饭.mp4", "it's \"quoted\".mp4", "http:x.mp4", "a?b#c&d.mp4", "[1,2];{3}.mp4",
    "$(touch x).mp4", "new\nline.mp4", "ÜBUNG.MP4", "e\u0301clair.mp4", ".hidden",
    "ü" * 125 + "x.mp4",
]  # fmt: skip
"""The last one is as long as names may be: 255 bytes."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_video(
        tmp_path_factory.mktemp("videos") / "small.mp4", activities=3, seconds_each=1.0
    )


def test_names_of_every_kind_are_annotated_and_valid(
    small: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my videos"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(small, folder / name)
    monkeypatch.chdir(folder)
    named = [part for name in NAMES for part in ("--input-video", name)]
    with served_offline() as endpoint:
        options = ("--api-base", endpoint.url, "--max-frames", 12, "--keep-audio")
        assert run(*named, *options) == 0
    for name in NAMES:
        path = Path(name)
        output = tmp_path / "out" / path.stem
        assert validate_folder(output).errors == ()
        assert read(output / "run_summary.json")["source_video"] == str(folder / name)
        assert len(read(output / "causal_plan_with_keyframes.json")["steps"]) >= 3


def test_a_link_is_annotated_under_its_own_name(small: Path, run: Run, tmp_path: Path) -> None:
    link = tmp_path / "link to it.mp4"
    link.symlink_to(os.path.relpath(small, tmp_path))
    assert run("--input-video", link, "--max-frames", 12) == 0
    assert validate_folder(tmp_path / "out" / "link to it").errors == ()


def test_relative_and_absolute_paths_are_the_same_video(
    small: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--input-video", small, "--max-frames", 12) == 0
    monkeypatch.chdir(small.parent)
    capsys.readouterr()
    assert run("--input-video", f"./{small.name}", "--max-frames", 12) == 0
    assert "1 done (1 reused as they were), 0 requests" in capsys.readouterr().err
