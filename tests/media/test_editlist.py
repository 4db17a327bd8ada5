"""The edit list of an mp4: only what ffmpeg writes is changed, and only its length."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.conftest import Videos
from tests.support.numbered_video import run_ffmpeg
from three_stage.media import inspect_clip
from three_stage.media.editlist import end_edit_after


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name) + body


def large_box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4sQ", 1, name, 16 + len(body)) + body


def edits(version: int, *entries: tuple[int, int]) -> bytes:
    layout = ">Qqi" if version == 1 else ">Iii"
    packed = [struct.pack(layout, duration, start, 1 << 16) for duration, start in entries]
    return box(b"elst", struct.pack(">B3xI", version, len(entries)), *packed)


def track(handler: bytes, elst: bytes) -> bytes:
    media = box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(12)))
    return box(b"trak", box(b"tkhd", bytes(20)), box(b"edts", elst), media)


def movie(*tracks: bytes) -> bytes:
    return box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", bytes(30)), *tracks) + box(b"mdat")


def shortened(folder: Path, content: bytes, length: int) -> bytes:
    path = folder / "movie.mp4"
    path.write_bytes(content)
    end_edit_after(path, length)
    return path.read_bytes()


@pytest.mark.parametrize("version", [0, 1])
def test_the_last_edit_of_the_pictures_is_shortened(tmp_path: Path, version: int) -> None:
    def whole(length: int) -> bytes:
        pictures = edits(version, (500, -1), (length, 2048))
        return movie(track(b"soun", edits(0, (9000, 64))), track(b"vide", pictures))

    assert shortened(tmp_path, whole(9000), 7000) == whole(7000)


def test_boxes_with_large_headers_and_to_the_end_of_the_file_are_read(tmp_path: Path) -> None:
    def whole(length: int) -> bytes:
        moov = box(b"moov", track(b"vide", edits(1, (length, 0))))
        return large_box(b"mdat", b"pictures") + struct.pack(">I4s", 0, b"moov") + moov[8:]

    assert shortened(tmp_path, whole(9000), 7000) == whole(7000)


@pytest.mark.parametrize(
    "content",
    [
        movie(track(b"vide", edits(0, (9000, -1)))),
        movie(track(b"vide", edits(0, (6000, 0)))),
        movie(track(b"vide", edits(0))),
        movie(track(b"vide", box(b"elst"))),
        movie(track(b"vide", box(b"elst", struct.pack(">B3xI", 0, 3), bytes(12)))),
        movie(track(b"soun", edits(0, (9000, 0)))),
        movie(box(b"trak", box(b"mdia"))),
        movie(),
        b"no movie at all, and longer than a header",
        b"",
    ],
    ids=["pause", "shorter", "empty", "bare", "cut off", "sound", "other", "none", "text", "null"],
)
def test_anything_else_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    assert shortened(tmp_path, content, 7000) == content


@given(st.binary(max_size=200), st.integers(0, 190))
def test_a_damaged_movie_is_no_trap(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    content = bytearray(movie(track(b"vide", edits(0, (9000, 0)))))
    content[place : place + len(noise)] = noise
    assert len(shortened(tmp_path_factory.mktemp("noise"), bytes(content), 7000)) == len(content)


def test_a_shortened_edit_hides_the_frames_after_it(videos: Videos, tmp_path: Path) -> None:
    path = tmp_path / "shortened.mp4"
    source = videos("hidden start.mp4").path
    run_ffmpeg("-i", source, "-c", "copy", "-movie_timescale", "1000", path)
    assert inspect_clip(path).displayed_frames == 49
    end_edit_after(path, 1000)
    assert inspect_clip(path).displayed_frames == 30
