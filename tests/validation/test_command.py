"""validate_output.py as a person uses it: exit codes, what is shown, hostile folders."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.drawn import drawn
from tests.support.finished_folder import read, restamp, write
from tests.validation.mutations import CALLS, CLIPS, PLAN, SUMMARY, one
from three_stage.validation import validate_folder, video_folders
from validate_output import main

CHECKOUT = Path(__file__).parents[2]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def shell(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "validate_output.py"), *map(str, arguments)],
        env={**os.environ, **environment}, capture_output=True, check=False,
    )  # fmt: skip


def test_a_good_folder_is_ok(finished: Path, tmp_path: Path) -> None:
    report = tmp_path / "reports" / "r.json"
    result = run("--video-output-dir", finished, "--report-json", report)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        f"ok      {finished}",
        "1 folder checked: 1 ok, 0 failed",
    ]
    assert read(report) == {
        "mode": "video_output_dir", "video_out": str(finished), "ok": True, "errors": [],
        "warnings": [],
    }  # fmt: skip


def test_one_bad_folder_never_stops_the_others(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "out"
    for name in ("a", "c"):
        shutil.copytree(finished, root / name)
    (root / "b").mkdir()
    (root / "b" / SUMMARY).write_bytes(b"[" * 100_000)
    (root / ".locks").mkdir()
    (root / "notes.txt").write_text("not a folder", encoding="utf-8")
    report = tmp_path / "r.json"
    result = run("--output-root", root, "--report-json", report)
    assert result.exit_code == 1
    document = read(report)
    assert document["mode"] == "output_root"
    assert document["output_root"] == str(root)
    counts = [document[key] for key in ("checked_count", "passed_count", "failed_count")]
    assert counts == [3, 0, 3]
    assert [entry["video_id"] for entry in document["results"]] == ["a", "b", "c"]
    assert [len(entry["errors"]) > 0 for entry in document["results"]] == [True] * 3
    # a and c are good but for their names, which are not those of their video
    assert [line.split()[0] for line in document["results"][0]["errors"]] == ["E-SUMMARY-ID"]
    assert document["results"][1]["errors"][0].startswith(f"E-JSON-DEPTH {SUMMARY}: ")
    assert "3 folders checked: 0 ok, 3 failed" in result.output


def test_warnings_fail_only_when_asked_to(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    result = run("--video-output-dir", folder)
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == f"ok      {folder} (1 warning)"
    assert "W-LAYOUT-SYSTEM .DS_Store: " in result.output
    assert run("--video-output-dir", folder, "--fail-on-warnings").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--fail-on-warnings"],
        ["--video-output-dir", ".", "--output-root", "."],
        ["--video-output-dir", "nowhere"],
        ["--output-root", "nowhere"],
        ["--output-root", "file.txt"],
        ["--output-root", "empty"],
        ["--output-root", "video"],
        ["--unknown"],
    ],
)
def test_wrong_use_is_exit_code_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    (tmp_path / "empty" / ".locks").mkdir(parents=True)
    (tmp_path / "video" / "stage1").mkdir(parents=True)
    (tmp_path / "video" / SUMMARY).write_text("{}", encoding="utf-8")
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_report_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    result = run("--video-output-dir", folder, "--report-json", tmp_path / "file" / "r.json")
    assert result.exit_code == 2
    assert "cannot be written" in result.output


@pytest.mark.parametrize(
    "place",
    [
        "out/little/report.json", "out/little/new/r.json", "out/little/stage1/draft_plan.json",
        "out/../out/little/r.json", "out/reports/r.json", "out/broken/r.json",
    ],
)  # fmt: skip
def test_a_report_where_the_next_check_would_find_it_is_refused(
    folder: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "out" / "broken").mkdir()
    before = sorted(tmp_path.rglob("*"))
    result = run("--output-root", tmp_path / "out", "--report-json", tmp_path / place)
    assert result.exit_code == 2
    assert "--report-json" in result.output
    assert "Write it elsewhere" in result.output
    assert "checked" not in result.output
    assert sorted(tmp_path.rglob("*")) == before
    if "little" in place:
        alone = run("--video-output-dir", folder, "--report-json", tmp_path / place)
        assert alone.exit_code == 2


@pytest.mark.slow
def test_a_report_beside_the_folders_does_not_spoil_the_next_check(
    folder: Path, tmp_path: Path
) -> None:
    for place in ("out/report.json", "out/.reports/r.json", "reports/r.json"):
        result = run("--output-root", tmp_path / "out", "--report-json", tmp_path / place)
        assert result.exit_code == 0, result.output
        assert read(tmp_path / place)["results"][0]["video_id"] == folder.name


def test_a_report_in_a_checked_folder_behind_a_link_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    try:
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    except (OSError, NotImplementedError):
        pytest.skip("no symbolic links here")
    for checked, place in ((folder, tmp_path / "link"), (tmp_path / "link", folder)):
        result = run("--video-output-dir", checked, "--report-json", place / "r.json")
        assert result.exit_code == 2


def test_the_versions_are_said_and_decoding_is_tried() -> None:
    result = run("--check-deps")
    assert result.exit_code == 0, result.output
    names = [line[:12].strip() for line in result.output.splitlines()]
    assert names == [
        "python", "three-stage", "pydantic", "jsonschema", "numpy", "av (PyAV)", "opencv",
        "libavcodec", "JPEG", "ffmpeg", "H.264",
    ]  # fmt: skip
    assert "PROBLEM" not in result.output


def test_a_console_that_is_not_utf8_and_a_name_in_chinese(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "out"
    shutil.copytree(finished, root / "做饭 é")
    done = shell("--output-root", root, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert "做饭 é" in done.stdout.decode("utf-8")
    assert b"Traceback" not in done.stderr


def test_help_needs_no_decoder() -> None:
    code = (
        "import sys; sys.argv = ['x', '--help']\n"
        "import validate_output\n"
        "try: validate_output.main()\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('cv2', 'av', 'numpy', 'jsonschema')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_hidden_folder_is_a_videos_only_when_it_has_a_summary(tmp_path: Path) -> None:
    for name in (".locks", ".hidden", "b", "a"):
        (tmp_path / name).mkdir()
    (tmp_path / ".hidden" / SUMMARY).write_text("{}", encoding="utf-8")
    assert [path.name for path in video_folders(tmp_path)] == [".hidden", "a", "b"]


# Folders that are not finished, or not ours at all


def test_a_folder_that_is_not_finished_says_so_in_few_lines(folder: Path) -> None:
    summary = read(folder / SUMMARY)
    for stage in ("stage2", "stage3"):
        summary[stage] = None
    write(folder / SUMMARY, summary)
    shutil.rmtree(folder / "stage2")
    for path in folder.glob("0*"):
        shutil.rmtree(path)
    (folder / PLAN).unlink()
    restamp(folder)
    report = validate_folder(folder)
    assert [line.split(":")[0] for line in report.errors] == [f"E-SUMMARY-STAGE {SUMMARY}"] * 2
    assert all("Run the pipeline again" in line for line in report.errors)


def test_an_empty_folder_a_file_and_nothing_are_no_finished_folders(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for name in ("empty", "file", "nowhere"):
        report = validate_folder(tmp_path / name)
        assert not report.ok
        assert report.errors[0].startswith("E-LAYOUT-MISSING")
        assert report.video_id == name


@pytest.mark.skipif(os.name != "posix", reason="a named pipe needs POSIX")
def test_a_named_pipe_in_a_files_place_is_not_opened(folder: Path) -> None:
    (folder / PLAN).unlink()
    os.mkfifo(folder / PLAN)
    assert any(line.startswith("E-LAYOUT-KIND") for line in validate_folder(folder).errors)


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes need Linux")
def test_a_name_that_is_no_text_is_one_readable_line(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9\n.txt")).write_bytes(b"x")
    (line,) = validate_folder(folder).errors
    assert line.startswith("E-LAYOUT-FOREIGN caf\\udce9\\n.txt: ")


def test_a_folder_of_links_to_itself_ends(folder: Path) -> None:
    try:
        (folder / "stage1" / "loop").symlink_to(folder, target_is_directory=True)
    except (OSError, NotImplementedError):
        pytest.skip("no symbolic links here")
    report = validate_folder(folder)
    assert [line.split()[0] for line in report.errors] == ["E-LAYOUT-LINK"]
    assert "leads inside the folder" in report.errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", drawn(range(60), 8))
def test_random_bytes_anywhere_are_found_and_never_a_traceback(folder: Path, seed: int) -> None:
    """Without entering digests anew: also bytes that no other check would miss."""
    rng = random.Random(seed)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (CALLS, SUMMARY))
    path = rng.choice(files)
    data = bytearray(path.read_bytes())
    place = rng.randrange(len(data))
    data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))
    report = validate_folder(folder)
    relpath = path.relative_to(folder).as_posix()
    assert any(line.startswith(f"E-ARTIFACT-DIGEST {relpath}") for line in report.errors)
    assert not any(line.startswith("E-CHECK-STOPPED") for line in report.errors)


@pytest.mark.slow
@pytest.mark.parametrize("seed", drawn(range(40), 6))
def test_a_damaged_record_or_journal_never_stops_the_check(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = folder / rng.choice((CALLS, SUMMARY))
    data = bytearray(path.read_bytes())
    start = rng.randrange(len(data))
    data[start : start + rng.randrange(1, 400)] = rng.randbytes(rng.randrange(0, 400))
    path.write_bytes(bytes(data))
    report = validate_folder(folder)
    assert not report.ok or report.warnings
    assert not any(line.startswith("E-CHECK-STOPPED") for line in report.errors)


def test_damage_inside_a_clip_is_found_even_when_digests_are_entered_anew(folder: Path) -> None:
    path = one(folder, CLIPS, 2)
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2, len(data) - 8, 97):
        data[place] ^= 0x55
    path.write_bytes(bytes(data))
    restamp(folder)
    assert any(line.startswith("E-CLIP-") for line in validate_folder(folder).errors)
