"""The campaign damages what it says, never the good folder, and can fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.campaigns.damage import KINDS, sampled
from tests.campaigns.damage_command import check_one_by_one, check_together
from tests.campaigns.damage_folder import (
    MODES,
    Damage,
    GoodFolder,
    file_kind,
    place_kind,
    spoilt_copy,
)
from tests.campaigns.damage_judge import judge, judge_all
from tests.campaigns.damage_kind import choose, equal_shares
from tests.campaigns.damage_reasons import REASONS, Reason
from tests.campaigns.damage_report import Result, page, stale_reasons
from tests.support.finished_folder import finished_folder, read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> GoodFolder:
    return GoodFolder.read(finished_folder(tmp_path_factory.getbasetemp()))


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_every_kind_has_places_and_all_have_equal_shares(good: GoodFolder) -> None:
    counts = Counter((d.kind, d.mode) for d in equal_shares(good, KINDS, MODES, 1, seed=1))
    assert counts == {(kind.name, mode): 1 for kind in KINDS for mode in MODES}


def test_every_value_of_every_json_object_is_a_place(good: GoodFolder) -> None:
    def leaves(value: object) -> Iterator[object]:
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list) and value:
            for item in inner:  # type: ignore[attr-defined]
                yield from leaves(item)
        else:
            yield value

    documents = [read(path) for path in sorted(good.root.rglob("*.json"))]
    wanted = sum(1 for document in documents for _ in leaves(document))
    found = sum(node.is_leaf for node in good.nodes if node.document.line is None)
    assert found == wanted
    lines = (good.root / "calls.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum(document.line is not None for document in good.documents) == len(lines)


def test_every_sort_of_place_is_chosen_before_any_twice(good: GoodFolder) -> None:
    kind = next(kind for kind in KINDS if kind.name == "delete")
    groups = len({spot.group for spot in kind.spots(good, Random(0))})
    found = Counter(d.group for d in choose(good, kind, "as found", groups, Random(0)))
    assert set(found.values()) == {1}
    assert len(found) == groups


def test_a_seed_chooses_the_same_damage_again(good: GoodFolder) -> None:
    first, again, other = (sampled(good, KINDS[-3:], 4, seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_damage_differs_from_the_good_folder_and_never_touches_it(
    good: GoodFolder, tmp_path: Path
) -> None:
    before = contents(good.root)
    for number, damage in enumerate(equal_shares(good, KINDS, ["made good"], 1, seed=2)):
        copy = spoilt_copy(good.root, tmp_path / str(number), damage)
        things = {path.relative_to(copy).as_posix() for path in copy.rglob("*")}
        is_other = things != {*good.files, *good.folders} or any(
            p.is_symlink() for p in copy.rglob("*")
        )
        assert is_other or contents(copy) != before, damage
    assert contents(good.root) == before


def test_places_and_files_of_one_kind_share_a_name() -> None:
    assert place_kind(("steps", 3, "step_goal")) == "steps[].step_goal"
    assert place_kind(("artifacts", "stage1/a.json")) == "artifacts.*"
    assert (
        place_kind(("stage3", "parts", "2", "usage", "requests")) == "stage3.parts.*.usage.requests"
    )
    assert file_kind("02_stir_it/frame_005_ts_2.60s.jpg") == "*/frame_*.jpg"
    assert file_kind("stage1/sampled_frames/sample_001_ts_0.00s.jpg") == (
        "stage1/sampled_frames/sample_*.jpg"
    )


def nothing(relpath: str) -> Damage:
    """Damage that is none, so that nobody can find it."""
    return Damage("nothing", "as found", file_kind(relpath), relpath, "", "nothing", ())


def test_what_is_not_found_and_has_no_reason_is_missed(good: GoodFolder) -> None:
    verdict = judge(good.root, nothing("stage1/draft_plan.json"), frozenset())
    assert not verdict.is_detected
    result = Result.of(good, verdict, REASONS)
    assert result.is_missed
    text = page(
        [result], (), (), (), command="the command", folders=("",), commands=0,
        command_problems=(), is_whole=True,
    )  # fmt: skip
    assert "1 damages: 0 found" in text
    assert "## Missed\n\n- nothing (as found): stage1/draft_plan.json: nothing" in text


def test_a_reason_covers_its_kind_place_and_mode_only(good: GoodFolder) -> None:
    reason = Reason(("nothing",), "stage1/*", "because", modes=("as found",))
    damage = nothing("stage1/draft_plan.json")
    assert reason.applies(good, damage)
    assert not Reason(("other",), "stage1/*", "because").applies(good, damage)
    assert not Reason((), "stage2/*", "because").applies(good, damage)
    assert not Reason((), "stage1/*", "because", modes=("made good",)).applies(good, damage)


def test_a_reason_that_is_never_needed_is_stale(good: GoodFolder) -> None:
    verdict = judge(good.root, nothing("stage1/draft_plan.json"), frozenset())
    needed, stale = Reason((), "stage1/*", "because"), Reason((), "stage2/*", "because")
    result = Result.of(good, verdict, (stale, needed))
    assert result.reason == needed
    assert stale_reasons([result], (needed, stale)) == [stale]


@pytest.mark.slow
def test_a_sample_is_found_or_has_a_reason(good: GoodFolder) -> None:
    damages = sampled(good, KINDS, 30, seed=11)
    verdicts = asyncio.run(judge_all(good.root, damages, num_workers=2))
    results = [Result.of(good, verdict, REASONS) for verdict in verdicts]
    assert [verdict.trouble for verdict in verdicts if verdict.trouble] == []
    assert [result.words for result in results if result.is_missed] == []
    assert sum(verdict.is_detected for verdict in verdicts) > 15


@pytest.mark.slow
def test_the_command_survives_damage(good: GoodFolder) -> None:
    damages = sampled(good, KINDS, 6, seed=5)
    assert check_one_by_one(good.root, damages[:2], num_workers=2) == []
    assert check_together(good.root, damages) == []
