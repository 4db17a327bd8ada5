"""Video → the pool of pictures that a model sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from three_stage.media.errors import PoolTooLargeError
from three_stage.media.fitting import (
    DoesNotFitError,
    EncodedPicture,
    Look,
    Pictures,
    encode_both,
    encode_clean,
    encode_to_fit,
)
from three_stage.media.picture import Image, shrunk, upright
from three_stage.media.probe import describe, oddities, refuse_unfit
from three_stage.media.sizes import pool_picture_size
from three_stage.media.source import Source
from three_stage.media.table import FrameTable, first_frame_of, frames_at, with_table
from three_stage.media.timeline import nearest_increasing, source_time, targets
from three_stage.media.values import FramePool, PoolFrame
from three_stage.settings import FEWEST_FRAMES, SamplingSettings

BYTES_A_MB = 1_000_000

TEXT_RESERVE_BYTES = 200_000
"""Of a request's body, kept for prompts, schema, and the answer and errors of a re-ask."""

TEXT_RESERVE_BYTES_A_PICTURE = 256
"""Kept for what stands around each picture in the JSON."""

KEPT_PIXELS = 64 * 1024 * 1024
"""Pools up to this many pixels are kept decoded until their quality is settled (200 MB); larger
ones are decoded again, if their first quality does not fit."""


@dataclass(frozen=True)
class Choice:
    """Which displayed frames a pool consists of (0-based), and how they were chosen."""

    indices: tuple[int, ...]
    words: str


def sample_pool(
    path: Path,
    settings: SamplingSettings,
    *,
    origin_sec: float = 0.0,
    fewest_frames: int = FEWEST_FRAMES,
    span_sec: tuple[float, float] | None = None,
) -> FramePool:
    """Choose frames evenly from the first to the last displayed one, and encode them.

    ``origin_sec`` is added to every time: for a clip, where it starts in its source. ``span_sec``
    (start and end in seconds of the file) takes frames from that part only: those displayed in it,
    the one that is on display at its start included. All pictures share one size and one JPEG
    quality, lowered until the request that holds them fits ``settings.max_body_mb``. Raises
    MediaError, TooShortError below ``fewest_frames`` among them.
    """
    with Source(path) as source:
        return with_table(
            source,
            lambda table: _make_pool(source, table, settings, origin_sec, fewest_frames, span_sec),
        )


def choose_frames(
    table: FrameTable,
    settings: SamplingSettings,
    fewest_frames: int,
    span_sec: tuple[float, float] | None = None,
) -> Choice:
    """Choose the displayed frames of a pool.

    exact: the frame nearest to each target. keyframe: the key frame nearest to each target, with
    its true time; where there are fewer key frames than ``fewest_frames``, as in exact. In a span
    (see ``sample_pool``) targets lie between its first and last displayed frame, and every frame
    may be chosen: it is asked for to see more than the key frames show.
    """
    times = table.times_sec
    if span_sec is not None:
        return _in_span(times, settings.max_frames, *span_sec)
    among, words = np.arange(len(table)), "evenly spread from the first to the last"
    if settings.pool_mode == "keyframe":
        keys = np.flatnonzero(table.is_key)
        if len(keys) >= fewest_frames:
            among, words = keys, "the key frames nearest to evenly spread times"
        else:
            words += f" (only {len(keys)} are key frames, too few for a pool of these)"
    count = min(settings.max_frames, len(among))
    places = nearest_increasing(times[among], targets(float(times[-1]), count))
    return Choice(tuple(int(among[place]) for place in places), words)


def _in_span(
    times_sec: NDArray[np.float64], most_frames: int, start_sec: float, end_sec: float
) -> Choice:
    """Choose among the frames that are on display in a part of the video."""
    first = max(0, int(np.searchsorted(times_sec, start_sec, side="right")) - 1)
    beyond = int(np.searchsorted(times_sec, end_sec, side="left"))
    among = np.arange(first, max(first + 1, beyond))
    origin_sec = float(times_sec[first])
    wanted = targets(float(times_sec[among[-1]]) - origin_sec, min(most_frames, len(among)))
    places = nearest_increasing(times_sec[among] - origin_sec, wanted)
    return Choice(
        tuple(int(among[place]) for place in places),
        f"evenly spread over {start_sec:.2f} to {end_sec:.2f} s",
    )


def _make_pool(
    source: Source,
    table: FrameTable,
    settings: SamplingSettings,
    origin_sec: float,
    fewest_frames: int,
    span_sec: tuple[float, float] | None,
) -> FramePool:
    info = describe(source, table, first_frame_of(source, table))
    refuse_unfit(source.path, table, fewest_frames)
    choice = choose_frames(table, settings, fewest_frames, span_sec)
    wanted = Look(settings.jpeg_quality, pool_picture_size(info, settings))
    look, encoded = _encode(source, table, choice, wanted, settings)
    times = table.times_sec
    return FramePool(
        frames=tuple(
            PoolFrame(
                index_1based=place + 1,
                timestamp_sec=source_time(origin_sec, float(times[index])),
                original_frame_index=index,
                clean_jpeg=picture.clean_jpeg,
                indexed_jpeg=picture.indexed_jpeg,
            )
            for place, (index, picture) in enumerate(zip(choice.indices, encoded, strict=True))
        ),
        info=info,
        displayed_frames=len(table),
        end_sec=source_time(origin_sec, table.end_sec),
        jpeg_quality=look.quality,
        width_px=look.size_px[0],
        height_px=look.size_px[1],
        note=f"{len(encoded)} of {len(table)} displayed frames, {choice.words}.",
        warnings=(*oddities(source, table, info), *_loss(wanted, look, settings)),
    )


def _encode(
    source: Source, table: FrameTable, choice: Choice, look: Look, settings: SamplingSettings
) -> tuple[Look, list[EncodedPicture]]:
    count = len(choice.indices)
    reserve = TEXT_RESERVE_BYTES + TEXT_RESERVE_BYTES_A_PICTURE * count
    budget_bytes = int(settings.max_body_mb * BYTES_A_MB) - reserve
    pictures = pictures_of(source, table, choice.indices, look.size_px)
    encode = encode_clean if settings.no_embed_index else encode_both
    try:
        return encode_to_fit(pictures, encode, look, budget_bytes)
    except DoesNotFitError:
        raise PoolTooLargeError(
            f"{source.path}: {count} pictures do not fit into a request of "
            f"{settings.max_body_mb:g} MB, however small.",
            hint="Raise --max-body-mb or lower --max-frames.",
        ) from None


def pictures_of(
    source: Source,
    table: FrameTable,
    indices: Sequence[int],
    size_px: tuple[int, int],
    *,
    kept_pixels: int = KEPT_PIXELS,
) -> Pictures:
    """Return what gives the pictures at any size: decoded once and kept, unless they are too many.

    ``size_px`` is the largest size that will be asked for.
    """

    def decoded(size_px: tuple[int, int]) -> Iterator[Image]:
        return (upright(frame, size_px) for _, frame in frames_at(source, table, indices))

    if len(indices) * size_px[0] * size_px[1] > kept_pixels:
        return decoded
    kept = list(decoded(size_px))
    return lambda size_px: (shrunk(image, size_px) for image in kept)


def _loss(wanted: Look, look: Look, settings: SamplingSettings) -> tuple[str, ...]:
    if look == wanted:
        return ()
    return (
        (
            f"pictures have {_words(look)} instead of {_words(wanted)}, so that a request fits "
            f"into {settings.max_body_mb:g} MB"
        ),
    )


def _words(look: Look) -> str:
    width, height = look.size_px
    return f"JPEG quality {look.quality} at {width}x{height} pixels"
