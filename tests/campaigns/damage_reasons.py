"""Damage that cannot be found, with the reason: nothing else in the folder tells what was there."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np

from tests.campaigns.damage_folder import MODES, Damage, GoodFolder, Mode

Pictures = list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]

SEGMENTS = "stage2/step_segments.json"
SAME_MEAN = 2.0
"""Mean difference of pixels, in levels of 255, up to which two pictures show the same here."""


def shows_the_same(good: GoodFolder, damage: Damage) -> bool:
    """Whether every picture or clip that was changed still shows what it showed, frame by frame."""
    pairs = [(good.files[c.relpath], c.data) for c in damage.changes if c.action == "write"]
    return all(_alike(_pictures(old), _pictures(new)) for old, new in pairs)


def is_copy(good: GoodFolder, _damage: Damage) -> bool:
    """Whether the clips of the folder were cut without encoding."""
    segments = next(d.value for d in good.documents if d.relpath == SEGMENTS)
    return bool(segments["cut"]["mode"] == "copy")


def _alike(first: Pictures, second: Pictures) -> bool:
    return len(first) == len(second) and all(
        one.shape == other.shape and float(np.mean(cv2.absdiff(one, other))) <= SAME_MEAN
        for one, other in zip(first, second, strict=True)
    )


def _pictures(data: bytes) -> Pictures:
    if data.startswith(b"\xff\xd8"):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return [] if image is None else [np.asarray(image, np.uint8)]
    with av.open(io.BytesIO(data), "r") as container:
        frames = container.decode(video=0)
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in frames]


@dataclass(frozen=True)
class Reason:
    """Why damage of some kinds (none given: all) in some places cannot be found.

    ``where`` is the kind of place (``Damage.group``), with ``*`` for anything. ``condition`` must
    hold of the damage itself.
    """

    kinds: tuple[str, ...]
    where: str
    why: str
    modes: tuple[Mode, ...] = MODES
    condition: Callable[[GoodFolder, Damage], bool] | None = None

    def fits(self, group: str) -> bool:
        """Whether places of this group are meant."""
        pattern = ".*".join(map(re.escape, self.where.split("*")))
        return re.fullmatch(pattern, group) is not None

    def applies(self, good: GoodFolder, damage: Damage) -> bool:
        """Whether this is a reason for that damage."""
        return (
            (not self.kinds or damage.kind in self.kinds)
            and damage.mode in self.modes
            and self.fits(damage.group)
            and (self.condition is None or self.condition(good, damage))
        )


_SMALL = ("off by one", "last digit")
_WORDS = ("one character", "another value", "long text")
_MADE_GOOD: tuple[Mode, ...] = ("made good",)

REASONS: tuple[Reason, ...] = (
    Reason(
        _WORDS, "run_summary.json api_config.provider",
        "under which name the endpoint was given is said here alone",
    ),
    Reason(
        _WORDS, "run_summary.json api_config.api_base",
        "where the endpoint was is said here alone",
    ),
    Reason(
        _WORDS, "run_summary.json tool_versions.*",
        "which versions were used is said here alone",
    ),
    Reason(
        ("another value",), "run_summary.json stage1.warnings",
        "what was said of the video while it was decoded is said here alone",
    ),
    Reason(
        ("another value",), "run_summary.json post_validate.warnings",
        "what another validation, maybe of another version, warned of is said here alone",
    ),
    Reason(
        ("one character", "another value"), "*_utc",
        "a date that is still in order with all others",
    ),
    Reason(
        (*_SMALL, "another value"), "calls.jsonl answer latency_sec",
        "how long an answer took is told by its dates too, but no closer",
    ),
    Reason(
        (*_SMALL, "another value"), "calls.jsonl answer request_bytes",
        "the body of a request is not kept",
    ),
    Reason(
        ("off by one", "another value", "one character", "long text"),
        "stage2/step_segments.json cut.*",
        "how a copy would have been encoded decides nothing and is said here alone",
        modes=_MADE_GOOD, condition=is_copy,
    ),
    Reason(
        ("flip", "neighbour's picture", "swap files"), "*.jpg",
        "the picture still shows what it showed, to within what compression changes",
        modes=_MADE_GOOD, condition=shows_the_same,
    ),
    Reason(
        ("flip",), "stage2/step_clips/*",
        "every frame of the clip still shows what it showed",
        modes=_MADE_GOOD, condition=shows_the_same,
    ),
)  # fmt: skip
