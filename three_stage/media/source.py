"""Opening a video file, and reading its packets and frames without believing too much of it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from three_stage.media.containers import CONTAINERS, file_url
from three_stage.media.errors import (
    NotAVideoError,
    NothingDecodedError,
    NoVideoStreamError,
    PictureSizeError,
    UnknownCodecError,
    UnreadableFileError,
)

SEEKABLE_CONTAINERS = frozenset({"mov", "mp4", "matroska", "webm"})
"""Formats whose packets carry their own times and whose seeking is known to work."""

LARGEST_PICTURE_PIXELS = 8192 * 8192
"""Twice 8K. A small file can declare any size; a decoder would reserve memory for it."""

MOST_DECODER_THREADS = 4

SEEK_BACK_SEC = (0.0, 2.0, 20.0)
"""How much earlier than the wanted frame to seek, one try after the other."""


def refuse_unreadable(path: Path) -> None:
    """Raise UnreadableFileError or NotAVideoError when there is no content to open at all."""
    if path.is_dir():
        raise UnreadableFileError(f"{path} is a folder, not a video file.")
    if not path.exists():
        raise UnreadableFileError(f"{path} does not exist.")
    if not path.is_file():
        raise UnreadableFileError(f"{path} is no ordinary file.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    if empty:
        raise NotAVideoError(f"{path} is empty (0 bytes).")


class Source:
    """An opened video file and its main video stream; a context manager.

    Opens with an allow-list of containers and no protocol but ``file``: a playlist is refused, not
    followed. ``damaged_packets`` counts what could not be read since the file was opened or begun
    anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged_packets = 0
        self._threads = min(MOST_DECODER_THREADS, os.cpu_count() or 1)
        refuse_unreadable(path)
        self.container, self.stream = self._open()
        self._at_start = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.container.close()

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        assert self.stream.time_base is not None  # noqa: S101 - demuxed streams always have one
        return self.stream.time_base

    @property
    def can_seek(self) -> bool:
        """Whether frames_from may seek here, rather than decode from the start."""
        return not SEEKABLE_CONTAINERS.isdisjoint(self.container.format.name.split(","))

    @property
    def container_start_sec(self) -> float:
        """Return where the container's own clock starts (players and ffmpeg count from there)."""
        return (self.container.start_time or 0) / av.time_base

    @property
    def codec_name(self) -> str:
        """The name of the picture codec, whichever decoder reads it."""
        return self.stream.codec_context.codec.canonical_name

    @property
    def declared_duration_sec(self) -> float:
        """How long the file says that it lasts; the shortest, if it says several; 0 if nothing."""
        said = [
            (self.stream.duration or 0) * self.time_base,
            Fraction(self.container.duration or 0, av.time_base),
            _seconds_of_tag(self.stream.metadata.get("DURATION", "")),
        ]
        return float(min((seconds for seconds in said if seconds > 0), default=0))

    @property
    def has_audio(self) -> bool:
        """Whether there is any sound."""
        return len(self.container.streams.audio) > 0

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Yield the packets of the video stream from the start; ends where it cannot be read."""
        self._go_to_start()
        return self._packets_from_here()

    def _packets_from_here(self) -> Iterator[Packet[VideoStream]]:
        self._at_start = False
        try:
            yield from (packet for packet in self.container.demux(self.stream) if packet.size)
        except MemoryError:
            raise
        except FFmpegError:
            self.damaged_packets += 1

    def frames(self) -> Iterator[VideoFrame]:
        """Yield every frame that the decoder shows, from the start of the file, in its order."""
        return self._decode(self.packets())

    def frames_from(self, tick: int) -> Iterator[VideoFrame]:
        """Yield frames from a key frame at or before a presentation tick on.

        A seek may land after its target, and frames that are displayed before the key frame it
        landed on may be broken: the first packet is checked, and those frames are left out. Where
        seeking does not work, or may not, the frames come from the start of the file.
        """
        if self.can_seek:
            for back_sec in SEEK_BACK_SEC:
                packets = self._packets_from(tick - round(Fraction(back_sec) / self.time_base))
                first = next(packets, None)
                if first is not None and first.pts is not None and first.pts <= tick:
                    frames = self._decode(itertools.chain((first,), packets))
                    return itertools.dropwhile(_displayed_before(first.pts), frames)
        return self.frames()

    def use_one_thread(self) -> bool:
        """Decode with one thread from now on; return whether that is a change.

        Where a packet is damaged, threads lose good frames that they hold at that moment.
        """
        before, self._threads = self._threads, 1
        return before != 1

    def first_frame(self) -> VideoFrame:
        """Return the first displayed frame. Raises NothingDecodedError when there is none."""
        frame = next(self.frames(), None)
        if frame is None:
            raise NothingDecodedError(f"{self.path}: not one picture could be decoded.")
        return frame

    def _packets_from(self, tick: int) -> Iterator[Packet[VideoStream]]:
        """Seek to a tick; yield packets from the next key packet on."""
        self._at_start = False
        try:
            self.container.seek(tick, stream=self.stream, backward=True)
        except FFmpegError:
            return iter(())
        return itertools.dropwhile(lambda packet: not packet.is_keyframe, self._packets_from_here())

    def _decode(self, packets: Iterator[Packet[VideoStream]]) -> Iterator[VideoFrame]:
        for packet in itertools.chain(packets, (None,)):
            try:
                decoded = self.stream.codec_context.decode(packet)
            except MemoryError:
                raise
            except FFmpegError:
                self.damaged_packets += 1
                continue
            self.damaged_packets += sum(frame.is_corrupt for frame in decoded)
            yield from decoded

    def _go_to_start(self) -> None:
        self.damaged_packets = 0
        if self._at_start:
            return
        self.container.close()
        self.container, self.stream = self._open()

    def _open(self) -> tuple[InputContainer, VideoStream]:
        try:
            container = av.open(
                file_url(self.path),
                # Not as "options": PyAV before 18 lays those on streams that FLV has not found yet,
                # and crashes.
                container_options={"protocol_whitelist": "file", "format_whitelist": CONTAINERS},
            )
        except MemoryError:
            raise
        except (FFmpegError, OSError) as error:
            raise NotAVideoError(
                f"{self.path} is not a video that can be opened ({_words(error)}).",
                hint="Opened are mp4, mov, m4v, mkv, webm, avi, flv, ts and wmv; a file that was "
                "cut off while it was written, a playlist and a text file are not.",
            ) from error
        try:
            return container, self._prepare(_main_stream(container, self.path))
        except BaseException:
            container.close()
            raise

    def _prepare(self, stream: VideoStream) -> VideoStream:
        codec = stream.codec_context
        if not _has_decoder(stream):
            raise UnknownCodecError(f"{self.path}: no decoder for its pictures.")
        if codec.width * codec.height > LARGEST_PICTURE_PIXELS:
            raise PictureSizeError(
                f"{self.path} declares pictures of {codec.width}x{codec.height}; "
                f"at most {LARGEST_PICTURE_PIXELS} pixels are decoded."
            )
        codec.options = {"max_pixels": str(LARGEST_PICTURE_PIXELS)}
        codec.thread_type = "AUTO"
        codec.thread_count = self._threads
        return stream


def _main_stream(container: InputContainer, path: Path) -> VideoStream:
    """Choose the video stream that ffmpeg chooses, so that clips show what pictures show.

    Most pixels win, a default stream counts 5 million more (ffmpeg's ``map_auto_video``); cover
    pictures do not count.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise NoVideoStreamError(f"{path} holds no moving pictures.")
    return max(streams, key=_stream_score)


def _stream_score(stream: VideoStream) -> int:
    codec = stream.codec_context
    pixels = codec.width * codec.height if _has_decoder(stream) else 0
    return pixels + 5_000_000 * bool(stream.disposition & Disposition.default)


def _has_decoder(stream: VideoStream) -> bool:
    # PyAV's types promise a codec context; for an unknown codec there is none.
    return getattr(stream, "codec_context", None) is not None


def _seconds_of_tag(text: str) -> Fraction:
    """Read Matroska's "00:00:10.333000000"; 0 for anything else."""
    found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", text)
    if found is None:
        return Fraction(0)
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


def _displayed_before(tick: int) -> Callable[[VideoFrame], bool]:
    return lambda frame: frame.pts is not None and frame.pts < tick


def _words(error: Exception) -> str:
    """Return ffmpeg's words for an error, without its number and our own file name."""
    return str(getattr(error, "strerror", None) or error).split(":", maxsplit=1)[0]
