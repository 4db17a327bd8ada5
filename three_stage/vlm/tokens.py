"""How many tokens a request will take, estimated from above.

Families differ in how they count a picture. Where a model's family is not known, it is counted as
the most usual one; a cap corrects itself by what answers really took.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_FEWEST_TOKENS_A_PICTURE = 16
_LARGE_PICTURE_PX = 256 * 256
_CERTAIN_SHARE_OF_A_TEXT = 0.8
_ASCII_CHARACTERS_PER_TOKEN = 3
_TOKENS_AROUND_A_PICTURE = 2


@dataclass(frozen=True)
class Family:
    """Models that count pictures alike; ``picture_tokens`` takes width and height in pixels."""

    name: str
    models: re.Pattern[str]
    picture_tokens: Callable[[int, int], int]


def family_of(model: str) -> Family:
    """Return the family that a model's name tells, or the one for names that tell nothing."""
    return next((one for one in _FAMILIES if one.models.search(model)), _UNKNOWN)


def estimate_tokens(text: str, picture_sizes_px: Iterable[tuple[int, int]], *, model: str) -> int:
    """Estimate the prompt tokens of ``text`` and of pictures given as (width, height) in pixels.

    A picture takes what its family counts, and one mark before and after it. Text counts three
    ASCII characters, or one other character, as a token: more than today's tokenizers need, so that
    a cap is not passed.
    """
    count = family_of(model).picture_tokens
    pictures = sum(
        count(width, height) + _TOKENS_AROUND_A_PICTURE for width, height in picture_sizes_px
    )
    return pictures + estimate_text_tokens(text)


def estimate_text_tokens(text: str) -> int:
    """Estimate the tokens of a text, from above."""
    others = sum(1 for character in text if ord(character) > 127)
    return others + math.ceil((len(text) - others) / _ASCII_CHARACTERS_PER_TOKEN)


def pictures_seem_unseen(
    prompt_tokens: int, text: str, picture_sizes_px: Iterable[tuple[int, int]]
) -> bool:
    """Tell whether a server counted too few tokens to have shown these pictures to its model.

    Even models that press a picture hard make more than ``_FEWEST_TOKENS_A_PICTURE`` of it, if it
    is no small one; and of a text, which is estimated from above, at most that share is certain.
    """
    large = sum(width * height >= _LARGE_PICTURE_PX for width, height in picture_sizes_px)
    certain_text = _CERTAIN_SHARE_OF_A_TEXT * estimate_text_tokens(text)
    return large > 0 and 0 < prompt_tokens < certain_text + large * _FEWEST_TOKENS_A_PICTURE


def _patches(side_px: int, fewest_px: int = 0) -> Callable[[int, int], int]:
    """One token a square of so many pixels (Qwen's processors: patch × merge size).

    A picture of fewer than ``fewest_px`` pixels in all is enlarged to them first (``shortest_edge``
    in the models' preprocessor_config.json).
    """

    def count(width: int, height: int) -> int:
        larger = max(1.0, math.sqrt(fewest_px / (width * height)))
        return math.ceil(width * larger / side_px) * math.ceil(height * larger / side_px)

    return count


def _openai_tiles(base: int, tile: int) -> Callable[[int, int], int]:
    """OpenAI's guide on images: fit into 2048 px, shorter side to 768 px, tiles of 512 px."""

    def count(width: int, height: int) -> int:
        fit = min(1.0, 2048 / max(width, height))
        scale = fit * 768 / (min(width, height) * fit)
        across, down = (math.ceil(min(2048, side * scale) / 512) for side in (width, height))
        return base + tile * across * down

    return count


def _openai_patches(factor: float) -> Callable[[int, int], int]:
    """OpenAI's guide on images: at most 1536 squares of 32 px, times the model's factor."""
    squares = _patches(32)
    return lambda width, height: math.ceil(min(1536, squares(width, height)) * factor)


def _gemini_tiles(width: int, height: int) -> int:
    """Google's guide on tokens: 258 for a small picture, else 258 a tile of 768 px."""
    if max(width, height) <= 384:
        return 258
    return 258 * math.ceil(width / 768) * math.ceil(height / 768)


def _internvl_tiles(_width: int, _height: int) -> int:
    """InternVL's processor at its defaults: at most 12 tiles and a thumbnail, 256 tokens each."""
    return 13 * 256


def _family(name: str, models: str, picture_tokens: Callable[[int, int], int]) -> Family:
    return Family(name, re.compile(models, re.IGNORECASE), picture_tokens)


# The first whose words are in the name.
_FAMILIES = (
    _family("Qwen2-VL and Qwen2.5-VL", r"qwen-?2(\.5)?-?vl", _patches(28, 56 * 56)),
    _family("Qwen3-VL", r"qwen", _patches(32, 256 * 256)),
    _family("GPT-4.1 mini and GPT-5 mini", r"gpt-(4\.1|5[\d.]*)-mini", _openai_patches(1.62)),
    _family("GPT-4.1 nano and GPT-5 nano", r"gpt-(4\.1|5[\d.]*)-nano", _openai_patches(2.46)),
    _family("o4-mini", r"\bo4-mini", _openai_patches(1.72)),
    _family("GPT-4o mini", r"gpt-4o-mini", _openai_tiles(2833, 5667)),
    _family("GPT-5", r"gpt-5", _openai_tiles(70, 140)),
    _family("GPT-4o and GPT-4.1", r"gpt-4", _openai_tiles(85, 170)),
    _family("o1 and o3", r"\bo[13]\b", _openai_tiles(75, 150)),
    _family("Claude", r"claude", lambda width, height: math.ceil(width * height / 750)),
    _family("Gemini up to 2.5", r"gemini-[12]", _gemini_tiles),
    _family("InternVL", r"internvl", _internvl_tiles),
)
_UNKNOWN = Family("Qwen3-VL, for want of a known name", re.compile(""), _patches(32, 256 * 256))
