"""One run at a time a video folder; the lock goes when its process goes, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from three_stage.runs import FolderBusyError, OutputError, folder_lock
from three_stage.runs.names import LOCKS_FOLDER

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from three_stage.runs import folder_lock
with folder_lock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_elsewhere(root: Path, video_id: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root), video_id],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline().strip() == b"held"
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path, "Brot 切") as child:
        with pytest.raises(FolderBusyError) as caught, folder_lock(tmp_path, "Brot 切"):
            pytest.fail("two processes hold one folder")
        message = str(caught.value)
        assert f"process {child.pid} on " in message
        assert "Brot 切" in message
        assert "Wait until it is done" in message
        with folder_lock(tmp_path, "another video"):
            pass


def test_a_killed_holder_frees_the_folder(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path, "video") as child:
        child.kill()
        child.wait()
        with folder_lock(tmp_path, "video"):
            pass


def test_a_holder_that_ends_frees_the_folder(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path, "video") as child:
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert child.wait(timeout=20) == 0
        with folder_lock(tmp_path, "video"):
            pass


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with folder_lock(tmp_path, "video"):
        with (
            pytest.raises(FolderBusyError, match=f"process {os.getpid()} on "),
            folder_lock(tmp_path, "video"),
        ):
            pytest.fail("one folder is held twice")
        with folder_lock(tmp_path, "other"):
            pass
    with folder_lock(tmp_path, "video"):
        pass


def test_an_error_inside_frees_the_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyError), folder_lock(tmp_path, "video"):
        raise KeyError("inside")
    with folder_lock(tmp_path, "video"):
        pass


def test_mere_files_of_a_dead_run_hold_nothing(tmp_path: Path) -> None:
    with folder_lock(tmp_path, "video"):
        names = [path.name for path in (tmp_path / LOCKS_FOLDER).iterdir()]
    assert names
    for name in names:
        (tmp_path / LOCKS_FOLDER / name).write_text('{"pid": 1}', encoding="utf-8")
    with folder_lock(tmp_path, "video"):
        pass


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": 3}', "null", None])
def test_a_holder_without_a_readable_note_is_still_a_holder(
    tmp_path: Path, note: str | None
) -> None:
    with folder_lock(tmp_path, "video"):
        (holder,) = (tmp_path / LOCKS_FOLDER).glob("*.holder.json")
        if note is None:
            holder.unlink()
        else:
            holder.write_text(note, encoding="utf-8")
        with (
            pytest.raises(FolderBusyError, match="has not written who it is"),
            folder_lock(tmp_path, "video"),
        ):
            pytest.fail("one folder is held twice")


def test_locks_lie_beside_the_folders_and_do_not_make_them(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "outputs", "a" * 250):
        assert [path.name for path in (tmp_path / "outputs").iterdir()] == [LOCKS_FOLDER]


def test_a_note_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    with folder_lock(tmp_path, "video"):
        (holder,) = (tmp_path / LOCKS_FOLDER).glob("*.holder.json")
        name = holder.name
    (tmp_path / LOCKS_FOLDER / name).mkdir()
    with folder_lock(tmp_path, "video"):
        pass


def test_a_root_that_cannot_hold_locks_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file in the way", encoding="utf-8")
    with (
        pytest.raises(OutputError, match=r"cannot be used for locks.*Check the permissions"),
        folder_lock(tmp_path / "outputs", "video"),
    ):
        pytest.fail("a file holds locks")
