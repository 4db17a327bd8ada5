"""Which videos a run takes, and what it refuses before any call."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from three_stage.batch import RefusedError, find_videos, parse_shard, shard_of
from three_stage.settings import InputSettings, UsageError

ELSEWHERE = Path("no/such/output/root")


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def ids(settings: InputSettings) -> list[str]:
    return [video.video_id for video in find_videos(settings, ELSEWHERE)]


def test_a_folder_gives_its_videos_sorted_in_any_case_of_suffix(tmp_path: Path) -> None:
    make(tmp_path, "b.MP4", "a.mkv", "c.txt", "d.WebM", "sub/e.mp4")
    assert ids(InputSettings(input_video_dir=tmp_path)) == ["a", "b", "d"]
    assert ids(InputSettings(input_video_dir=tmp_path, recursive=True)) == ["a", "b", "d", "e"]


def test_a_folder_named_like_a_video_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "trap.mp4").mkdir()
    make(tmp_path, "real.mp4")
    assert ids(InputSettings(input_video_dir=tmp_path)) == ["real"]


def test_our_own_clips_and_hidden_files_are_no_inputs(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "out/a/stage2/step_clips/step01_x.mp4", "._a.mp4", ".cut-1.mp4")
    found = find_videos(InputSettings(input_video_dir=tmp_path, recursive=True), tmp_path / "out")
    assert [video.path for video in found] == [tmp_path / "a.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="names on NTFS are Unicode")
def test_a_name_that_no_json_can_hold_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / os.fsdecode(b"bad\xff.mp4")
    bad.write_bytes(b"x")
    with pytest.raises(RefusedError, match="UTF-8"):
        find_videos(InputSettings(input_video_dir=tmp_path), ELSEWHERE)


def test_a_name_too_long_for_the_system_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        find_videos(InputSettings(input_video=(Path("x" * 300 + ".mp4"),)), ELSEWHERE)


def test_named_files_keep_their_order_and_count_once(tmp_path: Path) -> None:
    make(tmp_path, "z.mp4", "a.bin")
    z, a = tmp_path / "z.mp4", tmp_path / "a.bin"
    assert ids(InputSettings(input_video=(z, a, z))) == ["z", "a"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x/clip.mp4", "y/clip.mkv"),
        ("x/Clip.mp4", "y/cLIP.mp4"),
        (
            f"x/{unicodedata.normalize('NFC', 'é')}.mp4",
            f"y/{unicodedata.normalize('NFD', 'é')}.mp4",
        ),
        ("x/straße.mp4", "y/STRASSE.mp4"),
    ],
)
def test_two_videos_for_one_output_folder_are_refused_and_both_named(
    tmp_path: Path, first: str, second: str
) -> None:
    make(tmp_path, first, second)
    with pytest.raises(RefusedError) as refused:
        find_videos(InputSettings(input_video_dir=tmp_path, recursive=True), ELSEWHERE)
    assert str(tmp_path / first) in str(refused.value)
    assert str(tmp_path / second) in str(refused.value)


def test_a_clash_counts_even_when_a_shard_would_hide_it(tmp_path: Path) -> None:
    make(tmp_path, "x/clip.mp4", "y/clip.mkv")
    for shard in ("1/2", "2/2"):
        settings = InputSettings(input_video_dir=tmp_path, recursive=True, shard=shard)
        with pytest.raises(RefusedError):
            find_videos(settings, ELSEWHERE)


@pytest.mark.parametrize(
    "settings",
    [
        InputSettings(),
        InputSettings(input_video=(Path("a.mp4"),), input_video_dir=Path()),
        InputSettings(input_video=(Path("not-there.mp4"),)),
        InputSettings(input_video=(Path(),)),
        InputSettings(input_video_dir=Path("not-there")),
        InputSettings(input_video_dir=Path()),
    ],
)
def test_options_that_name_nothing_usable_are_usage_errors(
    settings: InputSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        find_videos(settings, ELSEWHERE)


@given(st.text(min_size=1), st.integers(1, 40))
def test_every_video_is_in_exactly_one_shard_named_by_its_digest(video_id: str, parts: int) -> None:
    name = unicodedata.normalize("NFC", video_id).encode("utf-8", errors="surrogatepass")
    expected = int(hashlib.sha256(name).hexdigest(), 16) % parts + 1
    assert shard_of(video_id, parts) == expected
    assert 1 <= expected <= parts


def test_shards_together_are_the_whole_folder(tmp_path: Path) -> None:
    make(tmp_path, *(f"v{i}.mp4" for i in range(20)))
    shards = [ids(InputSettings(input_video_dir=tmp_path, shard=f"{i}/3")) for i in (1, 2, 3)]
    together = sorted(video_id for shard in shards for video_id in shard)
    assert together == ids(InputSettings(input_video_dir=tmp_path))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/2/3", ""])
def test_a_shard_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="i/N"):
        parse_shard(text)
