"""Where every request and answer is written down before anybody reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schemas.files import CallRecord


class Journal(Protocol):
    """A durable list of calls; both methods are called from worker threads, also at once."""

    def stored_answers(self, ask_key: str) -> Sequence[CallRecord]:
        """Return the "answer" records with this key that were not cut, newest last."""
        ...

    def append(self, record: CallRecord) -> None:
        """Write a record; it must be on disk (fsync) when this returns."""
        ...
