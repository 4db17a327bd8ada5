"""The terminal: UTF-8 whatever it says, and what ends a program."""

import io
import os
import sys

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_ENDPOINT = 3
EXIT_INTERRUPTED = 130

DEBUG_VARIABLE = "THREE_STAGE_DEBUG"


def use_utf8() -> None:
    """Make stdout and stderr take every character, on every system's console and in pipes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def wants_tracebacks() -> bool:
    """Tell whether THREE_STAGE_DEBUG=1 asks for tracebacks instead of clean errors."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
