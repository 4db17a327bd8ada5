"""Where log lines go: few to the terminal, all to the log file, a key to neither."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from three_stage.batch import Progress
from three_stage.settings import OutputSettings, UsageError

if TYPE_CHECKING:
    from loguru import Message, Record

FILE_FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <7} {name}: {message}"


@contextmanager
def logging_to(
    progress: Progress, output: OutputSettings, redact: Callable[[str], str]
) -> Iterator[None]:
    """Send log lines to the progress display and to ``--log-file``; take secrets out of both.

    Raises UsageError when the log file cannot be written.
    """

    def to_terminal(message: Message) -> None:
        progress.note(redact(str(message).rstrip("\n")))

    file = _open(output.log_file) if output.log_file is not None else None
    level = "ERROR" if output.quiet else "DEBUG" if output.verbose else "INFO"
    logger.remove()

    def is_wanted(record: Record) -> bool:
        return output.verbose or not record["extra"].get("raw_answer")

    logger.add(to_terminal, format="{message}", level=level, filter=is_wanted, diagnose=False)
    if file is not None:

        def to_file(message: Message) -> None:
            file.write(redact(str(message)))
            file.flush()

        logger.add(to_file, format=FILE_FORMAT, level="DEBUG", filter=is_wanted, diagnose=False)
    try:
        yield
    finally:
        logger.remove()
        logger.add(sys.stderr, level="WARNING", diagnose=False)
        if file is not None:
            file.close()


def _open(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--log-file {path}: cannot be written: {error.strerror or error}."
        ) from error
