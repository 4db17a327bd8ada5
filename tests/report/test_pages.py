"""What a reader of a report relies on: it is whole, harmless, and says what it does not know."""

from __future__ import annotations

import json
import os
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.files import RunSummary
from tests.report.conftest import page_of
from tests.report.folders import HOSTILE_NAME, HOSTILE_TEXT, ODD_NAMES, Media, write_folder
from tests.report.reading import Page, local_files, read_page
from three_stage.report import WrittenReport
from three_stage.report.values import PageJob, State
from three_stage.report.video_page import make_page
from three_stage.runs import VideoLayout, read_model, summary_standing

POSTER_MOST_CHARACTERS = 10 * 1024


def pages(report: WrittenReport) -> list[Path]:
    return [report.index, *sorted((report.index.parent / "videos").iterdir())]


def made(folder: Path, tmp_path: Path, *, with_source: bool = False) -> tuple[Page, State]:
    """Make one page in this process and read it."""
    job = PageJob(folder, tmp_path / "report", ("en",), None, with_source)
    row = make_page(job).row
    assert row.page is not None
    return read_page(tmp_path / "report" / row.page), row.state


def test_every_state_is_told_with_its_reason(zoo: WrittenReport) -> None:
    states = {row.name: row.state for row in zoo.rows}
    assert states == dict.fromkeys(ODD_NAMES, State.DONE) | {
        "failed": State.FAILED,
        "interrupted": State.INTERRUPTED,
        "outdated": State.UNFINISHED,
        "rewritten": State.INTERRUPTED,
        "not valid": State.FAILED,
        "called otherwise": State.DAMAGED,
        "unfinished": State.UNFINISHED,
        "damaged": State.DAMAGED,
        "empty": State.DAMAGED,
    }
    index = read_page(zoo.index).text
    for words in (
        "(answer)", "Stage 2: 阶段 2：no <valid> answer.", "(invalid)",
        "Stage 3 was interrupted.", "Stage 3 is not done yet.", "阶段 3 尚未完成。",
        "Stage 3 no longer fits what lies before it", "KEY_FRAME step 2: is another picture.",
        "Stage 2 was to be made anew with --overwrite",
        "run_summary.json is missing", "stage1/draft_plan.json", "Run the same command again",
        "The folder has another name than the video in its run_summary.json.",
    ):  # fmt: skip
        assert words in index, words
    renamed = read_page(page_of(zoo, "called otherwise")).text
    assert "the video is 'called so', but the folder is called 'called otherwise'" in renamed
    assert any(line.startswith("damaged: stage1/draft_plan.json") for line in zoo.problems)


def test_the_state_is_the_one_that_every_view_shares(zoo: WrittenReport) -> None:
    root = zoo.index.parents[1] / "out"
    for row in (row for row in zoo.rows if row.state is not State.DAMAGED):
        summary = read_model(RunSummary, VideoLayout(root / row.name).summary)
        shared = summary_standing(summary)
        assert (row.state.value, row.standing.kind) == (shared.state, shared.kind)


def test_headings_leave_out_no_level(zoo: WrittenReport) -> None:
    for path in pages(zoo):
        levels = [int(tag[1]) for tag, _ in read_page(path).elements if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert all(later <= level + 1 for level, later in pairwise(levels)), path


def test_a_page_loads_nothing_from_elsewhere(zoo: WrittenReport) -> None:
    for path in pages(zoo):
        text, page = path.read_text(encoding="utf-8"), read_page(path)
        policy = page.tags("meta")[1]["content"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not [a for a in page.addresses() if re.match(r"(?i)[a-z]+:", a)
                    and not a.startswith(("data:", "file:///"))]  # fmt: skip
        assert not any(address.startswith("//") for address in page.addresses())
        assert "url(" not in text
        assert "@import" not in text


def test_every_link_leads_to_a_file_whatever_the_video_is_called(
    zoo: WrittenReport, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(zoo.index.parent, tmp_path / "moved # to ä"))
    for path in (moved / page.relative_to(zoo.index.parent) for page in pages(zoo)):
        inside = [f for f in local_files(read_page(path), path) if f.is_relative_to(moved)]
        assert inside
        assert [file for file in inside if not file.is_file()] == []


def test_texts_and_names_are_never_markup(zoo: WrittenReport) -> None:
    path = page_of(zoo, HOSTILE_NAME)
    page = read_page(path)
    assert HOSTILE_NAME in page.text
    assert HOSTILE_TEXT in page.text
    assert len(page.tags("script")) == 2
    assert not [name for _tag, attributes in page.elements for name in attributes
                if name.startswith("on")]  # fmt: skip
    assert all(a["src"].startswith("data:image/jpeg;base64,") for a in page.tags("img"))
    assert HOSTILE_NAME in read_page(zoo.index).text
    assert len(read_page(zoo.index).tags("script")) == 1


def test_data_for_the_script_cannot_end_it() -> None:
    from three_stage.report.rendering import script_data

    value = {"text": "</script><!--\u2028 &amp; \ud800"}
    text = str(script_data(value))
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text)["text"].startswith("</script><!--\u2028 &amp;")


def test_a_page_shows_the_whole_annotation(media: Media, tmp_path: Path) -> None:
    page, state = made(write_folder(tmp_path / "out", "v", media), tmp_path)
    assert state is State.DONE
    for words in (
        "Two slices of toast.", "cut slice 4", "A loaf does not fit into the toaster.", "lies_on",
        "joined_to", "Its edge is sharp.", "What if the knife were blunt?", "The knife slips.",
        "The bread would be squeezed flat.", "Hold the loaf and start anew.", "knife",
        "The blade goes through the crust.", "the edge on the crust", "the moving edge parts",
        "steps[0]: <b>wrong</b>", "rejected, errors: 1", "the accepted answer",
        "stage3_user_prompt.txt:", "0.5000", "embedded offline model", "3 of 12 pool frames",
    ):  # fmt: skip
        assert words in page.text, words
    key_frames = [a for a in page.tags("img") if a["alt"].startswith("Key frame of step")]
    assert len(key_frames) == 8
    assert "Nothing is wrong" not in page.text
    assert "The validator was not run for this report." in page.text


FILES = (
    "run_summary.json", "stage1/frame_manifest.json", "stage1/draft_plan.json",
    "stage2/step_segments.json", "causal_plan_with_keyframes.json",
    "02_cut_slice_2/step_final.json", "02_cut_slice_2/frame_manifest.json", "calls.jsonl",
)  # fmt: skip
DAMAGE = {"cut": b'{"steps": [', "no text": b"\xff\xfe", "deep": b"[" * 50_000, "empty": b""}


@pytest.mark.parametrize(
    ("relpath", "kind"),
    [*((relpath, "cut") for relpath in FILES), *((FILES[2], kind) for kind in DAMAGE)],
)
def test_a_broken_file_is_named_and_the_rest_is_shown(
    relpath: str, kind: str, media: Media, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    (folder / relpath).write_bytes(DAMAGE[kind])
    page, state = made(folder, tmp_path)
    assert state is State.DAMAGED
    assert page.text.count(relpath) >= 2  # in the reason and in the list
    assert "cut slice 2" in page.text


@pytest.mark.parametrize("relpath", [FILES[1], FILES[3], FILES[6]])
def test_a_page_is_made_without_any_one_file(relpath: str, media: Media, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    (folder / relpath).unlink()
    page, _state = made(folder, tmp_path)
    assert "cut slice 2" in page.text


def test_a_recorded_file_that_is_gone_is_damage(media: Media, tmp_path: Path) -> None:
    recorded = {"stage2/gone.json": "0" * 64}
    folder = write_folder(
        tmp_path / "out", "v", media, change_summary=lambda s: s.update(artifacts=recorded)
    )
    page, state = made(folder, tmp_path)
    assert state is State.DAMAGED
    assert "stage2/gone.json is recorded and is missing" in page.text


def test_pictures_that_are_damaged_or_gone_are_told(media: Media, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    pictures = sorted((folder / "stage1" / "sampled_frames").iterdir())
    pictures[3].write_bytes(b"no picture")
    pictures[4].unlink()
    page, _state = made(folder, tmp_path)
    assert f"{pictures[3].name} is missing or damaged" in page.text
    assert f"{pictures[4].name} is missing or damaged" in page.text


def test_links_that_lead_out_of_the_folder_are_not_followed(media: Media, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"nobody's business")
    clip = next((folder / "stage2" / "step_clips").iterdir())
    clip.unlink()
    try:
        clip.symlink_to(secret)
    except OSError:
        pytest.skip("this system lets nobody make links")
    page, _state = made(folder, tmp_path)
    placed = [path for path in (tmp_path / "report" / "media").rglob("*") if path.is_file()]
    assert len(placed) == 3
    assert secret.read_bytes() not in [path.read_bytes() for path in placed]
    assert "is a link; links are not followed" in page.text
    assert "The clip of this step is not there" in page.text


def test_a_source_that_is_gone_or_another_one_is_not_played(media: Media, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    source = tmp_path / "sources" / "v.mp4"
    same_size = bytes(reversed(media.source.read_bytes()))
    for content in (b"another video", same_size):
        source.write_bytes(content)
        page, _state = made(folder, tmp_path, with_source=True)
        assert "Another file now lies at the source's place" in page.text
        assert list((tmp_path / "report" / "media").glob("*/source.mp4")) == []
        (written,) = (tmp_path / "report" / "videos").iterdir()
        assert '"sources": []' in written.read_text(encoding="utf-8")
    source.unlink()
    assert "was not at its place" in made(folder, tmp_path)[0].text
    source.mkdir()
    assert "could not be read as a file" in made(folder, tmp_path)[0].text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_at_the_place_of_the_source_is_not_waited_for(media: Media, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    source = tmp_path / "sources" / "v.mp4"
    source.unlink()
    os.mkfifo(source)
    page, _state = made(folder, tmp_path, with_source=True)
    assert "could not be read as a file" in page.text


def test_a_source_can_be_put_into_the_report(media: Media, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    made(folder, tmp_path, with_source=True)
    (placed,) = (tmp_path / "report" / "media").glob("*/source.mp4")
    assert placed.read_bytes() == media.source.read_bytes()


def test_one_language_needs_no_switch(media: Media, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "out", "v", media)
    job = PageJob(folder, tmp_path / "report", ("zh",), None, with_source=False)
    row = make_page(job).row
    page = read_page(tmp_path / "report" / str(row.page))
    assert page.tags("html")[0]["lang"] == "zh-Hans"
    assert "因果链" in page.text
    assert "Chain of causes" not in page.text
    assert not [a for a in page.tags("button") if "data-set-language" in a]


def test_posters_of_the_index_are_small(zoo: WrittenReport) -> None:
    posters = [row.poster for row in zoo.rows if row.poster]
    assert len(posters) == len(zoo.rows) - 1
    assert max(map(len, posters)) <= POSTER_MOST_CHARACTERS
