"""Token estimates."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from three_stage.vlm import estimate_tokens
from three_stage.vlm.tokens import pictures_seem_unseen

QWEN3 = "Qwen/Qwen3-VL-235B-A22B-Instruct"


@pytest.mark.parametrize(
    ("model", "width_px", "height_px", "tokens"),
    [
        (QWEN3, 1024, 576, 32 * 18),
        (QWEN3, 1025, 577, 33 * 19),
        ("qwen2.5-vl-72b-instruct", 1024, 576, 37 * 21),
        ("another", 1024, 576, 32 * 18),
    ],
)
def test_a_picture_takes_one_token_a_merged_patch_and_two_marks(
    model: str, width_px: int, height_px: int, tokens: int
) -> None:
    assert estimate_tokens("", [(width_px, height_px)], model=model) == tokens + 2


@pytest.mark.parametrize(
    ("model", "width_px", "height_px", "told"),
    [
        # As vLLM 0.32.0 and llama.cpp count them: docs/foreign_servers.md.
        (QWEN3, 64, 48, 70),
        (QWEN3, 160, 96, 77),
        ("another", 32, 32, 64),
        ("Qwen/Qwen2-VL-7B", 28, 28, 4),
    ],
)
def test_a_small_picture_is_enlarged_before_it_is_counted(
    model: str, width_px: int, height_px: int, told: int
) -> None:
    assert estimate_tokens("", [(width_px, height_px)], model=model) == told + 2


@pytest.mark.parametrize(
    ("width_px", "height_px", "told"),
    [(512, 288, 144), (640, 360, 220), (1000, 562, 558), (1024, 768, 768), (1920, 1080, 2040)],
)
def test_no_picture_takes_more_than_estimated(width_px: int, height_px: int, told: int) -> None:
    # As vLLM 0.32.0 and llama.cpp count them: docs/foreign_servers.md.
    assert told <= estimate_tokens("", [(width_px, height_px)], model=QWEN3) - 2 <= 1.1 * told


@pytest.mark.parametrize(
    ("model", "width_px", "height_px", "tokens"),
    [
        # The examples of OpenAI's guide on images.
        ("gpt-4o", 1024, 1024, 765),
        ("openai/gpt-4o-2024-11-20", 2048, 4096, 1105),
        ("gpt-4.1-mini", 1024, 1024, math.ceil(1024 * 1.62)),
        ("gpt-4.1-nano", 4000, 4000, math.ceil(1536 * 2.46)),
        ("o4-mini", 320, 320, math.ceil(100 * 1.72)),
        ("gpt-5", 1024, 1024, 70 + 4 * 140),
        ("gpt-4o-mini", 1024, 1024, 2833 + 4 * 5667),
        ("o3", 1024, 1024, 75 + 4 * 150),
        # Google's guide: small pictures are one tile.
        ("google/gemini-2.5-flash", 384, 384, 258),
        ("google/gemini-2.5-flash", 1536, 768, 516),
        ("anthropic/claude-sonnet-4.5", 750, 1000, 1000),
        ("OpenGVLab/InternVL3-78B", 448, 448, 3328),
    ],
)
def test_other_families_count_as_their_guides_say(
    model: str, width_px: int, height_px: int, tokens: int
) -> None:
    assert estimate_tokens("", [(width_px, height_px)], model=model) == tokens + 2


@given(st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), max_size=8), st.text())
def test_pictures_and_text_add_up(sizes: list[tuple[int, int]], text: str) -> None:
    apart = sum(estimate_tokens("", [size], model=QWEN3) for size in sizes)
    assert estimate_tokens(text, sizes, model=QWEN3) == apart + estimate_tokens(
        text, [], model=QWEN3
    )


@given(st.text("abc ,{}", max_size=300), st.text("切菜胡萝卜", max_size=50))
def test_text_is_estimated_from_above(ascii_text: str, chinese: str) -> None:
    tokens = estimate_tokens(ascii_text + chinese, [], model=QWEN3)
    assert tokens == math.ceil(len(ascii_text) / 3) + len(chinese)


@given(st.integers(4, 100), st.integers(64, 2000), st.integers(0, 3000))
def test_pictures_that_were_shown_are_not_taken_for_unseen(
    pictures: int, tokens_a_picture: int, characters: int
) -> None:
    told = characters // 4 + pictures * tokens_a_picture
    assert not pictures_seem_unseen(told, "x" * characters, [(512, 288)] * pictures)


@given(st.integers(12, 100), st.integers(0, 6000))
def test_dropped_pictures_are_noticed_and_a_server_that_tells_nothing_is_not_blamed(
    pictures: int, characters: int
) -> None:
    told = characters // 4
    assert pictures_seem_unseen(told, "x" * characters, [(512, 288)] * pictures) == (told > 0)
    assert not pictures_seem_unseen(0, "x" * characters, [(512, 288)] * pictures)
    assert not pictures_seem_unseen(told, "x" * characters, [(160, 120)] * pictures)
