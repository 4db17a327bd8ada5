"""What reaches the log file: everything but keys."""

from __future__ import annotations

from pathlib import Path

from loguru import logger

from three_stage.batch import Progress
from three_stage.settings import OutputSettings
from three_stage.settings.logs import logging_to


def test_a_key_reaches_the_log_file_neither_in_a_line_nor_in_a_traceback(tmp_path: Path) -> None:
    key, log = "sk-a-long-and-secret-key", tmp_path / "logs" / "run.log"
    settings = OutputSettings(verbose=False, quiet=True, log_file=log)
    with (
        Progress(1, quiet=True) as progress,
        logging_to(progress.note, settings, lambda text: text.replace(key, "…-key")),
    ):
        logger.info("asked with {}", key)
        logger.opt(exception=ValueError(f"the server says {key} is unknown")).error("it failed")
    text = log.read_text(encoding="utf-8")
    assert key not in text
    assert "asked with …-key" in text
    assert "ValueError: the server says …-key is unknown" in text
