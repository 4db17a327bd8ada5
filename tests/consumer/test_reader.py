"""A program that knows only our field names can use a finished folder, and notices a broken one."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path

import pytest

from tests.consumer import reader
from tests.consumer.reader import ReadError, read_output_folder, read_output_root
from tests.support.finished_folder import POOL_SIZE, finished_folder, read, write


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_folder(tmp_path_factory.getbasetemp())


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out" / finished.name))


def test_the_reader_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(reader.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= set(sys.stdlib_module_names)


def test_a_consumer_finds_everything_of_a_finished_folder(finished: Path) -> None:
    videos = read_output_root(finished.parent)
    assert list(videos) == [finished.name]
    video = videos[finished.name]
    assert len(video["pool"]["pictures"]) == POOL_SIZE
    assert len(video["steps"]) >= 3
    assert Path(video["source_video"]).is_file()
    for step in video["steps"]:
        assert step["start_sec"] < step["end_sec"] <= video["pool"]["duration_sec"]
        first, second = step["key_frames"]
        assert step["start_sec"] <= first["time_sec"] < second["time_sec"] < step["end_sec"]
        assert first["path"].is_file()
        assert step["clip"].is_file()


@pytest.mark.parametrize(
    "pattern",
    [
        "run_summary.json",
        "stage1/draft_plan.json",
        "stage1/sampled_frames/sample_003_*.jpg",
        "stage2/step_segments.json",
        "stage2/step_clips/step02_*.mp4",
        "02_*/frame_[0-9]*.jpg",
        "02_*/step_meta.json",
    ],
)
def test_a_consumer_notices_a_file_that_is_gone(folder: Path, pattern: str) -> None:
    next(folder.glob(pattern)).unlink()
    with pytest.raises(ReadError):
        read_output_folder(folder)


def test_a_consumer_notices_a_key_frame_of_another_index(folder: Path) -> None:
    path = next(folder.glob("01_*/step_final.json"))
    plan = read(folder / "causal_plan_with_keyframes.json")
    plan["steps"][0]["critical_frames"][1]["frame_index"] -= 1
    write(folder / "causal_plan_with_keyframes.json", plan)
    write(path, plan["steps"][0])
    with pytest.raises(ReadError, match="key frames"):
        read_output_folder(folder)


def test_a_consumer_notices_a_time_that_is_not_the_one_in_the_name(folder: Path) -> None:
    manifest = read(folder / "stage1" / "frame_manifest.json")
    manifest["frames"][4]["timestamp_sec"] += 0.1
    write(folder / "stage1" / "frame_manifest.json", manifest)
    with pytest.raises(ReadError, match="its time"):
        read_output_folder(folder)
