"""Where log lines go: few to the terminal, all to the log file, a key to neither."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from loguru import logger

from three_stage.batch import Progress
from three_stage.settings import OutputSettings
from three_stage.settings.log_file import FILE_FORMAT, LogFile

if TYPE_CHECKING:
    from loguru import Message, Record


@contextlib.contextmanager
def logging_to(
    progress: Progress, output: OutputSettings, redact: Callable[[str], str]
) -> Iterator[None]:
    """Send log lines to the progress display and to ``--log-file``; take secrets out of both.

    Raises UsageError when the log file cannot be written.
    """

    def to_terminal(message: Message) -> None:
        progress.note(redact(str(message).rstrip("\n")))

    file = None if output.log_file is None else LogFile(output.log_file, progress.note)
    level = "ERROR" if output.quiet else "DEBUG" if output.verbose else "INFO"
    logger.remove()

    def is_wanted(record: Record) -> bool:
        return output.verbose or not record["extra"].get("raw_answer")

    logger.add(to_terminal, format="{message}", level=level, filter=is_wanted, diagnose=False)
    if file is not None:

        def to_file(message: Message) -> None:
            file.write(redact(str(message)))

        logger.add(to_file, format=FILE_FORMAT, level="DEBUG", filter=is_wanted, diagnose=False)
    try:
        yield
    finally:
        logger.remove()
        logger.add(sys.stderr, level="WARNING", diagnose=False)
        if file is not None:
            file.close()
