"""A sample of the kill campaign, and what the campaign itself must notice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaigns.children import MARK, Outliving, can_be_seen
from tests.campaigns.kill_cases import (
    QUOTAS,
    SCENARIOS,
    Case,
    Extent,
    Instant,
    chains,
    choose,
    sampled,
)
from tests.campaigns.kill_points import MOMENTS, KillPoint
from tests.campaigns.kill_trials import Outcome
from tests.campaigns.kills import Campaign
from tests.campaigns.kills_report import report
from tests.campaigns.same_folder import differences, folder_of, read_folder
from tests.support.finished_folder import finished_folder
from three_stage.validation import FolderReport

EXTENT = Extent(SCENARIOS[0], 4.0, {"write": 100, "journal": 10, "removal": 11, "cut": 3})
SEED = 20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_runs_go_on_and_end_as_if_nobody_had_killed_them(tmp_path: Path) -> None:
    with Campaign(tmp_path, 2) as campaign:
        (undisturbed,) = campaign.prepare(SCENARIOS[:1])
        cases = chains(undisturbed.extent, 2, 3, SEED)
        outcomes = campaign.run(cases, [undisturbed])
    assert [(str(o.case), o.deviations) for o in outcomes if o.deviations] == []
    assert sum(outcome.kills for outcome in outcomes) >= 3  # a run may end before its instant


@pytest.mark.parametrize("text", ["two@write:17:torn", "fresh@1.250s+cut:3:running+0.500s"])
def test_a_case_is_written_as_it_is_read(text: str) -> None:
    assert str(Case.parse(text)) == text


@pytest.mark.parametrize("text", ["three@write:1:torn", "two@write:1:running", "two@often"])
def test_what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Case.parse(text)


def test_a_full_campaign_is_the_same_each_time_and_goes_all_over_the_run() -> None:
    cases = choose([EXTENT], seed=3)
    assert cases == choose([EXTENT], seed=3)
    assert cases != choose([EXTENT], seed=4)
    assert sum(len(case.kills) for case in cases) >= 150
    writes = sorted(case.kills[0].number for case in cases if case.kind == "write")  # type: ignore[union-attr]
    assert writes[0] <= 100 / QUOTAS["write"] + 1
    assert writes[-1] >= 100 - 100 / QUOTAS["write"]
    hit = {(case.kind, case.moment) for case in cases}
    assert hit >= {(kind, moment) for kind, moments in MOMENTS.items() for moment in moments}


def test_a_sample_has_as_many_kills_as_wanted() -> None:
    chosen = sampled(choose([EXTENT], seed=0), kills=10, seed=1)
    assert 10 <= sum(len(case.kills) for case in chosen) <= 12


def spoil_picture(folder: Path) -> None:
    min(folder.glob("*/sampled_frames/*.jpg")).write_bytes(b"other")


def add_temporary(folder: Path) -> None:
    (folder / "stage1" / ".tmp-1-a").touch()


def add_empty_folder(folder: Path) -> None:
    (folder / "stage4").mkdir()


def forget_answer(folder: Path) -> None:
    path = folder / "calls.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[2:]))


def answer_twice(folder: Path) -> None:
    path = folder / "calls.jsonl"
    first = json.loads(path.read_bytes().splitlines()[0])
    line = json.dumps({**first, "call_id": "0" * 32})
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")


def torn_line(folder: Path) -> None:
    path = folder / "calls.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:200] + b"\n" + data)


def torn_after_a_brace(folder: Path) -> None:
    path = folder / "calls.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"}") + 1] + b"\n" + data)


def edit_summary(name: str, value: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "run_summary.json"
        summary = json.loads(path.read_bytes())
        summary["stage1"][name] = value
        path.write_text(json.dumps(summary), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("change", "kills", "words"),
    [
        (spoil_picture, 1, "sampled_frames/"),
        (add_temporary, 1, ".tmp-1-a"),
        (add_empty_folder, 1, "stage4"),
        (forget_answer, 1, "an answer too few"),
        (answer_twice, 1, "an answer too many"),
        (torn_line, 1, None),
        (torn_line, 0, "are no records"),
        (edit_summary("attempts", 7), 1, "/stage1/attempts"),
        (edit_summary("ended_at_utc", "yesterday"), 1, "ended_at_utc"),
        (edit_summary("ended_at_utc", "2030-01-01T00:00:00.000+00:00"), 1, None),
        (edit_summary("reused", ["answer from calls.jsonl"]), 1, None),
        (edit_summary("reused", ["something"]), 1, "'something'"),
    ],
)
@pytest.mark.slow
def test_a_folder_that_differs_in_more_than_times_and_ids_is_noticed(
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    change: Callable[[Path], None],
    kills: int,
    words: str | None,
) -> None:
    good = finished_folder(tmp_path_factory.getbasetemp())
    copy = Path(shutil.copytree(good, tmp_path / good.name))
    change(copy)
    says_nothing = FolderReport(copy, copy.name, errors=(), warnings=())
    expected, found = (folder_of(folder, says_nothing) for folder in (good, copy))
    lines = differences(expected, found, kills=kills, concurrency=1)
    if words is None:
        assert lines == []
    else:
        assert any(words in line for line in lines), lines


@pytest.mark.slow
def test_a_line_that_was_cut_just_after_a_brace_is_no_error_of_the_folder(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    good = finished_folder(tmp_path_factory.getbasetemp())
    copy = Path(shutil.copytree(good, tmp_path / good.name))
    torn_after_a_brace(copy)
    assert differences(read_folder(good), read_folder(copy), kills=1, concurrency=1) == []


@pytest.mark.skipif(not can_be_seen(), reason="no /proc")
def test_a_child_that_lives_on_is_seen() -> None:
    code = "import time; time.sleep(0.4)"
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-S", "-c", code], env={MARK: "lives-on"})
    seconds = Outliving("lives-on").seconds()
    took = time.monotonic() - started
    child.wait()
    assert 0.2 < seconds <= took


def test_the_report_counts_kills_and_lists_deviations_with_their_case() -> None:
    single = Case("fresh", (KillPoint("write", 3, "torn"),))
    double = Case("fresh", (Instant(1.0), Instant(0.5)))
    outcomes = [
        Outcome(single, 1, (), needed=5, made=6, allowed=6, orphans_sec=0.25),
        Outcome(double, 2, ("a file is absent",), needed=5, made=5, allowed=7, orphans_sec=0.0),
    ]
    text = report(outcomes, [], "the command")
    assert "3 kills in 2 folders, 1 of them equal" in text
    assert "| all | 2 | 3 | 1 | 10 | 11 | 13 | 0.25 |" in text
    assert "| write, torn | 1 | 1 | 1 | 5 | 6 | 6 | 0.25 |" in text
    assert "- `fresh@1.000s+0.500s`: a file is absent" in text
