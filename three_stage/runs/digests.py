"""What identifies a source, a file and the inputs of an answer."""

from __future__ import annotations

import errno
import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FINGERPRINT_BLOCKS = 16
FINGERPRINT_BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True)
class SourceIdentity:
    """A source file: absolute path, size in bytes and fingerprint."""

    path: Path
    size_bytes: int
    fingerprint: str


def identify_source(path: Path) -> SourceIdentity:
    """Read a source's size and fingerprint: SHA-256 over the size and 16 evenly spaced blocks.

    Blocks are 64 KiB, the first at the start and the last at the end of the file; a file that is
    shorter than all blocks together is read whole. Raises OSError when it cannot be read, and for
    what is no regular file (a pipe would be waited for).
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(str(size).encode())
        for offset in fingerprint_offsets(size):
            file.seek(offset)
            digest.update(file.read(FINGERPRINT_BLOCK_BYTES))
    return SourceIdentity(path.absolute(), size, digest.hexdigest())


def fingerprint_offsets(size: int) -> list[int]:
    """Return where the blocks of a file of ``size`` bytes start."""
    if size <= FINGERPRINT_BLOCKS * FINGERPRINT_BLOCK_BYTES:
        return list(range(0, size, FINGERPRINT_BLOCK_BYTES))
    last = size - FINGERPRINT_BLOCK_BYTES
    return [last * block // (FINGERPRINT_BLOCKS - 1) for block in range(FINGERPRINT_BLOCKS)]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a whole file, hex. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text as it stands in a file, hex."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a JSON value in one canonical spelling, hex."""
    return text_sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def changed_inputs(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name the inputs of a key that differ between the record and now, in the order of now."""
    return [name for name in {**now, **recorded} if recorded.get(name) != now.get(name)]
