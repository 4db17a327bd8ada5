"""Names of folders and files: the id of a video, the slug of a step, the times in file names."""

from __future__ import annotations

import os
import re
import unicodedata

LOCKS_FOLDER, RUNS_FOLDER = ".locks", ".runs"
"""Beside the videos' folders in the output root: who works on what, and what the last runs did."""

SLUG_CHARACTERS = 80
SLUG_BYTES = 200

_WINDOWS_ILLEGAL = '<>:"/\\|?*'
_WINDOWS_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")


def video_id_of(stem: str, *, system: str = os.name) -> str:
    """Return the id of a video: its file's stem, verbatim; on Windows made legal for NTFS.

    There ``< > : " / \\ | ? *``, control characters, a last dot or space and the first letter of a
    device name (``con``) are percent-encoded. Everywhere, ``.`` and ``..`` (the stem of ``...mp4``)
    are, because as a folder they are the output root or lie outside it, and so is the dot of our
    own two folders there.
    """
    if stem in (".", ".."):
        return "%2E" * len(stem)
    if same_name_key(stem) in (LOCKS_FOLDER, RUNS_FOLDER):
        return f"%2E{stem[1:]}"
    if system != "nt":
        return stem
    encoded = "".join(f"%{ord(c):02X}" if c in _WINDOWS_ILLEGAL or ord(c) < 32 else c for c in stem)
    if _WINDOWS_RESERVED.match(encoded):
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if encoded[-1:] in (".", " "):
        encoded = f"{encoded[:-1]}%{ord(encoded[-1]):02X}"
    return encoded


def same_name_key(video_id: str) -> str:
    """Return what two ids share when a file system may take them for the same name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", video_id).casefold())


def slug(text: str) -> str:
    """Return the part of a file name that tells what a step is about; never empty."""
    words = re.sub(r"[^\w\s-]", "", text).strip().lower()
    joined = re.sub(r"[\s-]+", "_", words)[:SLUG_CHARACTERS].rstrip("_")
    return joined.encode()[:SLUG_BYTES].decode(errors="ignore") or "unnamed"


def step_folder_name(step_id: int, step_goal: str) -> str:
    """Return ``{id:02d}_{slug}``."""
    return f"{step_id:02d}_{slug(step_goal)}"


def clip_name(step_id: int, step_goal: str) -> str:
    """Return ``step{id:02d}_{slug}.mp4``."""
    return f"step{step_folder_name(step_id, step_goal)}.mp4"


def sample_name(index_1based: int, time_sec: float) -> str:
    """Return the name of a pool picture; the time is in seconds of the source."""
    return f"sample_{index_1based:03d}_ts_{time_sec:.2f}s.jpg"


def key_frame_name(index_1based: int, time_sec: float) -> str:
    """Return the name of a key frame; the index is that of the step's pool."""
    return f"frame_{index_1based:03d}_ts_{time_sec:.2f}s.jpg"
