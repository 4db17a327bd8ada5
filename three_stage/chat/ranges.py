"""Whether a part of a file that a Range header asks for is there (RFC 9110, section 14)."""

from __future__ import annotations

import re

_PART = re.compile(r"(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<at_the_end>[0-9]{1,18}))")


def is_there(asked: str, size_bytes: int) -> bool:
    """Tell whether every part that a Range header's value names is one, and lies in the file."""
    unit, _, listed = asked.partition("=")
    parts = [part.strip() for part in listed.split(",")]
    return unit.strip().lower() == "bytes" and all(_is_part(part, size_bytes) for part in parts)


def _is_part(part: str, size_bytes: int) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    if match["at_the_end"]:
        return int(match["at_the_end"]) > 0 and size_bytes > 0
    first = int(match["first"])
    return first < size_bytes and (not match["last"] or first <= int(match["last"]))
