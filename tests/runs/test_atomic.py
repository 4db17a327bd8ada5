"""Files appear whole or not at all, whatever happens to the writer."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.problems import parse_json
from schemas.publish import FILES
from tests.schemas import samples
from three_stage.runs import OutputError, json_text, write_bytes, write_json, write_text
from three_stage.runs.atomic import TEMPORARY_PREFIX

ROOT = Path(__file__).parents[2]
OLD, NEW = b"old" * 300_000, b"new!" * 300_000

WRITER = """
import sys
from pathlib import Path
from three_stage.runs import write_bytes
path = Path(sys.argv[1])
print("ready", flush=True)
while True:
    write_bytes(path, b"old" * 300_000)
    write_bytes(path, b"new!" * 300_000)
"""


def test_a_killed_writer_leaves_the_old_or_the_new_content(tmp_path: Path) -> None:
    path = tmp_path / "stage1" / "result.bin"
    write_bytes(path, OLD)
    pause = random.Random(7)
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(pause.uniform(0.0, 0.03))
        child.kill()
        child.wait()
        child.stdout.close()
        assert path.read_bytes() in (OLD, NEW)
        others = [p for p in path.parent.iterdir() if p != path]
        assert all(p.name.startswith(TEMPORARY_PREFIX) for p in others)


def test_writing_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"
    for data in (b"", b"one", b"two two"):
        write_bytes(path, data)
        assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask for files")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


def test_a_file_in_the_way_of_a_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "stage1").write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written: .*Check the free space"):
        write_text(tmp_path / "stage1" / "a.txt", "text")


def test_a_folder_in_the_way_of_a_file_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written"):
        write_text(tmp_path / "a.txt", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_text_keeps_its_line_ends_and_letters(tmp_path: Path) -> None:
    text = "eins\nzwei\r\n切 é \U0001f600"
    write_text(tmp_path / "a.txt", text)
    assert (tmp_path / "a.txt").read_bytes() == text.encode("utf-8")


def test_json_has_the_form_of_the_specification(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": "切 é", "a": [1, 2.5, True, None], "c": {}})
    expected = (
        '{\n  "b": "切 é",\n  "a": [\n    1,\n    2.5,\n    true,\n    null\n  ],\n  "c": {}\n}\n'
    )
    assert (tmp_path / "a.json").read_bytes() == expected.encode("utf-8")


@pytest.mark.parametrize("name", FILES)
def test_a_model_is_written_as_it_is_read(tmp_path: Path, name: str) -> None:
    model = parse_json(FILES[name], json.dumps(samples.FILES[name]))
    write_json(tmp_path / "a.json", model)
    data = (tmp_path / "a.json").read_bytes()
    assert parse_json(FILES[name], data) == model
    assert data.decode("utf-8") == json_text(model)
    assert list(json.loads(data)) == list(FILES[name].model_fields)
    assert data.endswith(b"}\n")
    assert not data.endswith(b"\n\n")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_number_is_written_that_json_has_not(tmp_path: Path, number: float) -> None:
    value: dict[str, Any] = {"seconds": number}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", value)
    assert list(tmp_path.iterdir()) == []
