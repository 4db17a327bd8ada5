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
