"""Takes the key out of a text that comes in pieces, and puts split characters together."""

from __future__ import annotations

from three_stage.settings.secrets import SHORTEST_PART, end_of_parts, parts_of, without_parts
from three_stage.vlm.endpoints import NO_KEY, Endpoint
from three_stage.vlm.reading import printable


class Sieve:
    """Lets a text through without the endpoint's key: together the same as ``without_secret``.

    Held back is only what may be the beginning of a part of the key, or of a character above
    U+FFFF that a server split into its two halves.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        key = endpoint.api_key.get_secret_value()
        self._key = key if endpoint.key_tail and key != NO_KEY else ""
        self._instead = f"[key ...{endpoint.key_tail}]"
        self._parts = parts_of(self._key)
        self._half = ""
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what is certain now."""
        text = self._half + text
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        self._held += _joined(text[: len(text) - len(self._half)])
        end = self._certain_end()
        certain, self._held = self._held[:end], self._held[end:]
        return self._without_key(certain)

    def close(self) -> str:
        """Return what was held back, when nothing more comes."""
        rest, self._held, self._half = self._held + _joined(self._half), "", ""
        return self._without_key(rest)

    def _certain_end(self) -> int:
        """Return where what may still become a part of the key begins."""
        if not self._key:
            return len(self._held)
        text = self._held
        sizes = range(min(SHORTEST_PART - 1, len(text)), 0, -1)
        certain = len(text) - next((size for size in sizes if text[-size:] in self._key), 0)
        position = 0
        while position < certain and any(part in text for part in self._parts):
            end = end_of_parts(text, position, self._parts)
            if end > position and end >= certain:
                return position
            position = max(end, position + 1)
        return certain

    def _without_key(self, text: str) -> str:
        return without_parts(text, self._key, self._instead) if self._key else text


def _joined(text: str) -> str:
    """Put halves of characters together; a half alone becomes U+FFFD."""
    if text.isascii():
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return printable(whole)
