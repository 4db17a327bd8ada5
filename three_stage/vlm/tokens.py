"""How many tokens a request will take, estimated from above."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_PATCH_PX = 32
_PATCH_PX_QWEN25 = 28
_IS_QWEN25 = re.compile(r"qwen-?2(\.5)?-?vl", re.IGNORECASE)
_ASCII_CHARACTERS_PER_TOKEN = 3
_TOKENS_AROUND_A_PICTURE = 2


def estimate_tokens(text: str, picture_sizes_px: Iterable[tuple[int, int]], *, model: str) -> int:
    """Estimate the prompt tokens of ``text`` and of pictures given as (width, height) in pixels.

    A picture takes ceil(w/32) · ceil(h/32) tokens on Qwen3-VL and the same with 28 on Qwen2-VL and
    Qwen2.5-VL (their processors' patch × merge size), and one mark before and after it. Text
    counts three ASCII characters, or one other character, as a token: more than today's
    tokenizers need, so that a cap is not passed.
    """
    side_px = _PATCH_PX_QWEN25 if _IS_QWEN25.search(model) else _PATCH_PX
    pictures = sum(
        math.ceil(width / side_px) * math.ceil(height / side_px) + _TOKENS_AROUND_A_PICTURE
        for width, height in picture_sizes_px
    )
    return pictures + estimate_text_tokens(text)


def estimate_text_tokens(text: str) -> int:
    """Estimate the tokens of a text, from above."""
    others = sum(1 for character in text if ord(character) > 127)
    return others + math.ceil((len(text) - others) / _ASCII_CHARACTERS_PER_TOKEN)
