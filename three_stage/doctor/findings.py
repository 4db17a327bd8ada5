"""One thing that was looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "FAIL"]
"""``warn``: a run can start, and somebody should know; ``FAIL``: it must be mended first."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do about it (for warn and FAIL)."""

    name: str
    level: Level
    found: str
    advice: str = ""

    def line(self) -> str:
        """Return the finding as one line."""
        text = " ".join(f"{self.found} {self.advice}".split())
        return f"  {self.level:<5} {self.name:<20} {text}"
