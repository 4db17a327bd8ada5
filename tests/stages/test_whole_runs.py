"""The main job on small real videos: what comes out, what a second run asks, what a person sees."""

from __future__ import annotations

import json
import random
import shutil
import unicodedata
from pathlib import Path

import pytest

from tests.consumer.reader import read_output_folder
from tests.stages.conftest import Run, content, read
from tests.stages.processes import options as options_of
from tests.stages.processes import run_here
from tests.support.served_offline import Body, served_offline, stage_of
from tests.support.small_video import write_small_video


@pytest.fixture(scope="session")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_video(tmp_path_factory.mktemp("videos") / "little.mp4", seconds_each=1.5)


@pytest.fixture(scope="module")
def annotated(small_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output root of one run on the small video; not to be changed."""
    root = tmp_path_factory.mktemp("annotated")
    with served_offline() as endpoint:
        assert run_here(options_of(small_video, endpoint.url, root / "out"), root) == 0
    return root / "out"


@pytest.fixture
def done(annotated: Path, tmp_path: Path) -> Path:
    """The small video's folder as a first run with ``run`` would have left it."""
    return Path(shutil.copytree(annotated, tmp_path / "out")) / "little"


def steps_of(folder: Path) -> int:
    return len(read(folder / "causal_plan_with_keyframes.json")["steps"])


def test_first_run_second_run_and_overwrite_of_one_stage(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "out" / "little"
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)

        assert run(*options, "--post-validate") == 0
        steps = steps_of(folder)
        assert endpoint.requests == 2 + steps
        assert read(folder / "run_summary.json")["post_validate"]["status"] == "completed"
        first = content(folder)

        assert run(*options) == 0
        assert endpoint.requests == 2 + steps, "a second run pays for nothing"
        assert content(folder) == first

        assert run(*options, "--overwrite", "--stages", "3") == 0
        assert [stage_of(body) for body in endpoint.bodies[2 + steps :]] == ["stage3"] * steps
        assert content(folder) == first

        assert run(*options) == 0
        assert endpoint.requests == 2 + 2 * steps, "an overwrite that is over stays over"
    assert read_output_folder(folder)["steps"]


def test_the_embedded_model_needs_no_server_and_is_named(
    small_video: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--input-video", small_video) == 0
    shown = capsys.readouterr().err
    assert "NO MODEL ENDPOINT IS SET" in shown
    summary = read(tmp_path / "out" / "little" / "run_summary.json")
    assert summary["api_config"]["provider"] == "offline"
    assert {summary[f"stage{i}"]["status"] for i in (1, 2, 3)} == {"completed"}


@pytest.mark.slow
def test_stage_by_stage_gives_the_same_folder(
    small_video: Path, annotated: Path, run: Run, tmp_path: Path
) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        for stage in ("1", "2", "3"):
            assert run(*options, only_stage=stage) == 0
    assert content(tmp_path / "out" / "little") == content(annotated / "little")


@pytest.mark.slow
def test_results_belong_to_their_video_and_step_whatever_answers_first(
    run: Run, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for name, activities in (("a", 3), ("b", 4), ("c", 5)):
        write_small_video(videos / f"{name}.mp4", activities=activities)

    def all_at_once(seed: int, root: Path) -> dict[str, bytes]:
        chance = random.Random(seed)
        with served_offline(delay_sec=lambda _body: chance.random() * 0.4) as endpoint:
            code = run(
                "--input-video-dir", videos, "--api-base", endpoint.url, "--output-root", root
            )
            assert code == 0
            assert endpoint.most_at_once > 1, "nothing was shuffled"
        return content(root)

    one_by_one = tmp_path / "one_by_one"
    with served_offline() as endpoint:
        code = run(
            "--input-video-dir", videos, "--api-base", endpoint.url, "--concurrency", 1,
            "--output-root", one_by_one,
        )  # fmt: skip
        assert code == 0
    expected = content(one_by_one)
    for seed in (1, 2):
        assert all_at_once(seed, tmp_path / f"shuffled{seed}") == expected


def test_an_invalid_answer_is_asked_again_with_its_errors(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    def nonsense_first(number: int, _body: Body) -> str | None:
        return '{"high_level_goal": "x", "steps": []}' if number == 1 else None

    with served_offline(instead=nonsense_first) as endpoint:
        assert run("--input-video", small_video, "--api-base", endpoint.url) == 0
        again = endpoint.bodies[1]["messages"]
    assert [message["role"] for message in again] == ["system", "user", "assistant", "user"]
    assert "steps" in json.dumps(again[-1])
    summary = read(tmp_path / "out" / "little" / "run_summary.json")
    assert summary["stage1"]["attempts"] == 2


def test_a_video_without_a_valid_answer_fails_and_asks_anew_next_time(
    small_video: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served_offline(instead=lambda _number, _body: '{"steps": 1}') as endpoint:
        assert run("--input-video", small_video, "--api-base", endpoint.url) == 1
        assert endpoint.requests == 3
    assert "FAILED little" in capsys.readouterr().err
    assert read(tmp_path / "out" / "little" / "run_summary.json")["stage1"]["status"] == "failed"
    with served_offline() as endpoint:
        assert run("--input-video", small_video, "--api-base", endpoint.url) == 0
        assert endpoint.requests > 3


def test_a_failed_step_keeps_the_others(small_video: Path, run: Run, tmp_path: Path) -> None:
    def second_step_fails(_number: int, body: Body) -> str | None:
        is_second = '"step_id": 2,' in json.dumps(body["messages"][1]).replace("\\", "")
        return "{}" if stage_of(body) == "stage3" and is_second else None

    options = ("--input-video", small_video)
    with served_offline(instead=second_step_fails) as endpoint:
        assert run(*options, "--api-base", endpoint.url) == 1
    folder = tmp_path / "out" / "little"
    assert not (folder / "causal_plan_with_keyframes.json").exists()
    with served_offline() as endpoint:
        assert run(*options, "--api-base", endpoint.url) == 0
        assert endpoint.requests == 1, "only the step that failed is asked for"


@pytest.mark.usefixtures("done")
def test_a_changed_prompt_reruns_its_stage_and_says_so(
    small_video: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "stage2_system.txt").write_text("Answer with JSON. 请用 JSON 回答。", "utf-8")
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        assert run(*options, "--prompts-dir", prompts) == 0
        assert [stage_of(body) for body in endpoint.bodies] == ["stage2"]
    assert "stage2 runs: prompt changed" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_a_changed_cut_recuts_and_refines_anew_without_asking_where_the_steps_are(
    small_video: Path, run: Run
) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        before = endpoint.requests
        assert run(*options, "--crf", 30) == 0
        asked = {stage_of(body) for body in endpoint.bodies[before:]}
    assert asked == {"stage3"}


@pytest.mark.slow
def test_names_of_people_who_read_chinese(run: Run, tmp_path: Path) -> None:
    name = unicodedata.normalize("NFC", "早餐 10点 做饭é")
    video = write_small_video(tmp_path / f"{name}.mp4", activities=3)
    assert run("--input-video", video, "--post-validate") == 0
    folder = tmp_path / "out" / name
    assert read(folder / "run_summary.json")["video_id"] == name
    assert read_output_folder(folder)["steps"]


@pytest.mark.slow
def test_a_moved_source_is_known_again_and_another_one_is_refused(
    small_video: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here" / "little.mp4"
    there = tmp_path / "there" / "little.mp4"
    here.parent.mkdir()
    there.parent.mkdir()
    shutil.copy(small_video, here)
    with served_offline() as endpoint:
        options = ("--api-base", endpoint.url)
        assert run("--input-video", here, *options) == 0
        before = endpoint.requests
        shutil.move(here, there)
        assert run("--input-video", there, *options) == 0
        assert endpoint.requests == before
        folder = tmp_path / "out" / "little"
        for name in ("run_summary.json", "stage2/step_segments.json"):
            assert read(folder / name)["source_video"] == str(there)

        other = write_small_video(tmp_path / "little.mp4", activities=3)
        capsys.readouterr()
        assert run("--input-video", other, *options, "--overwrite") == 2
        assert endpoint.requests == before
    shown = capsys.readouterr().err
    assert str(there) in shown
    assert str(other) in shown


@pytest.mark.slow
def test_another_content_at_the_same_path_runs_again_and_says_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_small_video(tmp_path / "clip.mp4", activities=3)
    assert run("--input-video", video) == 0
    write_small_video(video, activities=5)
    capsys.readouterr()
    assert run("--input-video", video) == 0
    assert "the source's content changed" in capsys.readouterr().err
    assert read_output_folder(tmp_path / "out" / "clip")["steps"]


def test_preflight_says_what_would_run_and_touches_nothing(
    small_video: Path, annotated: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        log = tmp_path / "logs" / "run.log"
        assert run(*options, "--preflight-only", "--log-file", log) == 0
        assert not (tmp_path / "out").exists()
        assert not log.parent.exists()
        assert "little: stage1: run (not done yet), 1 request" in capsys.readouterr().out

        shutil.copytree(annotated, tmp_path / "out")
        before, files = endpoint.requests, content(tmp_path / "out")
        capsys.readouterr()
        assert run(*options, "--preflight-only") == 0
        assert "Estimate: 0 requests" in capsys.readouterr().out

        assert run(*options, "--preflight-only", "--overwrite", "--stages", "2,3") == 0
        told = capsys.readouterr().out
        assert "stage2: run (--overwrite), 1 request" in told
        assert endpoint.requests == before
        assert content(tmp_path / "out") == files


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_preflight_foretells_what_other_cuts_cost(
    small_video: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        before = endpoint.requests
        capsys.readouterr()
        assert run(*options, "--crf", 30, "--preflight-only") == 0
        told = capsys.readouterr().out
        assert run(*options, "--crf", 30) == 0
        asked = endpoint.requests - before
        assert asked > 2
        assert f"Estimate: {asked} requests" in told


def test_preflight_counts_no_more_pictures_than_a_video_has(
    small_video: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--input-video", small_video, "--max-frames", 2000, "--preflight-only") == 0
    # Six seconds of ten frames: each stage sends all of them at most.
    assert ", 180 pictures, " in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_the_summary_counts_the_answers_that_the_result_is_made_of(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    summary = tmp_path / "out" / "little" / "run_summary.json"

    def took() -> list[tuple[int, int]]:
        stages = [read(summary)[name] for name in ("stage1", "stage2", "stage3")]
        return [(stage["attempts"], stage["usage"]["requests"]) for stage in stages]

    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        steps = steps_of(tmp_path / "out" / "little")
        as_it_was = [(1, 1), (1, 1), (steps, steps)]
        assert took() == as_it_was
        for other in (("--cut-mode", "copy"), (), ("--overwrite", "--stages", "3")):
            assert run(*options, *other) == 0
            assert took() == as_it_was
        assert run(*options, "--cut-mode", "copy") == 0
        before = endpoint.requests
        assert run(*options, "--cut-mode", "copy", "--crf", 30, "--preset", "fast") == 0
        assert endpoint.requests == before, "nothing is encoded: the clips are the same"


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["causal_plan_with_keyframes.json", "stage2/step_clips"])
def test_damage_of_any_kind_is_mended_or_named(
    small_video: Path, run: Run, tmp_path: Path, damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--input-video", small_video) == 0
    path = tmp_path / "out" / "little" / damaged
    capsys.readouterr()
    if path.is_file():
        path.write_bytes(b"\xff\xfe")
        assert run("--input-video", small_video, "--post-validate") == 0
        return
    shutil.rmtree(path)
    path.write_text("a file where a folder should be", encoding="utf-8")
    assert run("--input-video", small_video) == 1
    told = capsys.readouterr().err
    assert str(path) in told
    assert "remove it and run again" in told
    assert "fault in three-stage" not in told
    path.unlink()
    assert run("--input-video", small_video, "--post-validate") == 0


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_a_hand_edited_draft_is_used_by_the_later_stages(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        folder = tmp_path / "out" / "little"
        draft = read(folder / "stage1" / "draft_plan.json")
        draft["steps"][0]["step_goal"] = "打开 the box"
        (folder / "stage1" / "draft_plan.json").write_text(
            json.dumps(draft, ensure_ascii=False), encoding="utf-8"
        )
        before = endpoint.requests
        assert run(*options, "--stages", "2,3", "--post-validate") == 0
        stages = [stage_of(body) for body in endpoint.bodies[before:]]
    assert stages[0] == "stage2"
    assert (folder / "01_打开_the_box" / "step_final.json").is_file()
    assert len(list(folder.glob("01_*"))) == 1, "the folder of the old goal is stale"


@pytest.mark.slow
def test_the_summary_keeps_nothing_of_a_step_that_was_edited_away(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "out" / "little"
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        assert run(*options, "--post-validate") == 0
        assert read(folder / "run_summary.json")["post_validate"]["status"] == "completed"
        draft = read(folder / "stage1" / "draft_plan.json")
        assert len(draft["steps"]) > 3, "a plan needs 3 steps after one is gone"
        gone = str(draft["steps"].pop()["step_id"])
        (folder / "stage1" / "draft_plan.json").write_text(json.dumps(draft), encoding="utf-8")
        assert run(*options, "--stages", "2,3") == 0
    summary = read(folder / "run_summary.json")
    assert summary["post_validate"] is None, "it told of another result"
    assert summary["stage3"]["parts"].keys() == {str(step["step_id"]) for step in draft["steps"]}
    assert gone not in summary["stage2"]["parts"]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["missing", "cut"])
@pytest.mark.usefixtures("done")
def test_a_damaged_picture_is_made_again_without_asking(
    small_video: Path, run: Run, tmp_path: Path, damage: str
) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        before = endpoint.requests
        picture = next((tmp_path / "out/little/stage1/sampled_frames").glob("sample_005_*"))
        if damage == "missing":
            picture.unlink()
        else:
            picture.write_bytes(picture.read_bytes()[:100])
        assert run(*options, "--post-validate") == 0
        assert endpoint.requests == before, "the answer stands in the journal"


@pytest.mark.slow
def test_reuse_any_accepts_what_other_settings_made(small_video: Path, run: Run) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        assert run(*options, "--max-frames", 20) == 0
        before = endpoint.requests
        assert run(*options, "--max-frames", 30, "--reuse-any") == 0
        assert endpoint.requests == before
        assert run(*options, "--max-frames", 30) == 0
        assert endpoint.requests > before


@pytest.mark.slow
def test_copied_clips_and_plain_pictures_are_valid_too(small_video: Path, run: Run) -> None:
    code = run(
        "--input-video", small_video, "--cut-mode", "copy", "--no-embed-index",
        "--max-frames", 20, "--pool-mode", "keyframe", "--post-validate",
    )  # fmt: skip
    assert code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_a_killed_overwrite_is_gone_on_with_with_or_without_the_flag(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    options = ("--input-video", small_video)
    for flags in (("--overwrite",), ()):
        with served_offline(
            instead=lambda _number, body: "{}" if stage_of(body) == "stage3" else None
        ) as endpoint:
            assert run(*options, "--api-base", endpoint.url, "--overwrite") == 1
            assert [stage_of(body) for body in endpoint.bodies[:2]] == ["stage1", "stage2"]
        with served_offline() as endpoint:
            assert run(*options, "--api-base", endpoint.url, *flags) == 0
            assert {stage_of(body) for body in endpoint.bodies} == {"stage3"}
    summary = read(tmp_path / "out" / "little" / "run_summary.json")
    assert summary["overwrite_in_progress"] == []
    assert summary["generations"] == {"stage1": 2, "stage2": 2, "stage3": 2}


@pytest.mark.slow
def test_a_persons_own_files_in_an_output_folder_are_never_touched(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    assert run("--input-video", small_video) == 0
    folder = tmp_path / "out" / "little"
    outside = tmp_path / "outside"
    outside.mkdir()
    kept = [
        folder / "2024 my notes" / "read me.txt",
        folder / "stage1" / "sampled_frames" / "mine.png",
        folder / "stage2" / "step_clips" / "mine.mov",
        outside / "step99_x.mp4",
    ]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine", encoding="utf-8")
    (folder / "99_link").symlink_to(outside, target_is_directory=True)
    assert run("--input-video", small_video, "--overwrite", "--max-frames", 14) == 0
    assert all(path.read_text(encoding="utf-8") == "mine" for path in kept)


@pytest.mark.slow
def test_a_replaced_file_is_never_annotated_with_the_old_results(run: Run, tmp_path: Path) -> None:
    video = write_small_video(tmp_path / "clip.mp4", activities=3)
    with served_offline() as endpoint:
        options = ("--input-video", video, "--api-base", endpoint.url)
        assert run(*options) == 0
        write_small_video(video, activities=5)
        before = endpoint.requests
        assert run(*options, "--stages", "3") == 2
        assert endpoint.requests == before
        assert run(*options, "--reuse-any", "--post-validate") == 0
        assert stage_of(endpoint.bodies[before]) == "stage1"


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_a_lost_summary_costs_no_answer(small_video: Path, run: Run, tmp_path: Path) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        before = endpoint.requests
        summary = tmp_path / "out" / "little" / "run_summary.json"
        for damage in ("{", '{"video_id": 1}', None):
            if damage is None:
                summary.unlink()
            else:
                summary.write_text(damage, encoding="utf-8")
            assert run(*options, "--post-validate") == 0
            assert endpoint.requests == before
        summary.unlink()
        assert run(*options, "--reuse-any", "--post-validate") == 0
        assert endpoint.requests == before
        # With one step gone, the others are kept; what is gone comes from the journal.
        summary.unlink()
        next((tmp_path / "out" / "little").glob("02_*/step_final.json")).unlink()
        assert run(*options, "--reuse-any", "--post-validate") == 0
        assert endpoint.requests == before


@pytest.mark.slow
def test_a_stage_that_was_stale_and_still_fits_is_completed_without_an_error(
    small_video: Path, run: Run, tmp_path: Path
) -> None:
    assert run("--input-video", small_video) == 0
    (tmp_path / "out" / "little" / "stage1" / "draft_plan.json").unlink()
    assert run("--input-video", small_video, "--post-validate") == 0
    stages = read(tmp_path / "out" / "little" / "run_summary.json")
    assert [stages[name]["error"] for name in ("stage1", "stage2", "stage3")] == [None] * 3


@pytest.mark.slow
@pytest.mark.usefixtures("done")
def test_clips_that_were_not_cut_anew_keep_their_steps(small_video: Path, run: Run) -> None:
    with served_offline() as endpoint:
        options = ("--input-video", small_video, "--api-base", endpoint.url)
        before = endpoint.requests
        assert run(*options, "--stages", "3", "--crf", 30) == 0
        assert endpoint.requests == before
