"""The same displayed frames as another decoder finds: the ffmpeg command line with showinfo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.media.conftest import NEVER_SOUGHT, ORDINARY, Videos
from tests.support.numbered_video import run_ffmpeg
from three_stage.media import sample_pool
from three_stage.media.source import Source
from three_stage.media.table import decode_table, scan_packets
from three_stage.settings import SamplingSettings


def times_that_ffmpeg_shows(path: Path) -> list[float]:
    said = run_ffmpeg(
        "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-vf", "showinfo", "-f", "null", "-"
    )
    times = [float(found) for found in re.findall(r"pts_time:\s*(-?[\d.]+)", said)]
    return [time - times[0] for time in times]


@pytest.mark.parametrize(
    "name",
    [
        "h264 one key frame.mkv", "h264 open groups.mp4", "mpeg4.mp4", "phone.mp4", "phone.mkv",
        "late start.mkv", "hidden start.mp4", "transport.ts", "flash.flv",
    ],
)  # fmt: skip
def test_another_decoder_shows_the_same_frames_at_the_same_times(videos: Videos, name: str) -> None:
    path = videos(name).path
    pool = sample_pool(path, SamplingSettings(max_frames=2000))
    ours = [frame.timestamp_sec for frame in pool.frames]
    # showinfo prints six significant digits.
    assert ours == pytest.approx(times_that_ffmpeg_shows(path), abs=2e-5)


def test_real_clips_are_displayed_alike(real_clips: list[Path]) -> None:
    for path in real_clips:
        with Source(path) as source:
            table = scan_packets(source)
            assert table is not None
            assert table.times_sec.tolist() == pytest.approx(
                times_that_ffmpeg_shows(path), abs=6e-4
            )


@pytest.mark.parametrize("name", ORDINARY)
def test_the_packets_of_ordinary_files_tell_what_a_full_decode_shows(
    videos: Videos, name: str
) -> None:
    with Source(videos(name).path) as source:
        scanned, decoded = scan_packets(source), decode_table(source)
    assert scanned is not None
    assert scanned.from_scan
    assert not decoded.from_scan
    assert scanned.ticks.tolist() == decoded.ticks.tolist()
    assert scanned.last_duration_sec == pytest.approx(decoded.last_duration_sec, abs=0.002)


@pytest.mark.parametrize("name", NEVER_SOUGHT)
def test_packets_of_other_files_are_not_believed(videos: Videos, name: str) -> None:
    with Source(videos(name).path) as source:
        assert scan_packets(source) is None
