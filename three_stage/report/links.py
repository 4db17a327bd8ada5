"""Names and addresses that work whatever a video is called."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from three_stage.runs import slug

_NAME_CHARACTERS = 48


def page_stem(folder_name: str) -> str:
    """Return what the page and the media folder of a video are called.

    Letters of the name for people, and a digest of it, so that two names never share a file on any
    file system.
    """
    digest = hashlib.sha256(folder_name.encode("utf-8", errors="surrogatepass")).hexdigest()
    return f"{slug(folder_name)[:_NAME_CHARACTERS]}-{digest[:10]}"


def address(relpath: str | PurePosixPath) -> str:
    """Return a relative path as the address of a link."""
    return quote(str(relpath), safe="/", errors="surrogateescape")


def file_address(path: Path) -> str | None:
    """Return the file: address of an absolute path of this system; None for any other path."""
    if not path.is_absolute():
        return None
    try:
        return path.as_uri()
    except (ValueError, UnicodeError):
        return None


def relative_address(target: Path, folder: Path) -> str | None:
    """Return the address of a file as seen from a folder; None when no relative path leads there.

    (On Windows another drive.)
    """
    try:
        relpath = os.path.relpath(target, folder)
    except ValueError:
        return None
    return address(Path(relpath).as_posix())


def printable(text: str) -> str:
    """Return a text that any page can hold: halves of characters become escapes."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")
