"""Where log lines go: few to the terminal, all to the log file, a key to neither."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

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

    def clean(record: Record) -> None:
        record["message"] = redact(record["message"])

    def to_terminal(message: Message) -> None:
        progress.note(str(message).rstrip("\n"))

    level = "ERROR" if output.quiet else "DEBUG" if output.verbose else "INFO"
    logger.remove()
    logger.configure(patcher=clean)

    def is_wanted(record: Record) -> bool:
        return output.verbose or not record["extra"].get("raw_answer")

    added = [
        logger.add(to_terminal, format="{message}", level=level, filter=is_wanted, diagnose=False)
    ]
    if output.log_file is not None:
        added.append(_log_file(output.log_file, is_wanted))
    try:
        yield
    finally:
        for sink_id in added:
            logger.remove(sink_id)
        logger.configure(patcher=lambda _record: None)
        logger.add(sys.stderr, level="WARNING", diagnose=False)


def _log_file(path: Path, is_wanted: Callable[[Record], bool]) -> int:
    try:
        return logger.add(
            path,
            format=FILE_FORMAT,
            level="DEBUG",
            filter=is_wanted,
            diagnose=False,
            encoding="utf-8",
        )
    except OSError as error:
        raise UsageError(
            f"--log-file {path}: cannot be written: {error.strerror or error}."
        ) from error
