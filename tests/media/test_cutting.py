"""A clip holds exactly the frames of its segment; what a copied clip holds is told truthfully."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media.conftest import NEVER_SOUGHT, ORDINARY, TELLING, Video, Videos, fast_on
from tests.support.numbered_video import decode_jpeg, run_ffmpeg
from three_stage.media import (
    TEMPORARY_PREFIX,
    ClipSpan,
    CutError,
    CutTimeoutError,
    Ffmpeg,
    FramePool,
    SourceFacts,
    check_clip,
    clip_span,
    cut_clip,
    find_ffmpeg,
    grab_frames,
    inspect_clip,
    probe_video,
    sample_pool,
    source_facts,
    source_time,
)
from three_stage.media.source import Source
from three_stage.settings import CutSettings, SamplingSettings, UsageError

EVERY_FRAME = SamplingSettings(max_frames=2000)
FAST = CutSettings(preset="ultrafast")
COPY = CutSettings(cut_mode="copy")
OPAQUE = SourceFacts(clock_start_sec=0.0, has_alpha=False)


@dataclass(frozen=True)
class Cutter:
    """Cuts segments of one video, given by frame indices."""

    video: Video
    pool: FramePool
    ffmpeg: Ffmpeg
    folder: Path

    def seconds(self, index: int) -> float:
        times = [frame.timestamp_sec for frame in self.pool.frames]
        return [*times, self.pool.end_sec][index]

    def cut(self, start: int, end: int, settings: CutSettings = FAST) -> Path:
        path = self.folder / f"{start}-{end} {settings.cut_mode}.mp4"
        work = cut_clip(
            self.ffmpeg,
            self.video.path,
            path,
            start_sec=self.seconds(start),
            end_sec=self.seconds(end),
            video=self.pool.info,
            facts=source_facts(self.video.path),
            settings=settings,
            timeout_sec=60,
        )
        asyncio.run(work)
        return path

    def span(self, clip: Path, start: int, end: int, settings: CutSettings) -> ClipSpan:
        return clip_span(
            self.video.path,
            clip,
            start_sec=self.seconds(start),
            end_sec=self.seconds(end),
            frames=end - start,
            settings=settings,
        )

    def numbers(self, clip: Path) -> list[int]:
        """Read the numbers of all frames that a clip displays, counted from the first displayed."""
        case = self.video.case
        clip_pool = sample_pool(clip, EVERY_FRAME, fewest_frames=1)
        return [case.number_of(frame.clean_jpeg) - case.numbers[0] for frame in clip_pool.frames]


@pytest.fixture
def cutter(
    videos: Videos, ffmpeg: Ffmpeg, tmp_path: Path, request: pytest.FixtureRequest
) -> Cutter:
    video = videos(request.param)
    return Cutter(video, sample_pool(video.path, EVERY_FRAME), ffmpeg, tmp_path)


def around_a_key_frame(frames: int) -> list[tuple[int, int]]:
    """Return segments that cover a video; one of them is the frame before the second key frame."""
    return [(0, 29), (29, 30), (30, frames)]


def anywhere(frames: int, seed: str) -> list[tuple[int, int]]:
    """Return segments that cover a video, some of a single frame, with random ends."""
    chance = random.Random(seed)
    single = chance.randrange(1, frames - 1)
    ends = {chance.randrange(1, frames) for _ in range(5)} | {0, single, single + 1, frames}
    return list(itertools.pairwise(sorted(ends)))


def assert_holds_its_segment(cutter: Cutter, start: int, end: int, settings: CutSettings) -> None:
    clip = cutter.cut(start, end, settings)
    assert cutter.numbers(clip) == list(range(start, end))
    span = cutter.span(clip, start, end, settings)
    assert span == ClipSpan(
        start_sec=cutter.seconds(start),
        end_sec=cutter.seconds(end),
        displayed_frames=end - start,
    )
    # Seconds within the clip, put behind its start, are seconds of the source.
    within = inspect_clip(clip).frame_times_sec
    assert [source_time(span.start_sec, second) for second in within] == pytest.approx(
        [cutter.seconds(index) for index in range(start, end)], abs=1e-6
    )


@pytest.mark.parametrize(
    "cutter",
    fast_on((*TELLING, "transport.ts", "h264.avi"), of=(*ORDINARY, *NEVER_SOUGHT)),
    indirect=True,
)
def test_neighbouring_clips_share_no_frame_and_lose_none(cutter: Cutter) -> None:
    for start, end in around_a_key_frame(cutter.pool.displayed_frames):
        assert_holds_its_segment(cutter, start, end, FAST)


@pytest.mark.parametrize("cutter", ["h264 open groups.mp4", "phone.mkv"], indirect=True)
@pytest.mark.parametrize("settings", [FAST, COPY], ids=["reencode", "copy"])
def test_any_segment_is_cut_to_the_frame(
    cutter: Cutter, settings: CutSettings, request: pytest.FixtureRequest
) -> None:
    for start, end in anywhere(cutter.pool.displayed_frames, request.node.name):
        assert_holds_its_segment(cutter, start, end, settings)


@pytest.mark.parametrize("cutter", ["mpeg4.mp4", "hidden start.mp4", "transport.ts"], indirect=True)
def test_copied_clips_too_are_exact_where_the_container_can(cutter: Cutter) -> None:
    for start, end in around_a_key_frame(cutter.pool.displayed_frames):
        assert_holds_its_segment(cutter, start, end, COPY)


@pytest.mark.parametrize("cutter", ["h264.avi", "mpeg4.avi"], indirect=True)
def test_elsewhere_the_truth_is_told_about_a_copied_clip(cutter: Cutter) -> None:
    times = [*(frame.timestamp_sec for frame in cutter.pool.frames), cutter.pool.end_sec]
    told = []
    for start, end in ((0, 1), (2, 30), (29, 30), (47, 90)):
        clip = cutter.cut(start, end, COPY)
        try:
            span = cutter.span(clip, start, end, COPY)
        except CutError as error:
            told.append("--cut-mode reencode" in str(error))
            continue
        shown = cutter.numbers(clip)
        told.append(
            span
            == ClipSpan(
                start_sec=times[shown[0]],
                end_sec=times[shown[-1] + 1],
                displayed_frames=len(shown),
            )
        )
    assert told == [True] * 4


@pytest.mark.parametrize("cutter", ["h264 with sound.mp4"], indirect=True)
@pytest.mark.parametrize("mode", ["reencode", "copy"])
def test_sound_is_kept_only_when_asked_for(cutter: Cutter, mode: str) -> None:
    with_sound = CutSettings(cut_mode=mode, preset="ultrafast", keep_audio=True)
    clip = cutter.cut(20, 80, with_sound)
    assert cutter.numbers(clip) == list(range(20, 80))
    with av.open(str(clip)) as container:
        heard = [frame.time for frame in container.decode(audio=0)]
    assert heard[0] == pytest.approx(0, abs=0.05)
    assert heard[-1] == pytest.approx(2.0, abs=0.06)
    silent = CutSettings(cut_mode=mode, preset="ultrafast")
    assert not probe_video(cutter.cut(20, 80, silent)).has_audio


@pytest.mark.parametrize("cutter", ["h264.mp4"], indirect=True)
def test_a_video_without_sound_may_be_asked_for_it(cutter: Cutter) -> None:
    clip = cutter.cut(10, 20, CutSettings(preset="ultrafast", keep_audio=True))
    assert cutter.numbers(clip) == list(range(10, 20))


@pytest.mark.parametrize("cutter", ["10 bit.mkv", "odd size.mkv", "wide pixels.mp4"], indirect=True)
def test_clips_are_what_every_player_plays(cutter: Cutter) -> None:
    clip = cutter.cut(5, 30)
    with Source(clip) as source:
        context = source.stream.codec_context
        assert source.codec_name == "h264"
        assert context.pix_fmt == "yuv420p"
        assert (context.width % 2, context.height % 2) == (0, 0)
    wide, high = cutter.pool.info.width, cutter.pool.info.height
    facts = inspect_clip(clip)
    assert facts.width - wide in (0, 1)
    assert facts.height - high in (0, 1)
    # faststart: what a player needs first stands first.
    content = clip.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("cutter", ["turned 90.mp4"], indirect=True)
@pytest.mark.parametrize("settings", [FAST, COPY], ids=["reencode", "copy"])
def test_clips_of_turned_videos_are_upright(
    videos: Videos, cutter: Cutter, settings: CutSettings
) -> None:
    clip = cutter.cut(31, 47, settings)
    assert cutter.span(clip, 31, 47, settings).displayed_frames == 16
    facts = inspect_clip(clip)
    assert (facts.width, facts.height) == (96, 160)
    assert videos("h264.mp4").case.times_sec[31] == cutter.seconds(31)
    shown, original = (
        decode_jpeg(jpeg)
        for jpeg in (
            grab_frames(clip, [0.0])[0].jpeg,
            grab_frames(cutter.video.path, [cutter.seconds(31)])[0].jpeg,
        )
    )
    assert np.abs(shown.astype(int) - original.astype(int)).mean() < 4


@pytest.mark.parametrize("cutter", ["h264.mp4"], indirect=True)
def test_quality_is_chosen(cutter: Cutter) -> None:
    fine = cutter.cut(0, 60, CutSettings(preset="ultrafast", crf=5)).stat().st_size
    coarse = cutter.cut(0, 60, CutSettings(preset="ultrafast", crf=45)).stat().st_size
    assert coarse < fine / 2


@pytest.mark.parametrize("cutter", ["h264.mp4"], indirect=True)
def test_a_clip_with_other_frames_than_its_segment_is_refused(cutter: Cutter) -> None:
    clip = cutter.cut(10, 40)
    facts = inspect_clip(clip)
    assert facts.displayed_frames == 30
    with pytest.raises(CutError, match="shows 30 frames; its segment has 31"):
        cutter.span(clip, 10, 41, FAST)
    with pytest.raises(CutError, match=r"lasts 1.000 s; its segment 0.500 s"):
        check_clip(clip, facts, 2.0, 2.5, 30, FAST)
    with pytest.raises(CutError, match=r"shows 30 frames.*--cut-mode reencode"):
        check_clip(clip, facts, 2.0, 2.5, 29, COPY)
    span = ClipSpan(start_sec=2.0, end_sec=3.0, displayed_frames=30)
    assert check_clip(clip, facts, 2.0, 3.0, 30, FAST) == span


@pytest.mark.parametrize("cutter", ["h264.mp4"], indirect=True)
def test_a_copied_clip_of_another_video_is_refused(cutter: Cutter, videos: Videos) -> None:
    foreign = videos("mpeg4.mp4").path
    with pytest.raises(CutError, match=r"shows nothing, or pictures that .* does not show"):
        cutter.span(foreign, 10, 40, COPY)


# One process, its own words, nothing left behind


def cut_once(
    ffmpeg: Ffmpeg, source: Path, clip: Path, video: Video, *, timeout_sec: float = 60
) -> None:
    work = cut_clip(
        ffmpeg,
        source,
        clip,
        start_sec=0.0,
        end_sec=1.0,
        video=probe_video(video.path).info,
        facts=OPAQUE,
        settings=FAST,
        timeout_sec=timeout_sec,
    )
    asyncio.run(work)


def test_a_failed_cut_says_ffmpegs_own_words_and_leaves_nothing(
    videos: Videos, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video at all")
    clip = tmp_path / "clip.mp4"
    with pytest.raises(
        CutError, match=r"cutting 0.000-1.000 s of .*bad.mp4: ffmpeg failed"
    ) as info:
        cut_once(ffmpeg, bad, clip, videos("h264.mp4"))
    assert "Invalid data found" in str(info.value)
    assert sorted(tmp_path.iterdir()) == [bad]


def test_an_ffmpeg_that_is_gone_is_named(videos: Videos, tmp_path: Path) -> None:
    gone = Ffmpeg(path=str(tmp_path / "gone"), version="9", libavutil=(61, 1))
    video = videos("h264.mp4")
    with pytest.raises(CutError, match=r"gone does not start \("):
        cut_once(gone, video.path, tmp_path / "clip.mp4", video)


def test_a_cut_replaces_an_older_clip_or_leaves_it_whole(
    videos: Videos, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"older")
    with pytest.raises(CutError):
        cut_once(ffmpeg, tmp_path / "absent.mp4", clip, videos("h264.mp4"))
    assert clip.read_bytes() == b"older"
    cut_once(ffmpeg, videos("h264.mp4").path, clip, videos("h264.mp4"))
    assert inspect_clip(clip).displayed_frames == 30
    assert sorted(tmp_path.iterdir()) == [clip]


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for a slow ffmpeg")
class TestSlowFfmpeg:
    """An ffmpeg that writes its process id and then never ends."""

    @pytest.fixture
    def slow(self, tmp_path: Path) -> Ffmpeg:
        program = tmp_path / "slow ffmpeg"
        program.write_text(f'#!/bin/sh\necho $$ > "{tmp_path}/pid"\nexec sleep 600\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return Ffmpeg(path=str(program), version="slow", libavutil=(61, 1))

    def test_it_is_killed_when_its_time_is_up(
        self, videos: Videos, slow: Ffmpeg, tmp_path: Path
    ) -> None:
        video = videos("h264.mp4")
        with pytest.raises(CutTimeoutError, match=r"h264.mp4: ffmpeg took longer than 1 s"):
            cut_once(slow, video.path, tmp_path / "clip.mp4", video, timeout_sec=1.0)
        assert not is_running(int((tmp_path / "pid").read_text()))

    def test_it_is_killed_when_the_cut_is_cancelled(
        self, videos: Videos, slow: Ffmpeg, tmp_path: Path
    ) -> None:
        video, info = videos("h264.mp4"), probe_video(videos("h264.mp4").path).info

        async def cancel_soon() -> None:
            cut = asyncio.create_task(
                cut_clip(
                    slow, video.path, tmp_path / "clip.mp4", start_sec=0.0, end_sec=1.0,
                    video=info, facts=OPAQUE, settings=FAST, timeout_sec=60,
                )
            )  # fmt: skip
            await asyncio.to_thread(wait_for_text, tmp_path / "pid")
            cut.cancel()
            await cut

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cancel_soon())
        assert not is_running(int((tmp_path / "pid").read_text()))
        assert not list(tmp_path.glob(f"{TEMPORARY_PREFIX}*"))


def wait_for_text(path: Path) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and not (path.is_file() and path.read_text()):
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# Which ffmpeg


def program_that_says(folder: Path, words: str) -> str:
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{words}\nEND\n")
    program.chmod(0o755)
    return str(program)


OLD = """ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021 the FFmpeg developers
configuration: --enable-libx264
libavutil      56. 70.100 / 56. 70.100"""
DAILY = """ffmpeg version N-109741-gbbe95f7353-20230201 Copyright (c) 2000-2023
configuration: --enable-gpl --enable-libx264
libavutil      57. 44.100 / 57. 44.100"""


def test_without_a_wish_an_ffmpeg_is_found_that_can_encode() -> None:
    found = find_ffmpeg(None)
    assert found.libavutil >= (57, 28)
    assert "libx264" in run_ffmpeg("-version") or found.path
    assert find_ffmpeg(found.path) == found


@pytest.mark.skipif(sys.platform == "win32", reason="scripts stand in for ffmpeg")
class TestOtherFfmpegs:
    def test_a_named_one_that_is_too_old_is_refused(self, tmp_path: Path) -> None:
        named = program_that_says(tmp_path, OLD)
        with pytest.raises(UsageError, match=r"is version 4.4.2.*; 5.1 or newer is needed"):
            find_ffmpeg(named)

    def test_a_build_of_a_day_is_known_by_its_library(self, tmp_path: Path) -> None:
        found = find_ffmpeg(program_that_says(tmp_path, DAILY))
        assert found.version == "N-109741-gbbe95f7353-20230201"
        assert found.libavutil == (57, 44)

    def test_one_without_an_encoder_is_refused(self, tmp_path: Path) -> None:
        named = program_that_says(tmp_path, DAILY.replace("--enable-libx264", ""))
        with pytest.raises(UsageError, match=r"no H.264 encoder"):
            find_ffmpeg(named)

    def test_a_program_that_is_no_ffmpeg_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is no ffmpeg"):
            find_ffmpeg(program_that_says(tmp_path, "hello"))

    def test_an_old_one_on_the_path_is_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program_that_says(tmp_path, OLD)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        assert find_ffmpeg(None).libavutil >= (57, 28)
        program_that_says(tmp_path, DAILY)
        assert find_ffmpeg(None).path == str(tmp_path / "ffmpeg")


def test_a_named_one_that_does_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'.*nothing' does not run .* Name another --ffmpeg-bin"):
        find_ffmpeg(str(tmp_path / "nothing"))
