"""Which videos a run works on: files given by name or found in a folder, their ids, one shard."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from three_stage.batch.errors import RefusedError
from three_stage.batch.work import VideoInput
from three_stage.runs import same_name_key, video_id_of
from three_stage.settings import InputSettings, UsageError

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".ts", ".flv", ".wmv"})


def find_videos(settings: InputSettings) -> list[VideoInput]:
    """Return the videos of this run, sorted when they come from a folder.

    Raises UsageError when the options name nothing usable, RefusedError when two videos would
    share an output folder.
    """
    if bool(settings.input_video) == bool(settings.input_video_dir):
        raise UsageError(
            "Say which videos: either --input-video (repeat it for several) or --input-video-dir."
        )
    paths = (
        _named(settings.input_video)
        if settings.input_video_dir is None
        else _found(settings.input_video_dir, recursive=settings.recursive)
    )
    videos = [VideoInput(path, video_id_of(path.stem)) for path in paths]
    if clashes := _clashes(videos):
        raise RefusedError(clashes)
    if settings.shard is None:
        return videos
    part, parts = parse_shard(settings.shard)
    return [video for video in videos if shard_of(video.video_id, parts) == part]


def parse_shard(text: str) -> tuple[int, int]:
    """Return (i, N) of "i/N", i from 1. Raises UsageError."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard {text!r} must be i/N with 1 <= i <= N, such as 1/4.")
    return int(found[1]), int(found[2])


def shard_of(video_id: str, parts: int) -> int:
    """Return which of ``parts`` shards a video belongs to, from 1: SHA-256(NFC id) mod parts."""
    name = unicodedata.normalize("NFC", video_id).encode("utf-8", errors="surrogatepass")
    return int.from_bytes(hashlib.sha256(name).digest()) % parts + 1


def _named(paths: Iterable[Path]) -> list[Path]:
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; give it with --input-video-dir.")
        if not path.exists():
            raise UsageError(f"{path}: there is no such file.")
    return list(dict.fromkeys(paths))


def _found(folder: Path, *, recursive: bool) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder.")
    try:
        entries = sorted(folder.rglob("*") if recursive else folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror or error}.") from error
    videos = [p for p in entries if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    if not videos:
        below = "" if recursive else " (with --recursive the folders below are searched too)"
        raise UsageError(f"{folder}: no video in it{below}; looked for {_suffixes()}.")
    return videos


def _suffixes() -> str:
    return " ".join(sorted(suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES))


def _clashes(videos: list[VideoInput]) -> list[str]:
    by_name: dict[str, list[VideoInput]] = defaultdict(list)
    for video in videos:
        by_name[same_name_key(video.video_id)].append(video)
    return [
        f"{' and '.join(str(v.path) for v in same)} would share the output folder "
        f"{same[0].video_id!r}. Rename one, or run them with different --output-root."
        for same in by_name.values()
        if len(same) > 1
    ]
