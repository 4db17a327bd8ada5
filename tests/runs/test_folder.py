"""The folder of one video: its paths, its summary, what is recorded and what is stale."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from schemas.files import RunSummary, StageRecord
from schemas.localization import Localization
from schemas.problems import SchemaError, parse
from tests.schemas import samples
from three_stage.runs import RunFolder, VideoLayout, missing_artifact, read_model, utc_now


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return a folder with nothing in it yet."""
    value = {**samples.run_summary(), "artifacts": {}, "artifact_bytes": {}}
    root = tmp_path / "outputs" / "Brot 切"
    root.mkdir(parents=True)
    return RunFolder(root, parse(RunSummary, value))


def on_disk(folder: RunFolder) -> RunSummary:
    return read_model(RunSummary, folder.layout.summary)


# Paths


def test_every_path_is_where_the_specification_has_it() -> None:
    layout = VideoLayout(Path("out") / "v")
    step = layout.step(3, "Cut bread")
    expected = {
        layout.summary: "run_summary.json",
        layout.calls: "calls.jsonl",
        layout.plan: "causal_plan_with_keyframes.json",
        layout.stage1.manifest: "stage1/frame_manifest.json",
        layout.draft: "stage1/draft_plan.json",
        layout.stage1.system_prompt: "stage1/stage1_system_prompt.txt",
        layout.stage1.user_prompt: "stage1/stage1_user_prompt.txt",
        layout.stage1.raw_response: "stage1/stage1_raw_response.txt",
        layout.stage1.samples: "stage1/sampled_frames",
        layout.localization: "stage2/localization_raw.json",
        layout.segments: "stage2/step_segments.json",
        layout.stage2.system_prompt: "stage2/stage2_system_prompt.txt",
        layout.stage2.user_prompt: "stage2/stage2_user_prompt.txt",
        layout.stage2.raw_response: "stage2/stage2_raw_response.txt",
        layout.clip(3, "Cut bread"): "stage2/step_clips/step03_cut_bread.mp4",
        step.manifest: "03_cut_bread/frame_manifest.json",
        step.final: "03_cut_bread/step_final.json",
        step.meta: "03_cut_bread/step_meta.json",
        step.system_prompt: "03_cut_bread/stage3_system_prompt.txt",
        step.user_prompt: "03_cut_bread/stage3_user_prompt.txt",
        step.raw_response: "03_cut_bread/stage3_raw_response.txt",
        step.samples: "03_cut_bread/sampled_frames",
    }
    for path, relpath in expected.items():
        assert layout.relpath(path) == relpath


def test_a_path_outside_the_folder_has_no_relative_path() -> None:
    with pytest.raises(ValueError, match="other"):
        VideoLayout(Path("out") / "v").relpath(Path("out") / "other" / "a.json")


# The summary


def test_an_update_is_on_disk_at_once_with_its_time(folder: RunFolder) -> None:
    before = utc_now()
    folder.update(source_size_bytes=7)
    saved = on_disk(folder)
    assert saved == folder.summary
    assert saved.source_size_bytes == 7
    assert before <= saved.updated_at_utc <= utc_now()


def test_a_stage_is_found_and_changed_by_its_name(folder: RunFolder) -> None:
    assert folder.stage("stage2") is None
    folder.update(stage2=StageRecord(status="running", started_at_utc=utc_now()))
    folder.update_stage("stage2", status="failed", error="no answer")
    for summary in (folder.summary, on_disk(folder)):
        assert summary.stage2 is not None
        assert (summary.stage2.status, summary.stage2.error) == ("failed", "no answer")
    assert folder.stage("stage1") == parse(RunSummary, samples.run_summary()).stage1


# Artifacts


def test_a_recorded_artifact_has_digest_and_size_of_its_file(folder: RunFolder) -> None:
    written = [
        folder.write(folder.layout.stage1.user_prompt, "Brot 切\n"),
        folder.write(folder.layout.draft, samples.parsed_draft()),
        folder.write(folder.layout.stage1.samples / "a.jpg", b"\xff\xd8"),
    ]
    assert written == [
        "stage1/stage1_user_prompt.txt",
        "stage1/draft_plan.json",
        "stage1/sampled_frames/a.jpg",
    ]
    folder.record(written)
    saved = on_disk(folder)
    assert list(saved.artifacts) == sorted(written) == list(saved.artifact_bytes)
    for relpath in written:
        data = (folder.layout.root / relpath).read_bytes()
        assert saved.artifacts[relpath] == hashlib.sha256(data).hexdigest()
        assert saved.artifact_bytes[relpath] == len(data)
    assert json.loads(folder.layout.draft.read_bytes()) == samples.draft_plan()
    assert missing_artifact(saved, folder.layout.root, written) is None


def test_recording_again_refreshes_and_keeps_the_others(folder: RunFolder) -> None:
    one = folder.write(folder.layout.root / "one.txt", "1")
    two = folder.write(folder.layout.root / "two.txt", "2")
    folder.record([one, two])
    folder.write(folder.layout.root / "one.txt", "changed")
    folder.record([one])
    assert on_disk(folder).artifact_bytes == {one: 7, two: 1}


def test_a_missing_a_changed_and_a_foreign_file_are_named(folder: RunFolder) -> None:
    names = [folder.write(folder.layout.root / f"{n}.txt", "text") for n in ("a", "b", "c")]
    folder.record(names)
    root = folder.layout.root
    (root / "a.txt").unlink()
    (root / "b.txt").write_text("longer text", encoding="utf-8")
    assert missing_artifact(folder.summary, root, ["c.txt", "a.txt"]) == "a.txt is missing"
    assert missing_artifact(folder.summary, root, ["b.txt"]) == (
        "b.txt has 11 bytes, 4 were recorded"
    )
    assert missing_artifact(folder.summary, root, ["d.txt"]) == "d.txt is not recorded"
    assert missing_artifact(folder.summary, root, []) is None


def test_what_a_killed_removal_had_taken_from_the_disk_leaves_the_record(
    folder: RunFolder,
) -> None:
    paths = [folder.layout.root / "01_old" / name for name in ("one.jpg", "two.jpg")]
    folder.record([folder.write(path, b"a picture") for path in paths])
    paths[0].unlink()  # the kill came here
    folder.remove([paths[1]])
    assert on_disk(folder).artifacts == {}
    assert on_disk(folder).artifact_bytes == {}


def test_what_is_removed_leaves_disk_and_record(folder: RunFolder) -> None:
    root = folder.layout.root
    names = ["01_a/step_final.json", "01_a/sampled_frames/x.jpg", "01_ab/step_final.json", "p.json"]
    folder.record([folder.write(root / name, "text") for name in names])
    folder.remove([root / "01_a", root / "p.json", root / "never_was"])
    assert list(on_disk(folder).artifacts) == ["01_ab/step_final.json"]
    assert list(on_disk(folder).artifact_bytes) == ["01_ab/step_final.json"]
    assert sorted(p.name for p in root.iterdir()) == ["01_ab", "run_summary.json"]


def test_nothing_outside_the_folder_is_ever_removed(folder: RunFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outputs" / "other.txt"
    outside.write_text("precious", encoding="utf-8")
    root = folder.layout.root
    folder.record([folder.write(root / "a.txt", "text")])
    folder.remove([outside, root / ".." / "other.txt", root / "sub" / ".." / ".." / "other.txt"])
    folder.remove([root, root / ".."])
    assert outside.read_text(encoding="utf-8") == "precious"
    assert list(on_disk(folder).artifacts) == ["a.txt"]


def test_a_link_is_removed_and_not_what_it_points_at(folder: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "precious.txt").write_text("text", encoding="utf-8")
    link = folder.layout.root / "01_a"
    try:
        link.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links for this user")
    folder.remove([link])
    assert not link.exists()
    assert (target / "precious.txt").exists()


def test_files_that_are_not_as_recorded_are_found_by_digest(folder: RunFolder) -> None:
    root = folder.layout.root
    folder.record([folder.write(root / name, "text") for name in ("a.json", "b.txt", "c.txt")])
    (root / "a.json").write_text("TEXT", encoding="utf-8")
    (root / "b.txt").write_text("TEXT", encoding="utf-8")
    (root / "d.txt").write_text("text", encoding="utf-8")
    names = ["a.json", "b.txt", "c.txt", "d.txt"]
    assert folder.changed(names) == ["a.json", "b.txt", "d.txt"]
    assert missing_artifact(folder.summary, root, ["b.txt", "c.txt"]) is None, "size alone"
    assert missing_artifact(folder.summary, root, ["a.json"]) == "a.json is not as it was recorded"
    folder.record(folder.changed(names))
    assert folder.changed(names) == []


def test_nothing_beyond_a_link_is_removed(folder: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "precious.txt").write_text("text", encoding="utf-8")
    link = folder.layout.root / "stage1"
    try:
        link.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links for this user")
    folder.remove([link / "precious.txt"])
    assert (target / "precious.txt").exists()


def test_what_a_kill_left_half_written_goes(folder: RunFolder) -> None:
    root = folder.layout.root
    kept = folder.write(root / "stage1" / "a.json", "text")
    for place in (root, root / "stage1"):
        (place / ".tmp-123-abc").write_text("half", encoding="utf-8")
    folder.remove_temporaries()
    assert [p.relative_to(root).as_posix() for p in root.rglob("*.*") if p.is_file()] == [kept]


# Reading


def test_a_model_is_read_and_its_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "localization_raw.json"
    with pytest.raises(SchemaError, match=r"^localization_raw\.json is missing$"):
        read_model(Localization, path)
    path.write_text(json.dumps(samples.localization()), encoding="utf-8")
    assert read_model(Localization, path) == parse(Localization, samples.localization())
    path.write_text('{"steps": 1}', encoding="utf-8")
    with pytest.raises(SchemaError, match=r"^localization_raw\.json steps: "):
        read_model(Localization, path)
    path.write_bytes(b'{"steps": [')
    with pytest.raises(SchemaError, match=r"^localization_raw\.json \$: .*JSON"):
        read_model(Localization, path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SchemaError, match=r"^localization_raw\.json cannot be read: "):
        read_model(Localization, path)


def test_the_wall_clock_is_aware_utc_to_the_millisecond() -> None:
    now = utc_now()
    assert now.endswith("+00:00")
    assert len(now) == len("2026-03-04T05:06:07.089+00:00")
