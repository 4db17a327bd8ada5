"""Transparent pictures lie over white, wherever they are taken from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.format import VideoFormat
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stages.command import main
from tests.support.numbered_video import decode_jpeg, run_ffmpeg
from tests.support.small_video import write_small_video
from three_stage.media import (
    ClipSpan,
    Ffmpeg,
    clip_span,
    cut_clip,
    grab_frames,
    probe_video,
    sample_pool,
    source_facts,
)
from three_stage.media.picture import has_alpha, over_white
from three_stage.settings import CutSettings, SamplingSettings
from three_stage.validation import validate_folder

pytestmark = pytest.mark.slow  # waits, or many answers; CI runs it

Image = NDArray[np.uint8]

COLOUR_RGB = (180, 60, 40)
BANDS = ((255, COLOUR_RGB), (128, (217, 157, 147)), (0, (255, 255, 255)))
"""Three bands of one colour, from left to right: alpha, and how the band looks over white."""

TOLERANCE = 16
"""What JPEG and H.264 may change of a plain area."""

FRAMES, FPS = 12, 10
START, END = 4, 9


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a transparent video is written."""

    codec: str
    pixel_format: str
    suffix: str
    size_px: tuple[int, int] = (160, 96)
    options: Mapping[str, str] = field(default_factory=dict)


KINDS = {
    "animation": Kind(codec="qtrle", pixel_format="argb", suffix="mov"),
    "ProRes 4444": Kind(
        codec="prores_ks", pixel_format="yuva444p10le", suffix="mov", options={"profile": "4444"}
    ),
    "PNG": Kind(codec="png", pixel_format="rgba", suffix="mov", size_px=(161, 97)),
    "PNG of 16 bit": Kind(codec="png", pixel_format="rgba64be", suffix="mov"),
    "FFV1": Kind(codec="ffv1", pixel_format="yuva420p", suffix="mkv"),
}


def write_transparent(path: Path, kind: Kind) -> Path:
    """Write the three bands, with an opaque spot on them that moves."""
    width, height = kind.size_px
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream(kind.codec, rate=FPS))
        stream.width, stream.height, stream.pix_fmt = width, height, kind.pixel_format
        stream.codec_context.options = dict(kind.options)
        for number in range(FRAMES):
            picture = np.zeros((height, width, 4), np.uint8)
            picture[..., :3] = COLOUR_RGB
            for band, (alpha, _) in enumerate(BANDS):
                picture[:, band * width // 3 : (band + 1) * width // 3, 3] = alpha
            picture[:16, number * 8 : number * 8 + 16] = (0, 0, 255, 255)
            frame = av.VideoFrame.from_ndarray(picture, format="rgba")
            frame = frame.reformat(format=kind.pixel_format, threads=1)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transparent")


@pytest.fixture(params=list(KINDS))
def video(request: pytest.FixtureRequest, folder: Path) -> Path:
    kind = KINDS[request.param]
    path = folder / f"{request.param}.{kind.suffix}"
    return path if path.exists() else write_transparent(path, kind)


def cut(video: Path, clip: Path, settings: CutSettings, ffmpeg: Ffmpeg) -> ClipSpan:
    start_sec, end_sec = START / FPS, END / FPS
    work = cut_clip(
        ffmpeg, video, clip, start_sec=start_sec, end_sec=end_sec, video=probe_video(video).info,
        facts=source_facts(video), settings=settings, timeout_sec=60,
    )  # fmt: skip
    asyncio.run(work)
    return clip_span(
        video, clip, start_sec=start_sec, end_sec=end_sec, frames=END - START, settings=settings
    )


def assert_over_white(jpeg: bytes) -> None:
    picture = decode_jpeg(jpeg)
    height, width = picture.shape[:2]
    for band, (_, shown_rgb) in enumerate(BANDS):
        inner = slice(band * width // 3 + width // 12, (band + 1) * width // 3 - width // 12)
        area = picture[height // 3 : -height // 12, inner, ::-1].astype(int)
        assert np.abs(area - shown_rgb).max() <= TOLERANCE


def assert_all_over_white(path: Path) -> None:
    pool = sample_pool(path, SamplingSettings(frame_max_side=120), fewest_frames=3)
    for frame in pool.frames:
        assert_over_white(frame.clean_jpeg)
        assert frame.indexed_jpeg is not None
        assert_over_white(frame.indexed_jpeg)
    for grabbed in grab_frames(path, [0.0, 0.3]):
        assert_over_white(grabbed.jpeg)


# Pictures and clips


def test_pool_pictures_and_key_frames_lie_over_white(video: Path) -> None:
    assert source_facts(video).has_alpha
    assert_all_over_white(video)


def test_encoded_clips_are_opaque_over_white(video: Path, ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    span = cut(video, clip, CutSettings(preset="ultrafast"), ffmpeg)
    assert span == ClipSpan(start_sec=START / FPS, end_sec=END / FPS, displayed_frames=END - START)
    assert not source_facts(clip).has_alpha
    assert_all_over_white(clip)


@pytest.mark.parametrize("video", ["PNG", "PNG of 16 bit"], indirect=True)
def test_copied_clips_keep_their_alpha_and_are_laid_over_white_when_sampled(
    video: Path, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    span = cut(video, clip, CutSettings(cut_mode="copy"), ffmpeg)
    assert span == ClipSpan(start_sec=START / FPS, end_sec=END / FPS, displayed_frames=END - START)
    assert source_facts(clip).has_alpha
    assert_all_over_white(clip)


def test_a_palette_may_have_a_transparent_colour(folder: Path, tmp_path: Path) -> None:
    kind = KINDS["PNG"]
    colours = write_transparent(folder / "for a palette.mov", kind)
    path = tmp_path / "palette.mov"
    reduce = (
        "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse=alpha_threshold=64"
    )
    run_ffmpeg("-i", colours, "-vf", reduce, "-c:v", "png", "-pix_fmt", "pal8", path)
    picture = decode_jpeg(grab_frames(path, [0.0])[0].jpeg)
    height, width = kind.size_px[1], kind.size_px[0]
    assert np.abs(picture[height // 3 :, -width // 4 :].astype(int) - 255).max() <= TOLERANCE


# Arithmetic


@given(st.binary(min_size=4, max_size=4 * 64).map(lambda data: data[: len(data) // 4 * 4]))
def test_a_colour_counts_by_its_alpha_and_white_by_the_rest(data: bytes) -> None:
    bgra = np.frombuffer(data, np.uint8).reshape(1, -1, 4)
    shown = over_white(bgra)
    colour, alpha = bgra[..., :3].astype(float), bgra[..., 3:].astype(float)
    wanted = (colour * alpha + 255 * (255 - alpha)) / 255
    assert np.abs(shown - wanted).max() <= 0.5


def test_opaque_and_clear_are_exact_for_every_colour() -> None:
    colours = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    opaque, clear = (np.dstack([colours, np.full((16, 16), alpha, np.uint8)]) for alpha in (255, 0))
    assert (over_white(opaque) == colours).all()
    assert (over_white(clear) == 255).all()


@pytest.mark.parametrize(
    "name", ["yuv420p", "yuv422p10le", "rgb24", "rgb0", "gray", "gbrp", "nv12"]
)
def test_ordinary_formats_are_opaque(name: str) -> None:
    assert not has_alpha(VideoFormat(name))


@pytest.mark.parametrize("name", ["argb", "yuva420p", "yuva444p12le", "gbrap16le", "ya8", "pal8"])
def test_formats_with_alpha_are_known(name: str) -> None:
    assert has_alpha(VideoFormat(name))


# The whole job


@pytest.mark.slow
def test_a_transparent_video_is_annotated_and_its_folder_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    opaque = write_small_video(tmp_path / "opaque.mp4", activities=4, seconds_each=2.0)
    clear = "format=rgba,drawbox=w=60:h=20:c=black@0:t=fill:replace=1"
    half = "drawbox=x=100:y=100:w=60:h=20:c=blue@0.5:t=fill:replace=1"
    video = tmp_path / "clear.mov"
    run_ffmpeg("-i", opaque, "-vf", f"{clear},{half}", "-c:v", "qtrle", "-pix_fmt", "argb", video)
    code = main([
        "--input-video", str(video), "--output-root", str(tmp_path / "out"), "--max-frames", "16",
        "--num-workers", "1",
    ])  # fmt: skip
    assert code == 0
    made = tmp_path / "out" / "clear"
    report = validate_folder(made)
    assert (report.errors, report.warnings) == ((), ())
    for jpeg in made.rglob("*.jpg"):
        corner = decode_jpeg(jpeg.read_bytes())[-14:-2, -50:-4]
        assert np.abs(corner.mean(axis=(0, 1)) - (255, 127, 127)).max() <= TOLERANCE
    for clip in made.rglob("*.mp4"):
        shown = decode_jpeg(grab_frames(clip, [0.0])[0].jpeg)
        assert np.abs(shown[:15, :55].astype(int) - 255).max() <= TOLERANCE
