"""Names that trip programs up, files that are refused, files that are damaged."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.conftest import Videos
from tests.support.numbered_video import Numbered, read_jpeg_number, run_ffmpeg, write_numbered
from three_stage.media import (
    Ffmpeg,
    MediaError,
    NotAVideoError,
    NothingDecodedError,
    NoVideoStreamError,
    TooShortError,
    UnknownCodecError,
    UnreadableFileError,
    cut_clip,
    grab_frames,
    inspect_clip,
    probe_video,
    refuse_unusable,
    sample_pool,
    source_facts,
)
from three_stage.media.source import Source
from three_stage.settings import CutSettings, SamplingSettings

# Names

NAMES = [
    "10:30 cook.mp4", "-x.mp4", "%d.mp4", "two  spaces.mp4", "第一集 做饭.mp4",
    "it's \"quoted\".mp4", "http:x.mp4", "a?b#c.mp4", "[1,2];{3}.mp4", "Ü" * 125 + ".mp4",
]  # fmt: skip
"""The last one is about as long as names may be: 254 bytes."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", NAMES)
def test_no_name_trips_the_decoder_or_ffmpeg(
    videos: Videos, ffmpeg: Ffmpeg, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(videos("h264.mp4").path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name)):
        assert probe_video(path).displayed_frames == 90
        assert read_jpeg_number(grab_frames(path, [1.0])[0].jpeg) == 30
    clip = Path(f"-{name[:60]}:%d clip.mp4")
    work = cut_clip(
        ffmpeg,
        Path(name),
        clip,
        start_sec=0.0,
        end_sec=0.5,
        video=probe_video(Path(name)).info,
        facts=source_facts(Path(name)),
        settings=CutSettings(preset="ultrafast"),
        timeout_sec=60,
    )
    asyncio.run(work)
    assert inspect_clip(clip).displayed_frames == 15


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_as_good_as_its_file(videos: Videos, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(videos("h264.mp4").path)
    assert probe_video(link) == probe_video(videos("h264.mp4").path)


# Refusals


def assert_refused(path: Path, kind: type[MediaError], words: str) -> None:
    """Each function that opens a video refuses alike: one line that names the file."""
    for attempt in (
        lambda: refuse_unusable(path),
        lambda: probe_video(path),
        lambda: sample_pool(path, SamplingSettings()),
        lambda: grab_frames(path, [0.0]),
        lambda: inspect_clip(path),
    ):
        with pytest.raises(MediaError) as caught:
            attempt()
        assert type(caught.value) is kind
        assert str(path) in str(caught.value)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "absent.mp4", UnreadableFileError, "does not exist")
    assert_refused(tmp_path, UnreadableFileError, "is a folder")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert_refused(empty, NotAVideoError, "is empty (0 bytes)")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert_refused(tmp_path / "pipe.mp4", UnreadableFileError, "no ordinary file")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="everything is readable for us"
)
def test_a_file_that_may_not_be_read_is_refused(videos: Videos, tmp_path: Path) -> None:
    path = Path(shutil.copy(videos("h264.mp4").path, tmp_path / "locked.mp4"))
    path.chmod(0)
    assert_refused(path, UnreadableFileError, "cannot be read")


@pytest.mark.parametrize(
    "content",
    [
        b"This is a text, whatever it is called.\n" * 50,
        b"\x00" * 5000,
        b"\xff\xd8\xff\xe0 half a JPEG",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nh264.mp4\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile h264.mp4\n",
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    ],
    ids=["text", "zeros", "picture", "playlist", "concat", "dash"],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_what_is_no_video_is_refused_whatever_its_name(
    videos: Videos, tmp_path: Path, content: bytes, suffix: str
) -> None:
    # The playlists point to a good video: it must not be followed.
    shutil.copy(videos("h264.mp4").path, tmp_path / "h264.mp4")
    path = tmp_path / f"named so.{suffix}"
    path.write_bytes(content)
    assert_refused(path, NotAVideoError, "is not a video that can be opened")


def test_sound_alone_is_refused_also_with_a_cover(videos: Videos, tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    run_ffmpeg("-i", videos("h264 with sound.mp4").path, "-vn", "-c", "copy", sound)
    assert_refused(sound, NoVideoStreamError, "holds no moving pictures")
    cover, covered = tmp_path / "cover.jpg", tmp_path / "covered.mp4"
    run_ffmpeg("-i", videos("h264.mp4").path, "-frames:v", "1", cover)
    run_ffmpeg(
        *("-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c", "copy"),
        *("-disposition:v:0", "attached_pic", covered),
    )
    assert_refused(covered, NoVideoStreamError, "holds no moving pictures")


def test_a_cover_beside_a_video_is_not_taken_for_it(videos: Videos, tmp_path: Path) -> None:
    cover, both = tmp_path / "cover.jpg", tmp_path / "both.mp4"
    run_ffmpeg("-i", videos("h264.mp4").path, "-vf", "scale=800:480", "-frames:v", "1", cover)
    run_ffmpeg(
        *("-i", cover, "-i", videos("h264.mp4").path, "-map", "0", "-map", "1", "-c", "copy"),
        *("-disposition:v:0", "attached_pic", both),
    )
    probe = probe_video(both)
    assert (probe.displayed_frames, probe.info.width) == (90, 160)


def test_pictures_without_a_decoder_are_refused(videos: Videos, tmp_path: Path) -> None:
    path = tmp_path / "unknown.mkv"
    content = videos("h264 one key frame.mkv").path.read_bytes()
    path.write_bytes(content.replace(b"V_MPEG4/ISO/AVC", b"V_FUTURE/CODEC8"))
    assert_refused(path, UnknownCodecError, "no decoder for its pictures")


def test_a_video_whose_pictures_are_all_broken_is_refused(videos: Videos, tmp_path: Path) -> None:
    content = bytearray(videos("mpeg4.mkv").path.read_bytes())
    # The clusters begin after the header; what follows is noise, in the same boxes.
    start = content.index(b"\x00\x00\x01\xb6")
    content[start:] = content[start:].replace(b"\x00\x00\x01\xb6", b"\x00\x00\x02\x07")
    path = tmp_path / "noise.mkv"
    path.write_bytes(content)
    with pytest.raises(NothingDecodedError, match="not one picture could be decoded"):
        sample_pool(path, SamplingSettings())


def test_a_video_with_too_few_frames_is_refused(short_numbered: Callable[[int], Path]) -> None:
    path = short_numbered(8)
    for attempt in (
        lambda: refuse_unusable(path),
        lambda: probe_video(path),
        lambda: sample_pool(path, SamplingSettings()),
    ):
        with pytest.raises(TooShortError, match=r"8 frames.mp4 displays 8 frames; at least 9"):
            attempt()
    assert len(sample_pool(path, SamplingSettings(), fewest_frames=8).frames) == 8
    assert probe_video(path, fewest_frames=8).displayed_frames == 8
    assert len(sample_pool(short_numbered(9), SamplingSettings()).frames) == 9
    refuse_unusable(short_numbered(9))


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_clips_can_still_be_sampled(
    short_numbered: Callable[[int], Path], frames: int
) -> None:
    pool = sample_pool(short_numbered(frames), SamplingSettings(), fewest_frames=1)
    assert [read_jpeg_number(frame.clean_jpeg) for frame in pool.frames] == list(range(frames))
    assert pool.end_sec == pytest.approx(frames / 30)


# Damaged files: what can be read is used, and what is lost is said


def test_a_matroska_file_cut_off_in_the_middle_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mkv", Numbered(frames=300, fps=10))
    path = tmp_path / "half.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    pool = sample_pool(path, SamplingSettings())
    for frame in pool.frames:
        assert read_jpeg_number(frame.clean_jpeg) == frame.original_frame_index
        assert frame.timestamp_sec == pytest.approx(frame.original_frame_index / 10, abs=0.001)
    assert 100 < pool.displayed_frames < 200
    assert any("the file says that it lasts 30.0 s" in warning for warning in pool.warnings)
    assert probe_video(path).warnings == pool.warnings


def test_an_mp4_cut_off_in_the_middle_is_used_where_its_index_comes_first(tmp_path: Path) -> None:
    spec = Numbered(frames=300, fps=10, container_options={"movflags": "faststart"})
    whole = write_numbered(tmp_path / "whole.mp4", spec)
    path = tmp_path / "half.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    pool = sample_pool(path, SamplingSettings())
    for frame in pool.frames:
        assert frame.timestamp_sec == pytest.approx(frame.original_frame_index / 10)
    # The last picture may be half a picture; all others are whole.
    numbers = [read_jpeg_number(frame.clean_jpeg) for frame in pool.frames[:-1]]
    assert numbers == [frame.original_frame_index for frame in pool.frames[:-1]]
    assert any("are lost" in warning for warning in pool.warnings)


def test_an_mp4_without_its_index_is_refused_with_the_reason(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mp4", Numbered())
    path = tmp_path / "half.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert_refused(path, NotAVideoError, "cut off while it was written")


def test_two_recordings_in_one_stream_are_used_as_far_as_the_clock_goes_on(
    videos: Videos, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    path, clip = tmp_path / "twice.ts", tmp_path / "clip.mp4"
    path.write_bytes(videos("transport.ts").path.read_bytes() * 2)
    pool = sample_pool(path, SamplingSettings(max_frames=500))
    assert [read_jpeg_number(frame.clean_jpeg) for frame in pool.frames] == list(range(90))
    assert any("90 frames whose time repeats or goes back" in line for line in pool.warnings)
    work = cut_clip(
        ffmpeg,
        path,
        clip,
        start_sec=pool.frames[50].timestamp_sec,
        end_sec=pool.end_sec,
        video=pool.info,
        facts=source_facts(path),
        settings=CutSettings(preset="ultrafast"),
        timeout_sec=60,
    )
    asyncio.run(work)
    assert inspect_clip(clip).displayed_frames == 40


def test_holes_in_a_transport_stream_are_told(videos: Videos, tmp_path: Path) -> None:
    content = videos("transport.ts").path.read_bytes()
    packets = [content[place : place + 188] for place in range(0, len(content), 188)]
    kept = [packet for number, packet in enumerate(packets) if number % 60 != 50]
    path = tmp_path / "holes.ts"
    path.write_bytes(b"".join(kept))
    pool = sample_pool(path, SamplingSettings())
    assert any("damaged pieces" in warning for warning in pool.warnings)


def test_damage_in_the_middle_costs_only_the_frames_that_it_hit(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mkv", Numbered(frames=90, gop=10, b_frames=0))
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 600] = b"\x55" * 600
    path = tmp_path / "damaged.mkv"
    path.write_bytes(content)
    pool = sample_pool(path, SamplingSettings(max_frames=90))
    assert 60 <= len(pool.frames) <= 90
    assert read_jpeg_number(pool.frames[0].clean_jpeg) == 0
    last = pool.frames[-1]
    assert read_jpeg_number(last.clean_jpeg) == 89
    assert last.timestamp_sec == pytest.approx(89 / 30, abs=0.001)
    # Single frames are the same as those of the pool.
    some = pool.frames[::7]
    grabbed = grab_frames(path, [frame.timestamp_sec for frame in some])
    assert [frame.time_sec for frame in grabbed] == [frame.timestamp_sec for frame in some]


def test_frames_that_their_packets_promise_and_the_decoder_does_not_show_are_no_frames(
    tmp_path: Path,
) -> None:
    whole = write_numbered(tmp_path / "whole.mp4", Numbered(frames=60, gop=10, b_frames=0))
    content = bytearray(whole.read_bytes())
    with Source(whole) as source:
        packets = [(packet.pos, packet.size) for packet in source.packets()]
    for broken in (23, 24, 47):
        position, size = packets[broken]
        assert position is not None
        content[position : position + size] = b"\xff" * size
    path = tmp_path / "promises.mp4"
    path.write_bytes(content)
    pool = sample_pool(path, SamplingSettings(max_frames=60))
    shown = [round(frame.timestamp_sec * 30) for frame in pool.frames]
    assert not {23, 24, 47} & set(shown)
    assert len(shown) > 40
    intact = [frame for frame in pool.frames if round(frame.timestamp_sec * 30) % 10 < 3]
    for frame in intact:
        assert read_jpeg_number(frame.clean_jpeg) == round(frame.timestamp_sec * 30)
    assert any("damaged pieces" in warning for warning in pool.warnings)
    # Asked for a frame that is not shown, the nearest one that is shown comes.
    (grabbed,) = grab_frames(path, [23 / 30 + 0.001])
    assert round(grabbed.time_sec * 30) in shown
