"""Where log lines go: few to the terminal, all to the log file, a key to neither."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from three_stage.settings.errors import UsageError
from three_stage.settings.model import OutputSettings

if TYPE_CHECKING:
    from loguru import Message, Record

_FILE_FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <7} {name}: {message}"


@contextlib.contextmanager
def logging_to(
    note: Callable[[str], None],
    output: OutputSettings,
    redact: Callable[[str], str],
    *,
    shown: str = "{message}",
) -> Iterator[None]:
    """Send log lines to the terminal and to ``--log-file``; take secrets out of both.

    ``note`` shows a line of the form ``shown``. Raises UsageError when the log file
    cannot be written.
    """

    def to_terminal(message: Message) -> None:
        note(redact(str(message).rstrip("\n")))

    file = None if output.log_file is None else _LogFile(output.log_file, note)
    level = "ERROR" if output.quiet else "DEBUG" if output.verbose else "INFO"
    logger.remove()

    def is_wanted(record: Record) -> bool:
        return output.verbose or not record["extra"].get("raw_answer")

    logger.add(to_terminal, format=shown, level=level, filter=is_wanted, diagnose=False)
    if file is not None:

        def to_file(message: Message) -> None:
            file.write(redact(str(message)))

        logger.add(to_file, format=_FILE_FORMAT, level="DEBUG", filter=is_wanted, diagnose=False)
    try:
        yield
    finally:
        logger.remove()
        logger.add(sys.stderr, level="WARNING", diagnose=False)
        if file is not None:
            file.close()


class _LogFile:
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
