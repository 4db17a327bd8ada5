"""Which frame does a tool show when it is asked for a time? Ours and the usual ways, measured.

    python -m benchmarks.frame_times --output docs/time.md
    python -m benchmarks.frame_times "phone.mp4" "hidden start.mp4"

Writes the matrix of numbered videos, whose every frame shows which frame it is. Each tool is asked
for every frame by its exact time, and cuts the video into neighbouring pieces. decord is measured
where it is installed (``pip install decord``); it is no dependency of ours.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import itertools
import multiprocessing
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

import click
import cv2
import numpy as np

from tests.support.matrix import MATRIX, Case, has_encoder, make
from tests.support.numbered_video import Image, decode_jpeg, read_number
from tests.support.second_decoder import Shown, shown_by_ffmpeg
from three_stage.media import (
    Ffmpeg,
    MediaError,
    cut_clip,
    find_ffmpeg,
    grab_frames,
    sample_pool,
    source_facts,
)
from three_stage.settings import CutSettings, SamplingSettings

COMMAND = "python -m benchmarks.frame_times --output docs/time.md"

PIECES = 7
"""Into how many neighbouring pieces a video is cut: as a plan of seven steps does it."""

POOL_SIZE = 20
TIME_LIMIT_SEC = 60.0
EXACT = "exact"
NOT_INSTALLED = "not installed"

PART = re.compile(r"(?<=<!-- measured: frame times -->\n).*?(?=<!-- end -->)", re.DOTALL)
"""Of a page: what this script writes."""

SPECIAL: dict[str, str] = {
    "h264.mp4": "nothing: 30 frames a second, B-frames, a key frame a second",
    "h264 every frame a key frame.mp4": "key frames only",
    "h264 one key frame.mkv": "one key frame, at the start",
    "h264 open groups.mp4": "frames before a key frame refer to it",
    "h264 with sound.mp4": "sound",
    "h264 29.97.mkv": "29.97 frames a second, times in milliseconds",
    "h264.mov": "QuickTime",
    "h264.m4v": "the other name of mp4",
    "fragmented.mp4": "no index in front",
    "mpeg4.mp4": "MPEG-4 part 2 with B-frames",
    "mpeg4.mkv": "MPEG-4 part 2",
    "mpeg4 3 fps.mp4": "3 frames a second",
    "hevc.mp4": "HEVC",
    "hevc open groups.mkv": "frames before a key frame refer to it",
    "hevc 10 bit.mp4": "10 bit",
    "vp9.webm": "VP9",
    "vp9 with hidden pictures.webm": "pictures that are never shown",
    "vp9.mp4": "VP9 in mp4",
    "vp8.webm": "VP8",
    "av1.mp4": "AV1",
    "av1.mkv": "AV1",
    "mpeg2.mkv": "MPEG-2",
    "mpeg2.mp4": "MPEG-2 in mp4",
    "wmv2.wmv": "Windows Media",
    "phone.mp4": "variable rate: bursts, late frames, holds of 1 s",
    "phone.mkv": "variable rate",
    "phone hevc.mov": "variable rate, HEVC",
    "phone.webm": "variable rate, VP9",
    "phone.flv": "variable rate",
    "phone.ts": "variable rate",
    "slides.mp4": "a frame every 10 s in a file of 30 frames a second",
    "29.97 from mkv.mp4": "times in whole milliseconds, copied into a finer clock",
    "late start.mkv": "the first frame is shown at 5 s",
    "late start.mp4": "the first frame is shown at 5 s",
    "sound first.mkv": "sound begins 0.5 s before the pictures",
    "sound first.mp4": "sound begins 0.5 s before the pictures",
    "sound first.ts": "sound begins 0.5 s before the pictures",
    "hidden start.mp4": "cut without encoding: an edit list hides 11 frames",
    "hidden start.mov": "cut without encoding: an edit list hides 11 frames",
    "hidden start hevc.mp4": "cut without encoding: an edit list hides 11 frames",
    "open start.mp4": "cut without encoding and without an edit list, in open groups",
    "live.webm": "no duration, no index",
    "live.mkv": "no duration, no index",
    "transport.ts": "no index",
    "hevc.ts": "no index, HEVC",
    "mpeg2 with sound.ts": "television",
    "interlaced.ts": "television, interlaced",
    "clock begins anew.ts": "the 33-bit clock overflows within the file",
    "flash.flv": "no index",
    "h264.avi": "AVI has no presentation times; B-frames",
    "mpeg4.avi": "AVI has no presentation times; B-frames",
    "h264 from mp4.avi": "copied from mp4: AVI with a finer clock",
    "turned 90.mp4": "to be turned by 90 degrees",
    "turned 180.mp4": "to be turned by 180 degrees",
    "turned 270.mov": "to be turned by 270 degrees",
    "turned 90.mkv": "to be turned by 90 degrees",
    "odd size.mkv": "161x97 pixels, 4:4:4",
    "odd size.webm": "161x97 pixels",
    "wide pixels.mp4": "pixels of 4:3",
    "wide pixels turned.mp4": "pixels of 4:3, to be turned by 90 degrees",
    "10 bit.mkv": "10 bit",
    "cover.mp4": "a cover picture before the video",
    "two videos.mp4": "the main video is the second stream",
    "two videos.mkv": "the main video is the second stream",
    "cut off.mkv": "the second half of the file is lost",
    "cut off.webm": "the second half of the file is lost",
    "cut off.ts": "the second half of the file is lost",
    "cut off.mp4": "the second half of the file is lost, the index is whole",
    "cut off fragments.mp4": "the second half of the file is lost",
    "cut off.flv": "the second half of the file is lost",
}
"""What is special about each file of the matrix."""

Numbers = list[int | None]
"""The numbers on pictures, None where there is no picture or no number can be read."""

Seek = Callable[[str, Sequence[float], int], Numbers]
"""Ask a foreign tool for a file's frames at some times; the int is how far the file is turned."""


class RefusedError(Exception):
    """A foreign tool does not open a file."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A file, which frames it shows, and the stops between which a person could cut it.

    ``stops_sec`` are the times of ``numbers`` and the end of the last of them; ``times_sec`` tells
    when every frame that was written is shown, hidden ones before zero.
    """

    path: Path
    case: Case
    numbers: range
    stops_sec: tuple[float, ...]
    times_sec: Mapping[int, float]

    @property
    def wanted_sec(self) -> tuple[float, ...]:
        """The exact time of every frame."""
        return self.stops_sec[:-1]

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """The neighbouring pieces: half-open ranges of places in ``numbers``."""
        ends = [len(self.numbers) * piece // PIECES for piece in range(PIECES + 1)]
        return list(itertools.pairwise(ends))


@dataclass(frozen=True, kw_only=True)
class Picks:
    """How right the pictures are that a tool gave for wanted frames."""

    asked: int
    wrong: int
    missing: int
    foreign: int
    greatest_error_sec: float

    def __str__(self) -> str:
        """Return the cell of the table."""
        if self.missing == self.asked:
            return "no picture"
        found = (
            (self.wrong, f"{self.greatest_error_sec:.2f} s"),
            (self.foreign, "another video"),
            (self.missing, "no picture"),
        )
        said = [f"{words} ({count} of {self.asked})" for count, words in found if count]
        return ", ".join(said) or EXACT


@dataclass(frozen=True, kw_only=True)
class Held:
    """How right the frames are that clips hold."""

    lost: int
    doubled: int
    foreign: int

    def __str__(self) -> str:
        """Return the cell of the table."""
        counts = (("lost", self.lost), ("doubled", self.doubled), ("foreign", self.foreign))
        return ", ".join(f"{count} {word}" for word, count in counts if count) or EXACT


def score_picks(
    wanted: Sequence[int], shown: Sequence[int | None], times_sec: Mapping[int, float]
) -> Picks:
    """Compare numbers shown with numbers wanted; one without a time is of another video."""
    pairs = list(zip(wanted, shown, strict=True))
    known = [(want, got) for want, got in pairs if got is not None]
    wrong = [(want, got) for want, got in known if got != want and got in times_sec]
    errors = [abs(times_sec[got] - times_sec[want]) for want, got in wrong]
    return Picks(
        asked=len(pairs),
        wrong=len(wrong),
        missing=len(pairs) - len(known),
        foreign=sum(got not in times_sec for _, got in known),
        greatest_error_sec=max(errors, default=0.0),
    )


def score_cuts(cuts: Sequence[tuple[Sequence[int], Sequence[int | None]]]) -> Held:
    """Add up, over pairs of (numbers wanted, numbers held), what is lost, doubled and foreign.

    A picture without a number counts as foreign: it is none of the frames wanted.
    """
    lost = doubled = foreign = 0
    for wanted, held in cuts:
        times = Counter(number for number in held if number in wanted)
        lost += sum(times[number] == 0 for number in wanted)
        doubled += sum(count - 1 for count in times.values())
        foreign += sum(number not in wanted for number in held)
    return Held(lost=lost, doubled=doubled, foreign=foreign)


def truth_about(name: str, folder: Path) -> Truth:
    """Write a file of the matrix; return what it shows.

    Of a file that was cut off, ffmpeg says how many frames are left; the last of them may be half
    a picture, so that it is only the end of those that count.
    """
    path, case = make(name, folder), MATRIX[name]
    stops = [*case.times_sec, case.end_sec]
    if case.is_cut_off:
        stops = stops[: len(shown_by_ffmpeg(path))]
    written = case.spec.times_sec
    return Truth(
        path=path,
        case=case,
        numbers=case.numbers[: len(stops) - 1],
        stops_sec=tuple(stops),
        times_sec={number: time - written[case.hidden] for number, time in enumerate(written)},
    )


def number_on(image: Image, turned: int) -> int | None:
    """Read a picture that is upright or as stored; None when there is no number on it."""
    for quarters in (turned // 90, 0):
        try:
            return read_number(np.ascontiguousarray(np.rot90(image, quarters)))
        except ValueError:
            continue
    return None


# Pictures


def our_pictures(truth: Truth) -> str:
    """Sample a pool and grab every frame by its time; say how right all of these are."""
    case = truth.case
    try:
        pool = sample_pool(truth.path, SamplingSettings(max_frames=POOL_SIZE))
        grabbed = grab_frames(truth.path, truth.wanted_sec)
    except MediaError as error:
        return f"refuses ({type(error).__name__})"
    # The last frame of a file that was cut off may be half a picture.
    sampled = [frame for frame in pool.frames if frame.timestamp_sec < truth.stops_sec[-1] - 1e-6]
    wanted = [nearest_number(truth, frame.timestamp_sec) for frame in sampled]
    jpegs = [frame.clean_jpeg for frame in sampled] + [frame.jpeg for frame in grabbed]
    shown = [number_on(decode_jpeg(jpeg), case.turned) for jpeg in jpegs]
    return str(score_picks([*wanted, *truth.numbers], shown, truth.times_sec))


def nearest_number(truth: Truth, time_sec: float) -> int:
    """Return the number of the frame whose time is nearest."""
    return min(truth.numbers, key=lambda number: abs(truth.times_sec[number] - time_sec))


def foreign_pictures(seek: Seek, truth: Truth) -> str:
    """Ask a foreign tool, in a process of its own, for every frame by its time."""
    shown = in_child(seek, str(truth.path), truth.wanted_sec, truth.case.turned)
    if isinstance(shown, str):
        return shown
    return str(score_picks(truth.numbers, shown, truth.times_sec))


def opencv_by_index(path: str, wanted_sec: Sequence[float], turned: int) -> Numbers:
    """Set the position to time x rate, as most scripts do, and read."""
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise RefusedError
    rate, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    shown: Numbers = []
    for time_sec in wanted_sec:
        capture.set(cv2.CAP_PROP_POS_FRAMES, index_of(time_sec, rate, count))
        there, image = capture.read()
        shown.append(number_on(np.asarray(image, np.uint8), turned) if there else None)
    return shown


def decord_by_index(path: str, wanted_sec: Sequence[float], turned: int) -> Numbers:
    """Take the frame at time x average rate, as most scripts do."""
    decord = importlib.import_module("decord")
    try:
        reader = decord.VideoReader(path)
    except (decord.DECORDError, RuntimeError) as error:
        raise RefusedError from error
    shown: Numbers = []
    for time_sec in wanted_sec:
        try:
            image = reader[index_of(time_sec, reader.get_avg_fps(), len(reader))].asnumpy()
        except (decord.DECORDError, IndexError):
            shown.append(None)
        else:
            shown.append(number_on(image, turned))
    return shown


def index_of(time_sec: float, rate: float, count: int) -> int:
    """Return time x rate, within the number of frames, if one is known."""
    index = round(time_sec * rate)
    return min(index, count - 1) if count > 0 else index


def in_child(seek: Seek, path: str, wanted_sec: Sequence[float], turned: int) -> Numbers | str:
    """Run a foreign tool where its crash or its hanging does no harm; return what happened."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(theirs, seek, path, wanted_sec, turned))
    child.start()
    theirs.close()
    try:
        if not ours.poll(TIME_LIMIT_SEC):
            return f"hangs (> {TIME_LIMIT_SEC:.0f} s)"
        answer: Numbers | str = ours.recv()
    except EOFError:
        return "crashes"
    finally:
        child.kill()
        child.join()
        ours.close()
    return answer


def _answer(
    theirs: Connection, seek: Seek, path: str, wanted_sec: Sequence[float], turned: int
) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stderr.fileno())
    try:
        theirs.send(seek(path, wanted_sec, turned))
    except RefusedError:
        theirs.send("refuses")


# Clips


def our_clips(truth: Truth, ffmpeg: Ffmpeg, folder: Path) -> str:
    """Cut the pieces as the pipeline does, at the times that the pool tells."""
    try:
        pool = sample_pool(truth.path, SamplingSettings(max_frames=2000))
        facts = source_facts(truth.path)
        stops = [*(frame.timestamp_sec for frame in pool.frames), pool.end_sec]
        for start, end in truth.pieces:
            asyncio.run(
                cut_clip(
                    ffmpeg, truth.path, folder / f"{start}.mp4",
                    start_sec=stops[start], end_sec=stops[end], video=pool.info,
                    facts=facts, settings=CutSettings(),
                    timeout_sec=TIME_LIMIT_SEC,
                )
            )  # fmt: skip
    except MediaError as error:
        return f"fails ({type(error).__name__})"
    return score_pieces(truth, folder)


def usual_clips(truth: Truth, ffmpeg: Ffmpeg, folder: Path) -> str:
    """Cut the pieces as most scripts do; the times are printed with three decimals."""
    for start, end in truth.pieces:
        command = [
            ffmpeg.path, "-nostdin", "-v", "error", "-y",
            "-ss", f"{truth.stops_sec[start]:.3f}", "-to", f"{truth.stops_sec[end]:.3f}",
            "-i", str(truth.path), "-c:v", "libx264", str(folder / f"{start}.mp4"),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIME_LIMIT_SEC, check=False)
        except subprocess.TimeoutExpired:
            return f"hangs (> {TIME_LIMIT_SEC:.0f} s)"
        if done.returncode != 0:
            return "fails"
    return score_pieces(truth, folder)


def score_pieces(truth: Truth, folder: Path) -> str:
    """Read what the clips hold that lie in a folder, named by the place of their first frame."""
    cuts = []
    for start, end in truth.pieces:
        shown = shown_in_clip(folder / f"{start}.mp4", truth.case.turned)
        cuts.append((truth.numbers[start:end], [frame.number for frame in shown]))
    return str(score_cuts(cuts))


def shown_in_clip(clip: Path, turned: int) -> list[Shown]:
    """Decode a clip from start to end; one that cannot be decoded shows nothing."""

    def read(image: Image) -> int:
        number = number_on(image, turned)
        if number is None:
            raise ValueError("no number")
        return number

    try:
        return shown_by_ffmpeg(clip, read)
    except subprocess.CalledProcessError:
        return []


# The table


@dataclass(frozen=True)
class Row:
    """What the tools did on one file: a cell each, in the order of ``TOOLS``."""

    name: str
    cells: tuple[str, ...]


TOOLS = ("ours", "OpenCV by index", "decord by index", "`ffmpeg -ss -to`", "our cut")


def measure(name: str, ffmpeg: Ffmpeg, folder: Path) -> Row:
    """Write a file of the matrix and ask every tool about it."""
    truth = truth_about(name, folder)
    (ours := folder / "ours").mkdir(exist_ok=True)
    (usual := folder / "usual").mkdir(exist_ok=True)
    has_decord = importlib.util.find_spec("decord") is not None
    cells = (
        our_pictures(truth),
        foreign_pictures(opencv_by_index, truth),
        foreign_pictures(decord_by_index, truth) if has_decord else NOT_INSTALLED,
        usual_clips(truth, ffmpeg, usual),
        our_clips(truth, ffmpeg, ours),
    )
    return Row(name, cells)


def to_markdown(rows: Sequence[Row], ffmpeg: Ffmpeg) -> str:
    """Return what was measured with, on how many files each tool was exact, and the table."""
    exact = [
        f"{tool} {sum(row.cells[place] == EXACT for row in rows)}"
        for place, tool in enumerate(TOOLS)
    ]
    lines = [
        f"Measured by `{COMMAND}` with {versions(ffmpeg)}.",
        f"Exact on so many of {len(rows)} files: {', '.join(exact)}.",
        "",
        f"| file | what is special | {' | '.join(TOOLS)} |",
        "|---" * (2 + len(TOOLS)) + "|",
        *(f"| {row.name} | {SPECIAL[row.name]} | {' | '.join(row.cells)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def versions(ffmpeg: Ffmpeg) -> str:
    """Return the versions of everything that was measured."""
    packages = {"av": "PyAV", "opencv-python-headless": "OpenCV", "decord": "decord"}
    said = [f"Python {platform.python_version()}"]
    for package, name in packages.items():
        try:
            said.append(f"{name} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            said.append(f"no {name}")
    return ", ".join([*said, f"ffmpeg {ffmpeg.version}", platform.system()])


def with_table(page: str, table: str) -> str:
    """Return a page with its measured part replaced. Raises ValueError when it has none."""
    if not PART.search(page):
        raise ValueError("it has no part between <!-- measured: frame times --> and <!-- end -->")
    return PART.sub(lambda _: table, page, count=1)


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Replace the measured part of this page.",
)
def main(names: tuple[str, ...], output: Path | None) -> None:
    """Measure which frames tools show and cut; NAMES are files of the matrix (default: all)."""
    unknown = sorted(set(names) - set(MATRIX))
    if unknown:
        raise click.BadParameter(f"the matrix has no {', '.join(unknown)}")
    if names and output is not None:
        raise click.UsageError("--output writes the whole table: give no names with it")
    ffmpeg = find_ffmpeg(None)
    rows = []
    for name in names or MATRIX:
        if not has_encoder(name):
            click.echo(f"{name}: no encoder {MATRIX[name].spec.codec} here, left out", err=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(name, ffmpeg, Path(folder)))
        click.echo(f"{name}: {' | '.join(rows[-1].cells)}", err=True)
    table = to_markdown(rows, ffmpeg)
    click.echo(table)
    if output is not None:
        page = with_table(output.read_text(encoding="utf-8"), table)
        output.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
