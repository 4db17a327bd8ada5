"""A clip file, decoded: what it is, when each frame is shown, and some of its pictures."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.files import VideoInfo
from three_stage.media.picture import upright
from three_stage.media.probe import describe
from three_stage.media.source import Source
from three_stage.media.table import decode_table, frames_at
from three_stage.validation.similarity import Canvas, Sketch, sketch

TIME_TOLERANCE_SEC = 0.002
"""Clips keep the source's ticks; containers round them to their own."""


def told_wrong(written: VideoInfo, found: VideoInfo) -> list[tuple[str, object, object]]:
    """Return what a manifest says of a video and is not so: name, as written, as found."""
    pairs = [(name, getattr(written, name), value) for name, value in found.model_dump().items()]
    return [(name, said, value) for name, said, value in pairs if not _is_same(said, value)]


def _is_same(written: object, found: object) -> bool:
    if isinstance(written, float) and isinstance(found, float):
        return abs(written - found) <= TIME_TOLERANCE_SEC
    return written == found


class ClipFile:
    """An opened clip; a context manager. All of it is decoded when it is opened.

    ``times_sec`` are the displayed frames' times from the first of them; ``info`` is the clip as
    displayed; ``damaged_packets`` counts what no decoder could read. Raises MediaError.
    """

    def __init__(self, path: Path) -> None:
        self._source = Source(path)
        try:
            self._table = decode_table(self._source)
            self.damaged_packets = self._source.damaged_packets
            self.info: VideoInfo = describe(self._source, self._table, self._source.first_frame())
        except BaseException:
            self._source.container.close()
            raise
        self.times_sec: tuple[float, ...] = tuple(self._table.times_sec.tolist())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.container.close()

    def sketches(
        self, indices: Collection[int], canvas: Canvas, *, width_px: int, height_px: int
    ) -> dict[int, Sketch]:
        """Decode again and return sketches of some frames, by index (0-based).

        What lies beyond ``width_px`` and ``height_px`` (a line that was padded) is left out, and so
        are indices that the clip does not have.
        """
        wanted = sorted(index for index in set(indices) if 0 <= index < len(self.times_sec))
        size = (self.info.width, self.info.height)
        return {
            index: sketch(upright(frame, size)[:height_px, :width_px], canvas)
            for index, frame in frames_at(self._source, self._table, wanted)
        }
