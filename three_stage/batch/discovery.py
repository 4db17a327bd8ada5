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


def find_videos(settings: InputSettings, output_root: Path) -> list[VideoInput]:
    """Return the videos of this run, sorted when they come from a folder.

    Hidden files and what lies below ``output_root`` (our own clips) are no inputs of a folder.
    Raises UsageError when the options name nothing usable, RefusedError when two videos would
    share an output folder or a name cannot be written down.
    """
    if bool(settings.input_video) == bool(settings.input_video_dir):
        raise UsageError(
            "Say which videos: either --input-video (repeat it for several) or --input-video-dir."
        )
    paths = (
        _named(settings.input_video)
        if settings.input_video_dir is None
        else _found(settings.input_video_dir, output_root, recursive=settings.recursive)
    )
    videos = [VideoInput(path, video_id_of(path.stem)) for path in paths]
    if reasons := [*_unwritable(paths), *_clashes(videos)]:
        raise RefusedError(reasons)
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
        try:
            is_folder, is_there = path.is_dir(), path.exists()
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror or error}.") from error
        if is_folder:
            raise UsageError(f"{path}: is a folder; give it with --input-video-dir.")
        if not is_there:
            raise UsageError(f"{path}: there is no such file.")
    return list(dict.fromkeys(paths))


def _found(folder: Path, output_root: Path, *, recursive: bool) -> list[Path]:
    try:
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder.")
        entries = sorted(folder.rglob("*") if recursive else folder.iterdir())
        files = [p for p in entries if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror or error}.") from error
    made_by_us = output_root.resolve()
    videos = [
        path
        for path in files
        if not path.name.startswith(".") and not path.resolve().is_relative_to(made_by_us)
    ]
    if not videos:
        below = "" if recursive else " (with --recursive the folders below are searched too)"
        raise UsageError(f"{folder}: no video in it{below}; looked for {_suffixes()}.")
    return videos


def _unwritable(paths: list[Path]) -> list[str]:
    """Say which names are not UTF-8, so that no JSON file could hold them."""
    bad = [path for path in paths if not _is_utf8(str(path.absolute()))]
    return [f"{path}: the name is not valid UTF-8. Rename the file." for path in bad]


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
