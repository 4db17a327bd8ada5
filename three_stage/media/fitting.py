"""Encoding the pictures of a pool so that they fit into one request."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from three_stage.media.picture import Image, encode_jpeg, labelled, shrunk
from three_stage.media.sizes import fit_within

LOWEST_QUALITY = 60
"""Below this, JPEG blurs what the model should see; smaller pictures are the better loss."""

SMALLEST_SIDE_PX = 64
"""Smaller pictures show nothing any more."""

SAMPLE_PICTURES = 8
"""How many pictures of a pool that is too large are encoded to find out what would fit."""

AIM = 0.98
"""Share of the budget to aim at, because a few pictures only estimate the rest."""


class DoesNotFitError(Exception):
    """Not even the smallest pictures fit. Stays in this room."""


@dataclass(frozen=True)
class Look:
    """JPEG quality and size that all pictures of a pool share."""

    quality: int
    size_px: tuple[int, int]


@dataclass(frozen=True)
class EncodedPicture:
    """One picture of a pool in its two forms."""

    clean_jpeg: bytes
    indexed_jpeg: bytes | None


Pictures = Callable[[tuple[int, int]], Iterable[Image]]
"""Gives the pictures of a pool at a size (width, height), as often as asked."""

Encode = Callable[[Image, int, int], EncodedPicture]
"""Encodes a picture, given its 1-based index and a quality."""


def encode_clean(image: Image, index_1based: int, quality: int) -> EncodedPicture:  # noqa: ARG001
    """Encode a picture without a label."""
    return EncodedPicture(encode_jpeg(image, quality), None)


def encode_both(image: Image, index_1based: int, quality: int) -> EncodedPicture:
    """Encode a picture without and with its label, which is drawn before the encoding."""
    with_index = encode_jpeg(labelled(image, index_1based), quality)
    return EncodedPicture(encode_jpeg(image, quality), with_index)


def encode_to_fit(
    pictures: Pictures, encode: Encode, look: Look, budget_bytes: int
) -> tuple[Look, list[EncodedPicture]]:
    """Encode a pool at ``look``, or at the nearest lower look whose base64 fits the budget.

    One look for all: first a lower quality, down to LOWEST_QUALITY, then smaller sides.
    Raises DoesNotFitError when nothing does.
    """
    encoded, samples = _encode_all(pictures, encode, look)
    needed = body_bytes(encoded)
    aim = AIM * budget_bytes
    while needed > budget_bytes:
        look = _lower_look(samples, encode, look, needed, aim)
        encoded, samples = _encode_all(pictures, encode, look)
        needed = body_bytes(encoded)
        aim *= AIM
    return look, encoded


def body_bytes(encoded: Iterable[EncodedPicture]) -> int:
    """Return the base64 bytes of a pool in its larger form: a request holds one of the two."""
    clean = indexed = 0
    for picture in encoded:
        clean += base64_bytes(len(picture.clean_jpeg))
        indexed += base64_bytes(len(picture.indexed_jpeg or b""))
    return max(clean, indexed)


def base64_bytes(count: int) -> int:
    """Return how long ``count`` bytes are in base64."""
    return (count + 2) // 3 * 4


def _encode_all(
    pictures: Pictures, encode: Encode, look: Look
) -> tuple[list[EncodedPicture], list[tuple[int, Image]]]:
    """Encode every picture; keep a few evenly spread ones for estimates."""
    encoded = []
    samples: list[tuple[int, Image]] = []
    step = 1
    for index_1based, image in enumerate(pictures(look.size_px), start=1):
        encoded.append(encode(image, index_1based, look.quality))
        if (index_1based - 1) % step == 0:
            samples.append((index_1based, image))
        if len(samples) == 2 * SAMPLE_PICTURES:
            samples, step = samples[::2], 2 * step
    return encoded, samples


def _lower_look(
    samples: list[tuple[int, Image]], encode: Encode, look: Look, needed: float, aim: float
) -> Look:
    """Return the highest look below ``look`` that should fit, judged by a few pictures."""

    def needs(candidate: Look) -> int:
        return body_bytes(
            encode(shrunk(image, candidate.size_px), index_1based, candidate.quality)
            for index_1based, image in samples
        )

    allowed = aim / needed * needs(look)
    qualities = range(LOWEST_QUALITY, look.quality)
    fitting = bisect.bisect_right(
        qualities, allowed, key=lambda quality: needs(replace(look, quality=quality))
    )
    if fitting:
        return replace(look, quality=qualities[fitting - 1])
    sides = range(SMALLEST_SIDE_PX, max(look.size_px))
    lowest = min(look.quality, LOWEST_QUALITY)
    fitting = bisect.bisect_right(
        sides,
        allowed,
        key=lambda side: needs(Look(lowest, fit_within(*look.size_px, side))),
    )
    if not fitting:
        raise DoesNotFitError
    return Look(lowest, fit_within(*look.size_px, sides[fitting - 1]))
