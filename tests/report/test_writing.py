"""Where a report goes: what it replaces, what it refuses, and that its words are complete."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import string
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.folders import Media, write_folder
from three_stage.report import ReportOptions, WrittenReport, default_destination, write_report
from three_stage.report.destination import MARKER_NAME, begin, remove_stale
from three_stage.report.words import LANGUAGE_TAGS, WEB, Words, load_words
from three_stage.runs import OutputError
from three_stage.settings import UsageError
from three_stage.validation import FolderReport

pytestmark = pytest.mark.slow


def write(root: Path, destination: Path | None = None) -> WrittenReport:
    options = ReportOptions(destination=destination, validate=False)
    return asyncio.run(write_report(root, options))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_a_second_report_replaces_the_first(media: Media, tmp_path: Path) -> None:
    root = tmp_path / "out"
    stays, goes = (write_folder(root, name, media) for name in ("stays", "goes"))
    before = snapshot(root)
    first = write(root)
    destination = first.index.parent
    assert destination == default_destination(root) == tmp_path / "out-report"
    assert snapshot(root) == before
    (destination / "my notes.txt").write_text("keep", encoding="utf-8")
    (destination / "videos" / ".tmp-1-left-by-a-kill").write_text("half a pa", encoding="utf-8")
    shutil.rmtree(goes)
    draft = stays / "stage1" / "draft_plan.json"
    for path in (draft, stays / "causal_plan_with_keyframes.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("Two slices", "Three slices"), encoding="utf-8")
    second = write(root)
    assert second.videos == 1
    names = {path.name for path in destination.iterdir()}
    assert names == {"index.html", "my notes.txt", "media", "videos", MARKER_NAME}
    (page,) = (destination / "videos").iterdir()
    assert "Three slices" in page.read_text(encoding="utf-8")
    assert len(list((destination / "media").iterdir())) == 1


def _foreign(root: Path) -> Path:
    folder = root.parent / "thesis"
    folder.mkdir()
    (folder / "index.html").write_text("years of work", encoding="utf-8")
    return folder


def _file(root: Path) -> Path:
    path = root.parent / "a file"
    path.write_text("text", encoding="utf-8")
    return path


REFUSED: dict[str, Callable[[Path], Path]] = {
    "is not empty and not a report of ours": _foreign,
    "is a file": _file,
    "lies in the output root": lambda root: root / "report",
    "lies in": lambda root: root / "v" / "report",
    "lies in the output root ": lambda root: root,
    "lies among the folders of videos": lambda root: root.parent / "other" / "report",
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_destination_that_holds_something_else_is_refused(
    words: str, media: Media, tmp_path: Path
) -> None:
    root = tmp_path / "out"
    write_folder(root, "v", media)
    write_folder(tmp_path / "other", "w", media)
    destination = REFUSED[words](root)
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match=words.strip()):
        write(root, destination)
    assert snapshot(tmp_path) == before


def _linked(place: Path, target: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this system lets nobody make links")
    return place


@pytest.mark.parametrize("relpath", ["media", "videos", "media/v", "videos/v.html"])
def test_links_in_a_report_are_refused_and_never_followed(
    relpath: str, media: Media, tmp_path: Path
) -> None:
    root, destination, foreign = tmp_path / "out", tmp_path / "out-report", tmp_path / "thesis"
    write_folder(root, "v", media)
    begin(destination)
    foreign.mkdir()
    (foreign / "years of work.txt").write_text("keep", encoding="utf-8")
    aim = foreign / "years of work.txt" if relpath.endswith(".html") else foreign
    link = _linked(destination / relpath, aim)
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match="is a link") as refused:
        write(root)
    assert str(link) in str(refused.value)
    remove_stale(destination, ())  # as if the link had come in the meantime
    assert snapshot(tmp_path) == before
    assert link.is_symlink()


def test_a_destination_that_cannot_be_written_is_found_out_before_all_the_checking(
    media: Media, tmp_path: Path
) -> None:
    root = tmp_path / "out"
    checked: list[FolderReport] = []
    write_folder(root, "v", media)
    (tmp_path / "a file").write_text("text", encoding="utf-8")
    options = ReportOptions(destination=tmp_path / "a file" / "report")
    with pytest.raises(OutputError, match="cannot be written"):
        asyncio.run(write_report(root, options, on_checked=checked.append))
    assert checked == []


def test_a_root_without_videos_is_refused(media: Media, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    folder = write_folder(tmp_path / "out", "v", media)
    for root, words in (
        (tmp_path / "empty", "holds no folder of a video"),
        (tmp_path / "nowhere", "there is no such folder"),
        (folder, "is the folder of one video"),
        (folder / "run_summary.json", "there is no such folder"),
    ):
        with pytest.raises(UsageError, match=words):
            write(root)


def placeholders(text: str) -> set[str]:
    return {name for _text, name, _format, _conversion in string.Formatter().parse(text) if name}


def test_every_language_says_the_same() -> None:
    words = {language: load_words(language) for language in LANGUAGE_TAGS}
    english = words["en"]
    for language, own in words.items():
        assert own.keys() == english.keys(), language
        assert [key for key in own if not own[key].strip()] == []
        assert [k for k in own if placeholders(own[k]) != placeholders(english[k])] == []


def test_every_word_is_used_and_every_used_word_is_there() -> None:
    templates = "".join(path.read_text(encoding="utf-8") for path in WEB.glob("*.j2"))
    used = set(re.findall(r"(?:\bt\(|attr\('[a-z-]+', )'([a-z0-9_.]+)'", templates))
    durations = {"lasting.seconds", "lasting.minutes", "lasting.hours"}
    assert used | durations == set(load_words("en"))


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [(0.4, "0.4 s", "0.4 秒"), (59.96, "1 min 00 s", "1 分 00 秒"),
     (86, "1 min 26 s", "1 分 26 秒"), (3599.6, "1 h 00 min", "1 小时 00 分"),
     (7500, "2 h 05 min", "2 小时 05 分"), (None, "–", "–")],
)  # fmt: skip
def test_durations_are_said_in_the_language(
    seconds: float | None, english: str, chinese: str
) -> None:
    assert Words(("en",)).lasting(seconds).striptags() == english
    assert Words(("zh",)).lasting(seconds).striptags() == chinese


def test_the_marker_is_json_that_says_whose_folder_it_is(tmp_path: Path) -> None:
    begin(tmp_path / "report")
    marker = json.loads((tmp_path / "report" / MARKER_NAME).read_text(encoding="utf-8"))
    assert marker["made_by"] == "three-stage report"


@pytest.mark.slow
def test_a_kill_leaves_no_half_page(media: Media, tmp_path: Path) -> None:
    root = tmp_path / "out"
    for number in range(4):
        write_folder(root, f"video {number}", media)
    report = write(root)
    destination = report.index.parent
    program = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from three_stage.report import ReportOptions, write_report\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(write_report(Path(sys.argv[1]), ReportOptions(validate=False)))\n"
    )
    for wait_sec in (0.5, 1.0, 1.4, 1.8):
        process = subprocess.Popen([sys.executable, "-c", program, str(root)])
        time.sleep(wait_sec)
        process.kill()
        process.wait()
        whole = [p.read_text(encoding="utf-8") for p in destination.rglob("[!.]*.html")]
        assert len(whole) == 5
        assert all(text.rstrip().endswith("</html>") for text in whole)
    write(root)
    assert list(destination.rglob(".tmp-*")) == []
