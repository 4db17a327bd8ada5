"""Resume, row by row: one recorded thing is changed; what runs again, which line says why, and how
many questions reach the server.

The model gives the same answers every time unless a row changes them, so that each row shows the
effect of its own change alone.
"""

from __future__ import annotations

import fnmatch
import importlib.resources
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import prompts
import schemas
from schemas import publish
from stages.command import main
from tests.stages.conftest import content, read
from tests.support.drawn import drawn
from tests.support.served_offline import Body, Served, served_offline, stage_of
from tests.support.small_video import write_small_video

pytestmark = pytest.mark.slow

STEPS = 3
STAGES = ("stage1", "stage2", "stage3")
Answers = dict[tuple[str, int | None], str]

NOT_OF_STATUS = {
    "--num-workers", "--concurrency", "--stage1-retries", "--api-call-retries",
    "--api-timeout-sec", "--max-total-tokens",
}  # fmt: skip

MISSING = "* is missing"
OTHER_SIZE = "* has * bytes, * were recorded"


def question_of(body: Body) -> tuple[str, int | None]:
    """Tell which question a request asks: its stage and, in stage 3, its step."""
    stage = stage_of(body)
    if stage != "stage3":
        return stage, None
    parts = body["messages"][1]["content"]
    text = "".join(part["text"] for part in parts if part["type"] == "text")
    found = re.search(r'"step_id": (\d+)', text)
    assert found is not None
    return stage, int(found[1])


@dataclass(frozen=True)
class Seen:
    """What one run did. ``runs`` has the reason of every chosen stage, or ``reused``."""

    code: int
    runs: Mapping[str, str]
    asked: Mapping[str, int]
    cut: int
    terminal: str


@dataclass(frozen=True)
class Foretold:
    """The reason why each stage would run (None: it would not), and its requests."""

    whys: Mapping[str, str | None]
    requests: Mapping[str, int]


@dataclass
class Place:
    """A copy of the finished folder with its source, always at the same paths."""

    root: Path
    endpoint: Served
    answers: Answers
    shown: Callable[[], str]
    printed: Callable[[], str]
    patch: pytest.MonkeyPatch
    video: Path = field(init=False)
    output_root: Path = field(init=False)

    def __post_init__(self) -> None:
        self.video, self.output_root = self.root / "little.mp4", self.root / "out"

    @property
    def folder(self) -> Path:
        """The folder of the video."""
        return self.output_root / "little"

    @property
    def summary(self) -> Path:
        """Its record."""
        return self.folder / "run_summary.json"

    def one(self, pattern: str) -> Path:
        """Return the first file of the folder that a pattern names."""
        return min(self.folder.glob(pattern))

    def run(self, *options: str) -> Seen:
        """Run the pipeline and look at what it did."""
        log = self.root / "run.log"
        log.unlink(missing_ok=True)
        before, clips = self.endpoint.requests, self._clips()
        self.shown()
        code = pipeline(self, *options, "--log-file", str(log))
        bodies = self.endpoint.bodies[before:]
        return Seen(
            code=code,
            runs=runs_in(log.read_text(encoding="utf-8")) if log.exists() else {},
            asked=Counter(stage_of(body) for body in bodies),
            cut=len(self._clips() - clips),
            terminal=without_goals(self.shown()),
        )

    def foretold(self, *options: str) -> Foretold:
        """Return what ``status`` says that a run would do; it takes no option that it ignores."""
        self.printed()
        asked = [*options_of(self), *options]
        for name in NOT_OF_STATUS & set(asked):
            place = asked.index(name)
            del asked[place : place + 2]
        main(["status", str(self.output_root), "--json", *asked])
        (video,) = json.loads(self.printed())["videos"]
        stages = video["stages"].items()
        return Foretold(
            {stage: does["would_run"] for stage, does in stages},
            {stage: does["requests"] for stage, does in stages},
        )

    def _clips(self) -> set[tuple[str, int]]:
        clips = self.folder.glob("stage2/step_clips/*.mp4")
        return {(path.name, path.stat().st_mtime_ns) for path in clips}


def pipeline(place: Place, *options: str) -> int:
    """Run the pipeline in this process, as every row does."""
    return main(["--output-root", str(place.output_root), *options_of(place), *options])


def options_of(place: Place) -> list[str]:
    """Return the options of every row but the output root."""
    return [
        "--input-video", str(place.video), "--api-base", place.endpoint.url,
        "--model", "small-model", "--max-frames", "12", "--num-workers", "1",
    ]  # fmt: skip


def without_goals(text: str) -> str:
    """Write NN for the parts of names that tell a step's number and goal."""
    return re.sub(r"\b(step)?\d\d_\w+", r"\1NN", text)


def runs_in(log: str) -> dict[str, str]:
    """Return what a log says of every stage: why it ran, or that it was reused."""
    lines = re.findall(r": (stage\d) (?:runs: )?(reused$|(?<=runs: ).*$)", log, re.MULTILINE)
    return {stage: without_goals(why) for stage, why in lines}


@pytest.fixture(scope="module")
def spoken() -> Answers:
    """What the server answers instead of the embedded model; empty: the model itself."""
    return {}


@pytest.fixture(scope="module")
def endpoint(spoken: Answers) -> Iterator[Served]:
    with served_offline(instead=lambda _number, body: spoken.get(question_of(body))) as served:
        yield served


@dataclass(frozen=True)
class Finished:
    """The finished folder as it was, the place that it was made at, and the model's answers."""

    kept: Path
    root: Path
    answers: Answers


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, endpoint: Served, spoken: Answers
) -> Finished:
    """Make one finished folder; rows work on copies of it, at the place where it was made."""
    at = tmp_path_factory.mktemp("resume")
    root = at / "work"
    root.mkdir()
    write_small_video(root / "little.mp4", activities=STEPS, seconds_each=2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(at)
        place = Place(root, endpoint, spoken, str, str, patch)
        assert pipeline(place) == 0
    folder = place.folder
    answers: Answers = {
        (stage, None): text_of(folder / stage / f"{stage}_raw_response.txt")
        for stage in ("stage1", "stage2")
    }
    for path in folder.glob("*/stage3_raw_response.txt"):
        answers["stage3", int(path.parent.name[:2])] = text_of(path)
    assert len(answers) == 2 + STEPS
    return Finished(Path(shutil.copytree(root, at / "kept")), root, answers)


@pytest.fixture
def place(
    finished: Finished,
    endpoint: Served,
    spoken: Answers,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    shutil.rmtree(finished.root)
    shutil.copytree(finished.kept, finished.root)
    spoken.clear()
    spoken.update(finished.answers)
    monkeypatch.chdir(finished.root)
    # A spawned worker imports the main module first; pytest would make every row slower.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    publish.sent_schema.cache_clear()
    yield Place(
        finished.root, endpoint, spoken, lambda: capsys.readouterr().err,
        lambda: capsys.readouterr().out, monkeypatch,
    )  # fmt: skip
    publish.sent_schema.cache_clear()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place."""
    value = read(path)
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


Change = Callable[[Place], Sequence[str] | None]


@dataclass(frozen=True)
class Row:
    """A change, which may name options for the run, and what that run must do.

    A stage that is not in ``runs`` must be reused. ``says`` is a further line on the terminal.
    ``sampling`` is what run_summary.json must say of the pools afterwards.
    ``as_before``: the result is the one that was there, byte by byte up to times of writing.
    """

    name: str
    change: Change
    runs: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)
    cut: int = 0
    says: str = ""
    as_before: bool = False
    sampling: Mapping[str, object] = field(default_factory=dict)
    stages: Sequence[str] = STAGES


def given(*options: str) -> Change:
    """Change options alone."""
    return lambda _place: options


def everywhere(why: str) -> dict[str, str]:
    """Every stage runs for one reason."""
    return {"stage1": why, "stage2": why, "stage3": f"NN: {why}"}


ALL = {"stage1": 1, "stage2": 1, "stage3": STEPS}
OPTIONS = [
    Row("nothing", given(), as_before=True),
    Row(
        "max frames", given("--max-frames", "13"),
        {"stage1": "max frames changed", "stage2": "max frames changed",
         "stage3": "NN: max frames, segment changed"},
        ALL, cut=STEPS,
    ),
    Row("pool mode", given("--pool-mode", "keyframe"), everywhere("pool mode changed"), ALL),
    Row("picture size", given("--frame-max-side", "96"), everywhere("picture size changed"), ALL),
    Row("quality", given("--jpeg-quality", "80"), everywhere("JPEG quality changed"), ALL),
    Row("body limit", given("--max-body-mb", "17"), everywhere("body limit changed"), ALL),
    Row(
        "drawn index", given("--no-embed-index"),
        {"stage2": "drawn index changed", "stage3": "NN: drawn index changed"},
        {"stage2": 1, "stage3": STEPS}, sampling={"embed_index": False},
    ),
    Row("model", given("--model", "other"), everywhere("model changed"), ALL),
    Row("temperature", given("--temperature", "0.3"), everywhere("temperature changed"), ALL),
    Row("max tokens", given("--max-tokens", "9000"), everywhere("max tokens changed"), ALL),
    *(
        Row(
            what, given(*options),
            {"stage2": f"{what} changed", "stage3": f"NN: {what} changed"},
            {"stage3": STEPS}, cut=STEPS,
        )
        for what, options in {
            "cut mode, crf, preset": ("--cut-mode", "copy"),  # a copy has neither crf nor preset
            "crf": ("--crf", "30"),
            "preset": ("--preset", "ultrafast"),
            "audio": ("--keep-audio",),
        }.items()
    ),
    Row(
        "what is in no key",
        given(
            "--api-key", "another-key", "--provider", "another-id", "--media-dialect", "video_url",
            "--structured-mode", "prompt", "--concurrency", "2", "--stage1-retries", "5",
            "--api-call-retries", "1", "--api-timeout-sec", "20", "--max-total-tokens", "1000000",
        ),
        as_before=True,
    ),
    Row(
        "overwrite", given("--overwrite"), everywhere("--overwrite"), ALL, cut=STEPS,
        as_before=True,
    ),
    Row(
        "overwrite of the last stage", given("--overwrite", "--stages", "3"),
        {"stage3": "NN: --overwrite"}, {"stage3": STEPS}, stages=("stage3",), as_before=True,
    ),
    Row(
        "max frames, later stages alone", given("--max-frames", "13", "--stages", "2,3"),
        {"stage3": "NN: max frames changed"}, {"stage3": STEPS}, stages=("stage2", "stage3"),
    ),
]  # fmt: skip


def own_prompt(name: str, more: str = " Be exact.") -> Change:
    """Change one prompt file by a few words, or copy it as it is."""

    def change(place: Place) -> Sequence[str]:
        folder = place.root / "prompts"
        folder.mkdir()
        ours = text_of(Path(prompts.__file__).parent / name)
        (folder / name).write_text(ours + more, encoding="utf-8")
        return ("--prompts-dir", str(folder))

    return change


def sent_schema(name: str) -> Change:
    """Change one schema that is sent to models, as another version of the project would."""

    def change(place: Place) -> None:
        copy = place.root / "schemas"
        shutil.copytree(Path(schemas.__file__).parent / "sent", copy / "sent")
        edit(copy / "sent" / f"{name}.schema.json", lambda schema: schema.update(title="newer"))
        files = importlib.resources.files

        def with_newer_schemas(package: str) -> Any:
            return copy if package == "schemas" else files(package)

        place.patch.setattr(importlib.resources, "files", with_newer_schemas)
        place.patch.setattr(publish, "sent_schema", publish.sent_schema)
        publish.sent_schema.cache_clear()

    return change


def second_step_drafted_anew(place: Place) -> Sequence[str] | None:
    """The model finds other words for one step when its prompt changes."""
    draft = json.loads(place.answers["stage1", None])
    draft["steps"][1]["rationale"] = "It prepares what follows."
    place.answers["stage1", None] = json.dumps(draft)
    return own_prompt("stage1_user.txt")(place)


def boundary_one_picture_later(value: Any) -> None:
    """Move the boundary between the first two steps of a localization."""
    first, second = value["steps"][:2]
    first["end_frame_index"] += 1
    second["start_frame_index"] = first["end_frame_index"]


def boundary_placed_anew(place: Place) -> Sequence[str] | None:
    """The model places one boundary elsewhere when its prompt changes."""
    localization = json.loads(place.answers["stage2", None])
    boundary_one_picture_later(localization)
    place.answers["stage2", None] = json.dumps(localization)
    return own_prompt("stage2_system.txt")(place)


WORDS = [
    Row("system prompt of stage 1", own_prompt("stage1_system.txt"),
        {"stage1": "prompt changed"}, {"stage1": 1}),
    Row("user prompt of stage 2", own_prompt("stage2_user.txt"),
        {"stage2": "prompt changed"}, {"stage2": 1}),
    Row("user prompt of stage 3", own_prompt("stage3_user.txt"),
        {"stage3": "NN: prompt changed"}, {"stage3": STEPS}),
    Row("a copy of our prompt", own_prompt("stage1_user.txt", more=""), as_before=True),
    Row(
        "schema of stage 1", sent_schema("draft_plan"),
        {"stage1": "schema changed"}, {"stage1": 1}, as_before=True,
    ),
    Row(
        "schema of stage 2", sent_schema("localization"),
        {"stage2": "schema changed"}, {"stage2": 1}, as_before=True,
    ),
    Row(
        "schema of stage 3", sent_schema("refined_step"),
        {"stage3": "NN: schema changed"}, {"stage3": STEPS}, as_before=True,
    ),
    Row(
        "another draft of one step", second_step_drafted_anew,
        {"stage1": "prompt changed", "stage2": "draft changed", "stage3": "NN: draft changed"},
        {"stage1": 1, "stage2": 1, "stage3": 1},
    ),
    Row(
        "another boundary", boundary_placed_anew,
        {"stage2": "prompt changed", "stage3": "NN: segment changed"},
        {"stage2": 1, "stage3": 2}, cut=2,
    ),
]  # fmt: skip


def other_content(place: Place) -> None:
    write_small_video(place.video, activities=STEPS, seconds_each=2.2)


def touched(place: Place) -> None:
    os.utime(place.video, (1, 1))


def source_moved(place: Place) -> None:
    there = place.root / "elsewhere" / "little.mp4"
    there.parent.mkdir()
    place.video = Path(shutil.move(place.video, there))


def output_root_moved(place: Place) -> None:
    place.output_root = Path(shutil.move(place.output_root, place.root / "moved"))


def everything_moved(place: Place) -> None:
    source_moved(place)
    output_root_moved(place)


def folder_copied_back_without_times(place: Place) -> None:
    """As a tool that keeps neither times nor owners would."""
    shutil.copytree(place.output_root, place.root / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(place.output_root)
    shutil.move(place.root / "copy", place.output_root)


SOURCES = [
    Row(
        "content of the source", other_content, everywhere("not done yet"), ALL, cut=STEPS,
        says="little: the source's content changed",
    ),
    Row("only the source's date", touched, as_before=True),
    Row("path of the source", source_moved, says="little: the source is at */elsewhere/* now"),
    Row("output root moved", output_root_moved, as_before=True),
    Row("everything moved", everything_moved, says="little: the source is at */elsewhere/* now"),
    Row("folder copied", folder_copied_back_without_times, as_before=True),
]  # fmt: skip


def gone(pattern: str) -> Change:
    """Delete a file, or a folder with all that is in it."""

    def change(place: Place) -> None:
        path = place.one(pattern)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    return change


def cut_short(pattern: str) -> Change:
    """Keep the first half of a file."""

    def change(place: Place) -> None:
        path = place.one(pattern)
        os.truncate(path, path.stat().st_size // 2)

    return change


def filled(pattern: str, data: bytes) -> Change:
    """Write something else into a file."""

    def change(place: Place) -> None:
        place.one(pattern).write_bytes(data)

    return change


def mended(what: str, change: Change, why: str, *, stage: str, cut: int = 0) -> Row:
    """One stage runs, the journal answers, and the folder is what it was."""
    return Row(what, change, {stage: why}, cut=cut, as_before=True)


DAMAGE = [
    *(
        mended(f"{verb}: {pattern}", damage(pattern), f"{prefix}{why}", stage=stage)
        for stage, prefix, files in (
            ("stage1", "", (
                (cut_short, "stage1/draft_plan.json", "draft_plan.json *"),
                (gone, "stage1/frame_manifest.json", MISSING),
                (gone, "stage1/stage1_system_prompt.txt", MISSING),
                (cut_short, "stage1/sampled_frames/sample_005_*", OTHER_SIZE),
            )),
            ("stage2", "", (
                (cut_short, "stage2/localization_raw.json", "localization_raw.json *"),
                (gone, "stage2/step_segments.json", MISSING),
            )),
            ("stage3", "NN: ", (
                (gone, "02_*/step_final.json", MISSING),
                (cut_short, "02_*/step_meta.json", "step_meta.json *"),
                (cut_short, "02_*/frame_*.jpg", OTHER_SIZE),
                (gone, "02_*", MISSING),
            )),
        )
        for damage, pattern, why in files
        for verb in [damage.__name__.replace("_", " ")]
    ),
    mended("gone: stage1/draft_plan.json", gone("stage1/draft_plan.json"),
           "draft_plan.json is missing", stage="stage1"),
    mended("gone: a clip", gone("stage2/step_clips/step02*"),
           "stage2/step_clips/stepNN.mp4 is missing", stage="stage2", cut=1),
    mended("cut short: a clip", cut_short("stage2/step_clips/step02*"),
           f"stage2/step_clips/stepNN.mp4{OTHER_SIZE[1:]}", stage="stage2", cut=1),
    Row(
        "gone: the plan", gone("causal_plan_with_keyframes.json"), as_before=True,
        says="little: causal_plan_with_keyframes.json is missing: it is put together again",
    ),
    Row(
        "cut short: the plan", cut_short("causal_plan_with_keyframes.json"), as_before=True,
        says="little: causal_plan_with_keyframes.json has * bytes, *: it is put together again",
    ),
    Row("gone: the journal", gone("calls.jsonl"), as_before=True),
    Row("cut short: the journal", cut_short("calls.jsonl"), as_before=True),
]  # fmt: skip


def journal_and(change: Change) -> Change:
    """Lose the stored answers, and something that is made of them."""

    def both(place: Place) -> Sequence[str] | None:
        (place.folder / "calls.jsonl").unlink()
        return change(place)

    return both


def edited(pattern: str, how: Callable[[Any], None], *options: str) -> Change:
    """Edit a JSON file by hand."""

    def change(place: Place) -> Sequence[str]:
        edit(place.one(pattern), how)
        return options

    return change


def other_rationale(value: Any) -> None:
    value["steps"][1]["rationale"] = "It prepares what follows."


def other_goal_of_all(value: Any) -> None:
    value["high_level_goal"] = "Move three things."


LATER = ("stage2", "stage3")
ACCEPTED = "little: stage1/draft_plan.json differs from the record; accepted"
HANDS = [
    mended("draft edited, all stages", edited("stage1/draft_plan.json", other_rationale),
           OTHER_SIZE, stage="stage1"),
    mended("localization edited, all stages",
           edited("stage2/localization_raw.json", boundary_one_picture_later),
           "* is not as it was recorded", stage="stage2"),
    mended("segments edited", edited("stage2/step_segments.json",
           lambda value: value["segments"][0].update(end_sec=1.5)),
           "stage2: segments*", stage="stage2"),
    mended("refined step edited",
           edited("02_*/step_final.json", lambda value: value.update(rationale="Mine.")),
           f"NN: {OTHER_SIZE}", stage="stage3"),
    Row(
        "one step of the draft edited, later stages",
        edited("stage1/draft_plan.json", other_rationale, "--stages", "2,3"),
        {"stage2": "draft changed", "stage3": "NN: draft changed"},
        {"stage2": 1, "stage3": 1}, says=ACCEPTED, stages=LATER,
    ),
    Row(
        "goal of the draft edited, later stages",
        edited("stage1/draft_plan.json", other_goal_of_all, "--stages", "2,3"),
        {"stage2": "draft changed", "stage3": "NN: draft changed"},
        {"stage2": 1, "stage3": STEPS}, says=ACCEPTED, stages=LATER,
    ),
    Row(
        "draft and journal gone", journal_and(gone("stage1/draft_plan.json")),
        {"stage1": MISSING}, {"stage1": 1}, as_before=True,
    ),
    Row(
        "one refined step and journal gone", journal_and(gone("02_*")),
        {"stage3": f"NN: {MISSING}"}, {"stage3": 1}, as_before=True,
    ),
]  # fmt: skip


def in_summary(how: Callable[[Any], None]) -> Change:
    """Edit the record."""
    return edited("run_summary.json", how)


SUMMARY = [
    *(
        Row(
            f"summary {name}", change, everywhere("not done yet"), as_before=True,
            cut=STEPS, says=f"little: run_summary.json {line}",
        )
        for name, change, line in (
            ("gone", gone("run_summary.json"), "is missing"),
            ("cut short", cut_short("run_summary.json"), "*"),
            ("not ours", filled("run_summary.json", b'{"video_id": 1}'), "*"),
        )
    ),
    Row("a stage's record lost", in_summary(lambda value: value.update(stage2=None)),
        {"stage2": "not done yet", "stage3": f"NN: {MISSING}"}, cut=STEPS, as_before=True),
    mended("a file's record lost",
           in_summary(lambda value: value["artifact_bytes"].pop("stage1/draft_plan.json")),
           "stage1/draft_plan.json is not recorded", stage="stage1"),
    mended("recorded as running", in_summary(lambda value: value["stage2"].update(
           status="running")), "it was interrupted", stage="stage2"),
    mended("recorded as failed", in_summary(lambda value: value["stage1"].update(
           status="failed", error="x")), "it failed last time", stage="stage1"),
]  # fmt: skip

TABLE = [*OPTIONS, *WORDS, *SOURCES, *DAMAGE, *HANDS, *SUMMARY]


@pytest.mark.parametrize("row", drawn(TABLE, 20), ids=lambda row: row.name)
def test_one_change_reruns_what_depends_on_it_says_why_and_asks_no_more(
    row: Row, place: Place, finished: Finished
) -> None:
    options = row.change(place) or ()
    foretold = None if "--overwrite" in options else place.foretold(*options)
    seen = place.run(*options)

    assert seen.code == 0, seen.terminal
    if foretold is not None:
        check_foretold(foretold, seen)
    assert seen.runs.keys() == set(row.stages)
    for stage, why in seen.runs.items():
        expected = row.runs.get(stage, "reused")
        assert fnmatch.fnmatchcase(why, expected), (stage, why)
        if why not in ("reused", "not done yet", "NN: not done yet"):
            assert f"little: {stage} runs: {why}" in seen.terminal.splitlines()
    if row.says:
        assert fnmatch.filter(seen.terminal.splitlines(), row.says), seen.terminal
    assert seen.asked == row.asked
    assert seen.cut == row.cut
    assert row.sampling.items() <= read(place.summary)["sampling_config"].items()
    if row.as_before:
        assert content(place.folder) == content(finished.kept / "out" / "little")

    if not seen.asked:
        return
    again = place.run(*(option for option in options if option != "--overwrite"))
    assert (again.code, set(again.runs.values()), again.asked) == (0, {"reused"}, {})


def check_foretold(foretold: Foretold, seen: Seen) -> None:
    """What was called reusable is reused; the first stage that runs does so for the reason told.

    What comes after a stage that asks anew is not known before its answer: there the requests are
    those at most.
    """
    assert foretold.whys.keys() == seen.runs.keys()
    for stage, why in foretold.whys.items():
        if why is None:
            assert seen.runs[stage] == "reused", stage
            assert seen.asked.get(stage, 0) == 0
            continue
        if why in ("stage1 runs", "stage2 runs"):
            break
        told = re.sub(r"^step \d+: ", "NN: ", without_goals(why))
        assert seen.runs[stage] == told or told.endswith("the source's content changed"), stage
        assert foretold.requests[stage] == seen.asked.get(stage, 0), stage
        if foretold.requests[stage]:
            break
    assert sum(foretold.requests.values()) >= sum(seen.asked.values())


def of_another_video(place: Place) -> None:
    place.video = place.root / "elsewhere" / "little.mp4"
    place.video.parent.mkdir()
    write_small_video(place.video, activities=STEPS, seconds_each=2.2)


def renamed(place: Place) -> None:
    place.folder.rename(place.output_root / "big")
    place.video = place.video.rename(place.root / "big.mp4")


REFUSED = {
    "folder of another format": (
        in_summary(lambda value: value.update(format_version=2)), ("--reuse-any",),
        "*was written in format 2, and this version of three-stage writes format 1*",
    ),
    "folder of another source": (of_another_video, (), "*out/little holds the results of *"),
    "folder of another source, overwrite": (
        of_another_video, ("--overwrite",), "*work/little.mp4, not of */elsewhere/little.mp4*",
    ),
    "folder of another source, reuse any": (
        of_another_video, ("--reuse-any",), "*work/little.mp4, not of */elsewhere/little.mp4*",
    ),
    "folder and video renamed": (renamed, (), "*out/big was made as 'little'*"),
    "later stages of another content": (
        other_content, ("--stages", "2,3"), "*made from another video at the same path*",
    ),
    "draft edited wrongly": (
        edited("stage1/draft_plan.json", lambda value: value["steps"].clear()),
        ("--stages", "2,3"), "*stage1 is needed and cannot be used: draft_plan.json *",
    ),
    "clips without their segments": (
        gone("stage2/step_segments.json"), ("--stages", "3"),
        "*stage2 is needed and cannot be used: step_segments.json is missing*",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "options", "line"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_belong_together_is_refused_before_any_call(
    change: Change, options: Sequence[str], line: str, place: Place
) -> None:
    change(place)
    before = content(place.output_root)
    seen = place.run(*options)
    assert seen.code == 2
    assert seen.asked == {}
    assert fnmatch.fnmatchcase(seen.terminal.replace("\n", " "), line), seen.terminal
    assert content(place.output_root) == before


def test_a_boundary_moved_by_hand_costs_the_two_steps_beside_it_and_stays(place: Place) -> None:
    edit(place.folder / "stage2" / "localization_raw.json", boundary_one_picture_later)
    cut = place.run("--stages", "2", "--reuse-any")
    assert (cut.code, cut.asked, cut.cut) == (0, {}, 2)
    refined = place.run("--stages", "3")
    assert (refined.code, refined.asked, refined.cut) == (0, {"stage3": 2}, 0)
    assert refined.runs == {"stage3": "NN: segment changed"}
    later = place.run()
    assert (set(later.runs.values()), later.asked) == ({"reused"}, {})


def test_what_was_accepted_without_a_record_is_said_to_have_none(place: Place) -> None:
    place.summary.unlink()
    assert set(place.run("--reuse-any").runs.values()) == {"reused"}
    seen = place.run()
    assert seen.runs["stage1"] == seen.runs["stage2"] == "what it was made with is not recorded"
    assert seen.asked == {}
