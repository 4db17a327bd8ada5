"""Where the embedded model sees one step give way to another."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.localization import Localization
from schemas.rules import localization_problems
from tests.offline import scenes
from tests.offline.scenes import Picture
from three_stage.vlm.offline.measure import Measurement
from three_stage.vlm.offline.segment import split_freely, split_into

Ask = Callable[[Any], str]

SOFT = (7, 5, 6, 6, 7, 5)
SHADES = ((120, 140, 150), (60, 60, 70), (200, 190, 180), (90, 130, 60))


def draft_of(ask: Ask, pictures: Sequence[Picture], most_steps: int = 8) -> dict[str, Any]:
    text = scenes.draft_text(len(pictures), most_steps)
    draft = json.loads(ask(scenes.body(scenes.picture_parts(pictures), text, "draft_plan")))
    assert isinstance(draft, dict)
    return draft


def starts_of(
    ask: Ask, pictures: Sequence[Picture], steps: int, *, labelled: bool = True
) -> list[int]:
    """Ask where the steps of a plan with so many steps are; return the 1-based starts."""
    draft = {
        "high_level_goal": "a goal",
        "steps": [
            {"step_id": number, "step_goal": f"goal {number}"} for number in range(1, steps + 1)
        ],
    }
    parts = (scenes.numbered_parts if labelled else scenes.picture_parts)(pictures)
    text = scenes.localize_text(len(pictures), draft)
    found = Localization.model_validate_json(ask(scenes.body(parts, text, "localization")))
    problems = localization_problems(
        found, range(1, steps + 1), len(pictures), lambda start, end: end - start
    )
    assert problems == []
    ends = [step.end_frame_index for step in found.steps]
    starts = [step.start_frame_index for step in found.steps]
    # Contiguous from the first picture to the end of the video.
    assert starts == [1, *ends[:-1]]
    assert ends[-1] == len(pictures) + 1
    return starts


def true_starts(lengths: Sequence[int]) -> list[int]:
    return [1 + passed for passed in accumulate((0, *lengths[:-1]))]


@pytest.mark.parametrize("lengths", [(7, 9, 6), (6, 5, 6, 7, 5), (5, 6, 5, 6, 5, 6, 5)])
def test_the_number_of_steps_follows_the_pixels(ask: Ask, lengths: tuple[int, ...]) -> None:
    pictures = scenes.activities(lengths)
    assert len(draft_of(ask, pictures)["steps"]) == len(lengths)


def test_it_finds_where_another_thing_begins_to_move(ask: Ask) -> None:
    found = starts_of(ask, scenes.activities(SOFT), len(SOFT))
    assert np.abs(np.subtract(found, true_starts(SOFT))).max() <= 1


def test_it_finds_scene_cuts_to_the_picture(ask: Ask) -> None:
    lengths = (6, 8, 5, 7)
    found = starts_of(ask, scenes.activities(lengths, SHADES), 4)
    assert found == true_starts(lengths)


def test_reversed_pictures_give_mirrored_boundaries(ask: Ask) -> None:
    pictures = scenes.activities(SOFT)
    forwards = starts_of(ask, pictures, len(SOFT))[1:]
    backwards = starts_of(ask, pictures[::-1], len(SOFT))[1:]
    mirrored = [len(pictures) + 2 - start for start in reversed(backwards)]
    assert np.abs(np.subtract(forwards, mirrored)).max() <= 1


def test_a_number_drawn_into_each_picture_moves_no_boundary(ask: Ask) -> None:
    pictures = scenes.activities(SOFT)
    clean = starts_of(ask, pictures, len(SOFT), labelled=False)
    numbered = starts_of(ask, scenes.with_numbers(pictures), len(SOFT))
    assert np.abs(np.subtract(clean, numbered)).max() <= 1
    assert len(draft_of(ask, scenes.with_numbers(pictures))["steps"]) == len(SOFT)


@pytest.mark.parametrize("numbered", [False, True])
def test_equal_pictures_are_split_evenly_and_the_plan_says_so(ask: Ask, *, numbered: bool) -> None:
    pictures = [scenes.table()] * 24
    if numbered:
        pictures = scenes.with_numbers(pictures)
    draft = draft_of(ask, pictures)
    assert len(draft["steps"]) == 4
    assert "No change was measured; the steps divide the video evenly." in draft["high_level_goal"]
    assert all("No change was measured" in step["rationale"] for step in draft["steps"])
    assert starts_of(ask, pictures, 4) == [1, 7, 13, 19]
    assert starts_of(ask, pictures, 8) == [1, 4, 7, 10, 13, 16, 19, 22]


def test_one_activity_that_goes_on_is_no_change(ask: Ask) -> None:
    draft = draft_of(ask, scenes.activities([24]))
    assert "No change was measured" in draft["high_level_goal"]


def test_a_long_unchanging_part_is_divided_and_says_so(ask: Ask) -> None:
    pictures = scenes.activities((8, 20), SHADES)
    draft = draft_of(ask, pictures)
    shares = ["is divided evenly" in step["rationale"] for step in draft["steps"]]
    assert shares == [False, True, True]
    assert starts_of(ask, pictures, 3) == [1, 9, 19]


def test_a_short_video_gets_no_more_steps_than_asked(ask: Ask) -> None:
    pictures = scenes.activities((4, 4, 4, 4))
    assert len(draft_of(ask, pictures)["steps"]) == 4
    assert len(draft_of(ask, pictures, most_steps=3)["steps"]) == 3


def test_as_few_pictures_as_can_be_are_still_split_into_valid_steps(ask: Ask) -> None:
    pictures = scenes.activities((3, 3, 3))
    assert len(draft_of(ask, pictures, most_steps=3)["steps"]) == 3
    # Nine frames, three a step: what a step needs at least.
    assert starts_of(ask, pictures, 3) == [1, 4, 7]


def test_the_plan_and_its_localization_speak_of_the_same_parts(ask: Ask) -> None:
    pictures = scenes.activities((6, 7, 6), SHADES[:3])
    goals = [step["step_goal"] for step in draft_of(ask, pictures)["steps"]]
    assert len(goals) == 3
    for goal, place in zip(goals, ("upper left", "lower right", "upper right"), strict=True):
        assert place in goal


def test_more_pictures_than_are_measured_keep_their_own_numbers(ask: Ask) -> None:
    pictures = scenes.activities((50, 60, 50), SHADES[:3])
    found = starts_of(ask, pictures, 3)
    # 128 of 160 pictures are measured: a boundary is off by one that is not.
    assert np.abs(np.subtract(found, [1, 51, 111])).max() <= 1


def test_real_clips_get_valid_steps(ask: Ask, real_clips: list[Path]) -> None:
    for clip in real_clips:
        with av.open(str(clip)) as container:
            frames: list[Picture] = [
                frame.to_ndarray(format="bgr24").astype(np.uint8)
                for index, frame in enumerate(container.decode(video=0))
                if index % 15 == 0
            ][:20]
        draft = draft_of(ask, frames)
        starts_of(ask, frames, len(draft["steps"]))


def measurement(scores: Sequence[float]) -> Measurement:
    """A measurement of pictures whose likeness follows from one number each."""
    values = np.array(scores)[:, None]
    return scenes.measurement(likeness=np.exp(-((values - values.T) ** 2)))


@given(
    st.lists(st.floats(0, 9), min_size=3, max_size=60).flatmap(
        lambda scores: st.tuples(st.just(scores), st.integers(1, min(8, len(scores))))
    )
)
def test_every_split_covers_the_pictures_in_order(case: tuple[list[float], int]) -> None:
    scores, steps = case
    measured = measurement(scores)
    most = max(3, min(8, len(scores) // 3))
    for split, wanted in (
        (split_into(measured, steps), range(steps, steps + 1)),
        (split_freely(measured, fewest=3, most=most), range(3, most + 1)),
    ):
        edges = [stretch.start for stretch in split.stretches]
        assert len(edges) in wanted
        assert edges[0] == 0
        assert [stretch.end for stretch in split.stretches] == [*edges[1:], len(scores)]
        assert all(stretch.start < stretch.end for stretch in split.stretches)


@given(st.lists(st.integers(3, 14), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_clean_levels_are_found_exactly(lengths: list[int], random: Any) -> None:
    levels: list[float] = []
    for length in lengths:
        others = [level for level in range(0, 50, 5) if not levels or level != levels[-1]]
        levels += [float(random.choice(others))] * length
    split = split_freely(measurement(levels), fewest=1, most=8)
    assert [stretch.start for stretch in split.stretches][1:] == list(accumulate(lengths[:-1]))
    assert split.saw_change


def test_more_steps_than_pictures_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 pictures cannot hold 3 steps"):
        split_into(measurement([0.0, 1.0]), 3)
