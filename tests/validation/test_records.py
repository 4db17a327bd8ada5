"""What is recorded beside the results: prompts, answers, cuts, the source; and hand edits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.command import main
from tests.support.finished_folder import read, restamp, write
from tests.validation.mutations import CALLS, DRAFT, MANIFEST, SUMMARY, set_leaf
from three_stage.validation import validate_folder
from three_stage.validation.asked import first_difference

RAW = "stage1/stage1_raw_response.txt"


def lines_of(folder: Path) -> list[str]:
    report = validate_folder(folder)
    return [*report.errors, *report.warnings]


# The source


def test_a_source_that_is_gone_or_another_judges_nothing(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(b"x")
    set_leaf(MANIFEST, "video", "rotation", value=90)(folder)
    for source in (tmp_path / "gone.mp4", other):
        for name in (SUMMARY, "stage2/step_segments.json"):
            set_leaf(name, "source_video", value=str(source))(folder)
        restamp(folder)
        report = validate_folder(folder)
        assert report.errors == ()
        assert any(line.startswith("W-SOURCE-CHANGED") for line in report.warnings) == (
            source is other
        )


def test_a_number_of_frames_that_only_the_source_knows_is_checked(folder: Path) -> None:
    """With key frames as pool, the pool does not end with the last frame."""
    set_leaf(SUMMARY, "sampling_config", "pool_mode", value="keyframe")(folder)
    set_leaf(SUMMARY, "source_displayed_frames", value=lambda n: n + 1)(folder)
    wanted = f"E-SUMMARY-SOURCE {SUMMARY}: source_displayed_frames: 81, but the source shows 80"
    assert any(line.startswith(wanted) for line in validate_folder(folder).errors)


# Hand edits


def test_a_hand_edited_draft_that_later_stages_followed_is_good_and_said(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(finished, tmp_path / "out" / finished.name))
    draft = read(folder / DRAFT)
    draft["steps"][1]["rationale"] = "A person knew better."
    (folder / DRAFT).write_text(json.dumps(draft, indent=4, ensure_ascii=False), encoding="utf-8")
    code = main([
        "--input-video", read(folder / SUMMARY)["source_video"], "--output-root",
        str(tmp_path / "out"), "--stages", "2,3", "--max-frames", "16", "--num-workers", "1",
    ])  # fmt: skip
    assert code == 0
    report = validate_folder(folder)
    assert report.errors == ()
    assert [line.split(":")[0] for line in report.warnings] == [
        f"W-JSON-FORM {DRAFT}", f"W-ANSWER-EDITED {DRAFT}",
    ]  # fmt: skip
    assert "steps[1].rationale" in report.warnings[1]
    assert "edited by hand after the model answered?" in report.warnings[1]


def answer_as(folder: Path, change: Callable[[str], str]) -> None:
    """Give the raw answer of stage 1 another form, in its file and in the journal."""
    text = change((folder / RAW).read_text(encoding="utf-8"))
    (folder / RAW).write_text(text, encoding="utf-8", newline="")
    lines = (folder / CALLS).read_text(encoding="utf-8").splitlines()
    record = {**json.loads(lines[0]), "raw_answer": text}
    lines[0] = json.dumps(record, ensure_ascii=False)
    (folder / CALLS).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    restamp(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: json.dumps(json.loads(text), indent=7),
        lambda text: text.replace('"agent": "', '"agent": " ', 1),
        lambda text: f"Here it is:\n```json\n{text}\n```\n",
        lambda text: text[:-1] + ",}",
    ],
    ids=["indent", "spelling", "fences", "a comma"],
)
def test_only_what_an_answer_says_is_compared_and_only_where_it_is_plain(
    folder: Path, change: Callable[[str], str]
) -> None:
    answer_as(folder, change)
    assert lines_of(folder) == []


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "a[1].b"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b"),
        ([1, 2], [1], ""),
        ({"a": [1]}, {"a": [1, 2]}, "a"),
        ({"a": 1}, {"b": 1}, ""),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, None),
    ],
)
def test_the_first_difference_is_named(first: object, second: object, place: str | None) -> None:
    assert first_difference(first, second) == place


# The record


def test_a_stage_accepted_without_a_record_has_nothing_to_show(folder: Path) -> None:
    """As --reuse-any leaves a folder whose run_summary.json was lost."""
    summary = read(folder / SUMMARY)
    for stage in ("stage1", "stage2", "stage3"):
        summary[stage].update(
            attempts=0, ask_key=None, ask_inputs={}, parts={}, cost=None,
            usage=dict.fromkeys(summary[stage]["usage"], 0),
            reused=["accepted as it was, by --reuse-any"],
        )  # fmt: skip
    write(folder / SUMMARY, summary)
    assert lines_of(folder) == []


def test_what_was_never_recorded_of_a_copy_is_not_compared(folder: Path) -> None:
    """A copy is not encoded: crf and preset are in no key."""
    set_leaf("stage2/step_segments.json", "cut", "mode", value="copy")(folder)
    restamp(folder)
    found = [line for line in lines_of(folder) if line.startswith("E-CUT-RECORD")]
    assert len(found) == 1
    assert "cut mode copy; reencode is recorded of the clips of steps 1, 2, 3, 4" in found[0]
