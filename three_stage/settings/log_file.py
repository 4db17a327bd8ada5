"""The file of ``--log-file``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from three_stage.settings.errors import UsageError

FILE_FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <7} {name}: {message}"


class LogFile:
    """A log file that falls silent, after one note, when the disk refuses it: the run goes on."""

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        """Open the file. Raises UsageError when that cannot be done."""
        self._path = path
        self._note = note
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO | None = path.open("a", encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"--log-file {path}: cannot be written: {error.strerror or error}."
            ) from error

    def write(self, text: str) -> None:
        """Write a line to the disk at once."""
        if self._file is None:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            self.close()
            self._note(
                f"--log-file {self._path}: cannot be written any more: "
                f"{error.strerror or error}. It goes on without."
            )

    def close(self) -> None:
        """Close the file; what it could not take is lost."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
