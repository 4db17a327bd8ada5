"""The end of an mp4's pictures made exact without encoding, by its edit list.

A clip that is copied, not encoded, holds more than it should show: everything from the key frame
before its start, and a few frames after its end that its own frames refer to. ffmpeg hides the
former with an edit list; how long the edit lasts is set here, so that players hide the latter too.
Box layouts: ISO/IEC 14496-12, sections 4.2 (boxes), 8.6.6 (elst), 8.4.3 (hdlr).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HEADER_BYTES, LONG_HEADER_BYTES = 8, 16
HANDLER_PICTURES = b"vide"
LONG_VERSION = b"\x01"
"""Of an edit list whose times have 64 bits."""

NO_MEDIA = -1
"""Media time of an edit that shows nothing: a pause before the first picture."""


@dataclass(frozen=True)
class Box:
    """A box of the file: where its content lies."""

    name: bytes
    start: int
    end: int


def end_edit_after(path: Path, length: int) -> None:
    """Make the picture track's last edit last ``length`` units of the movie's time scale.

    A file whose edit list is not of the kind that ffmpeg writes is left as it is.
    """
    with path.open("rb+") as file:
        file.seek(0, 2)
        for track in _find(file, Box(b"", 0, file.tell()), b"moov", b"trak"):
            handlers = [_read(file, box) for box in _find(file, track, b"mdia", b"hdlr")]
            if any(handler[8:12] == HANDLER_PICTURES for handler in handlers):
                for box in _find(file, track, b"edts", b"elst"):
                    _end_last_edit(file, box, length)


def _end_last_edit(file: BinaryIO, box: Box, length: int) -> None:
    content = _read(file, box)
    count = int.from_bytes(content[4:8], "big")
    layout = struct.Struct(">Qq4x" if content[:1] == LONG_VERSION else ">Ii4x")
    place = 8 + (count - 1) * layout.size
    if count < 1 or place + layout.size > len(content):
        return
    duration, media_time = layout.unpack_from(content, place)
    if media_time == NO_MEDIA or length > duration:
        return
    file.seek(box.start + place)
    file.write(layout.pack(length, media_time)[: layout.size - 4])


def _find(file: BinaryIO, within: Box, *names: bytes) -> Iterator[Box]:
    """Yield the boxes that lie at a path of names."""
    for box in _boxes(file, within):
        if box.name == names[0]:
            if len(names) == 1:
                yield box
            else:
                yield from _find(file, box, *names[1:])


def _boxes(file: BinaryIO, within: Box) -> Iterator[Box]:
    start = within.start
    while start + HEADER_BYTES <= within.end:
        file.seek(start)
        header = file.read(LONG_HEADER_BYTES)
        size, name = int.from_bytes(header[:4], "big"), header[4:8]
        header_bytes = HEADER_BYTES
        if size == 1:
            size, header_bytes = int.from_bytes(header[8:], "big"), LONG_HEADER_BYTES
        end = within.end if size == 0 else start + size
        if end < start + header_bytes or end > within.end:
            return
        yield Box(name, start + header_bytes, end)
        start = end


def _read(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start)
    return file.read(box.end - box.start)
