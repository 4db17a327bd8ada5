"""What the tests of workers have them do; apart, so that a worker loads nothing else."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from three_stage.media.errors import NotAVideoError


def own_pid(_: Any = None) -> int:
    return os.getpid()


def sleep_and_tell_pid(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def die_of(number: int, path: Path) -> None:
    assert path.name
    os.kill(os.getpid(), number)


def read_address_zero() -> None:
    ctypes.string_at(0)


def leave(code: int) -> None:
    os._exit(code)


def sleep_after_telling_pid(note: Path) -> None:
    note.write_text(str(os.getpid()))
    time.sleep(60)


def take_memory(count: int, path: Path) -> int:
    assert path.name
    return len(bytearray(count))


def refuse(path: Path) -> None:
    raise NotAVideoError(f"{path} is bad.", hint="Take another.")


def divide(number: int, by: int) -> float:
    return number / by


def return_what_cannot_leave() -> Callable[[], int]:
    return lambda: 1


class UnrestorableError(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def raise_what_cannot_be_restored() -> None:
    raise UnrestorableError(1, 2)


class DiesWhenSent:
    def __reduce__(self) -> tuple[Any, ...]:
        os.kill(os.getpid(), signal.SIGKILL)
        return (int, ())


def return_what_kills_the_sender() -> DiesWhenSent:
    return DiesWhenSent()


def large(count: int) -> bytes:
    return os.urandom(1024) * (count // 1024)
