"""A disk that is full or read-only: one clear line, the right exit code, and all goes on later."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loguru import logger

from schemas.files import CallRecord
from schemas.problems import parse
from tests.campaigns.same_folder import Folder, read_folder
from tests.schemas import samples
from tests.stages.conftest import Run
from tests.stages.processes import UNDER, assert_same, options, run_here
from tests.stages.processes import run as run_process
from tests.support.served_offline import served_offline
from tests.support.small_video import write_small_video
from three_stage.batch import Progress
from three_stage.runs import CallJournal, OutputError
from three_stage.settings import OutputSettings
from three_stage.settings.logs import logging_to

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and limits")


def mount(*arguments: str) -> None:
    """Mount something, or skip the test where that is not allowed."""
    command = ["mount", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    command = ["umount", str(folder)]
    subprocess.run(command, check=True)


@contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """Give a folder a disk of its own; skip where only root may, and we are not."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a disk of its own needs root and Linux")
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Make a folder refuse writes, also from root, whom permissions do not bind."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield folder
        finally:
            folder.chmod(0o755)
        return
    mount("--bind", str(folder), str(folder))
    try:
        mount("-o", "remount,bind,ro", str(folder))
        yield folder
    finally:
        unmount(folder)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    return write_small_video(path, activities=3, seconds_each=1.0)


@pytest.fixture(scope="module")
def undisturbed(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("undisturbed")
    with served_offline() as endpoint:
        assert run_here(options(video, endpoint.url, root), root) == 0
    return read_folder(root / "clip")


@pytest.mark.slow
def test_on_a_full_disk_the_video_fails_with_one_line_and_goes_on_when_there_is_space(
    video: Path, undisturbed: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served_offline() as endpoint, small_disk(tmp_path / "disk", size_kib=200) as disk:
        given = options(video, endpoint.url, disk / "out")
        capsys.readouterr()
        assert run_here(given, tmp_path) == 1
        said = capsys.readouterr().err
        failed = [line for line in said.splitlines() if line.startswith("FAILED clip: ")]
        assert len(failed) == 1
        assert str(disk / "out" / "clip") in failed[0]
        assert "No space left on device" in failed[0]
        assert "free space" in failed[0]
        assert "Traceback" not in said
        mount("-o", "remount,size=16m", str(disk))
        assert run_here(given, tmp_path) == 0
        assert_same(disk / "out" / "clip", undisturbed)


@pytest.mark.slow
def test_a_file_that_may_not_grow_fails_its_video_and_goes_on_without_the_limit(
    video: Path, undisturbed: Folder, tmp_path: Path
) -> None:
    limit = (*UNDER, "--largest-file-bytes", "24000", "--")
    with served_offline() as endpoint:
        code, said = run_process(options(video, endpoint.url, tmp_path / "out"), tmp_path, limit)
        assert code == 1
        assert "FAILED clip: " in said
        assert "File too large" in said
        assert "Traceback" not in said
        assert run_here(options(video, endpoint.url, tmp_path / "out"), tmp_path) == 0
    assert_same(tmp_path / "out" / "clip", undisturbed, disturbed=8)


def test_a_read_only_output_root_is_refused_before_any_call(
    video: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "out"
    root.mkdir()
    with served_offline() as endpoint, read_only(root):
        given = ("--input-video", video, "--api-base", endpoint.url, "--output-root", root)
        assert run(*given) == 2
        assert endpoint.requests == 0
    shown = capsys.readouterr().err
    assert str(root) in shown
    assert "Traceback" not in shown


@pytest.mark.slow
def test_a_read_only_folder_of_one_video_fails_that_video_alone(
    video: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_small_video(tmp_path / "other.mp4", activities=3, seconds_each=1.0)
    locked = tmp_path / "out" / "clip"
    locked.mkdir(parents=True)
    with served_offline() as endpoint:
        given = ("--input-video", video, "--input-video", other, "--api-base", endpoint.url)
        with read_only(locked):
            assert run(*given) == 1
        shown = capsys.readouterr().err
        assert f"FAILED clip: {locked}" in shown
        assert "FAILED other" not in shown
        assert "Traceback" not in shown
        asked = endpoint.requests
        assert run(*given) == 0
    assert endpoint.requests == 2 * asked


def test_a_log_file_in_a_read_only_folder_is_refused_before_any_call(
    video: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with served_offline() as endpoint, read_only(logs):
        given = ("--input-video", video, "--api-base", endpoint.url)
        assert run(*given, "--log-file", logs / "run.log") == 2
        assert endpoint.requests == 0
    shown = capsys.readouterr().err
    assert f"--log-file {logs / 'run.log'}: cannot be written" in shown
    assert "Traceback" not in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_file_on_a_full_disk_is_given_up_with_one_note(
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = OutputSettings(verbose=False, quiet=False, log_file=Path("/dev/full"))
    with Progress(1, quiet=False) as progress, logging_to(progress.note, settings, str):
        for number in range(3):
            logger.info("line {}", number)
    shown = capfd.readouterr().err
    assert shown.count("--log-file /dev/full: cannot be written any more") == 1
    assert "line 2" in shown
    assert "Traceback" not in shown


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow longer for a while."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("more_bytes", [0, 1, 100])
def test_what_a_full_disk_cut_off_the_journal_is_closed_by_the_next_line(
    tmp_path: Path, more_bytes: int
) -> None:
    records = [
        parse(CallRecord, {**samples.call_record(), "call_id": name, "raw_answer": name})
        for name in ("first", "lost", "later")
    ]
    path = tmp_path / "calls.jsonl"
    journal = CallJournal(path)
    journal.append(records[0])
    with files_of_at_most(path.stat().st_size + more_bytes), pytest.raises(OutputError):
        journal.append(records[1])
    journal.append(records[2])
    lines = path.read_bytes().splitlines()
    assert all(lines)
    assert [CallRecord.model_validate_json(lines[n]) for n in (0, -1)] == [records[0], records[2]]
    kept = CallJournal(path).stored_answers(samples.DIGEST)
    assert [answer.call_id for answer in kept] == ["first", "later"]
