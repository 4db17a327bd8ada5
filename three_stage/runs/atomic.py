"""Files that appear whole or not at all: written beside, synced, renamed."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from three_stage.runs.errors import OutputError

TEMPORARY_PREFIX = ".tmp-"
"""A file of this name that lies in an output folder is what a kill left; it means nothing."""


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` durably; the folder is made when it is not there.

    Raises OutputError that names the file when the disk refuses.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}.",
            hint="Check the free space and the permissions of the folder, then run again.",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; line ends stay as they are in ``text``."""
    write_bytes(path, text.encode("utf-8", errors="surrogatepass"))


def write_json(path: Path, value: BaseModel | dict[str, Any]) -> None:
    """Write JSON as all our files have it: UTF-8, indent 2, non-ASCII kept, trailing newline."""
    write_text(path, json_text(value))


def json_text(value: BaseModel | dict[str, Any]) -> str:
    """Return the text that ``write_json`` writes."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut; systems that cannot are left alone."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
