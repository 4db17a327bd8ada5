"""Takes a secret out of a text, whole or in parts."""

from __future__ import annotations

SHORTEST_PART = 8
"""So many characters of a key in a row are a part of it; fewer may stand there by chance."""


SHORTEST_SECRET = 13
"""A shorter key may be a word that texts hold ("none", "local")."""


def hidden(text: str, secret: str) -> str:
    """Take a key out of a text; of one longer than 12 also its parts, and its last 4 stay."""
    if len(secret) < SHORTEST_SECRET:
        return text.replace(secret, "[key ...]") if secret else text
    return without_parts(text, secret, f"[key ...{secret[-4:]}]")


def without_parts(text: str, secret: str, instead: str) -> str:
    """Replace every stretch of ``text`` that is made of parts of ``secret``."""
    parts = parts_of(secret)
    if not any(part in text for part in parts):
        return text
    kept: list[str] = []
    position = 0
    while position < len(text):
        end = end_of_parts(text, position, parts)
        kept.append(text[position] if end == position else instead)
        position = max(end, position + 1)
    return "".join(kept)


def parts_of(secret: str) -> set[str]:
    """Return every stretch of ``SHORTEST_PART`` characters in a secret."""
    return {secret[i : i + SHORTEST_PART] for i in range(len(secret) - SHORTEST_PART + 1)}


def end_of_parts(text: str, start: int, parts: set[str]) -> int:
    """Return where the overlapping parts that begin at ``start`` end; ``start`` if none does."""
    end = position = start
    while position <= end and text[position : position + SHORTEST_PART] in parts:
        end = position + SHORTEST_PART
        position += 1
    return end
