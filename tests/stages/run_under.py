"""The pipeline under a condition of its process: a limit on the size of files, a clock that jumps.

``python -m tests.stages.run_under --largest-file-bytes 20000 -- OPTIONS``. The product is not
changed: the system's own limit is set, and the clock is turned where the product reads it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta, tzinfo
from typing import Self
from unittest.mock import patch

from stages.command import main as pipeline

CLOCKS = ("three_stage.runs.clock", "three_stage.vlm.calls", "three_stage.vlm.dispatch")
"""The modules that read the wall clock; all else measures with the monotonic one."""


def limit_files(size_bytes: int) -> None:
    """Let no file of this process and its children grow longer (POSIX)."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))


def clock_off_by(shift_sec: float, after_looks: int) -> type[datetime]:
    """Return a datetime whose ``now`` is ``shift_sec`` off from the ``after_looks``-th look on."""
    looks = itertools.count()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            is_off = next(looks) >= after_looks
            return super().now(tz) + timedelta(seconds=shift_sec if is_off else 0.0)

    return Clock


def main(arguments: Sequence[str]) -> int:
    """Run the pipeline under the given conditions and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.stages.run_under")
    parser.add_argument("--largest-file-bytes", type=int)
    parser.add_argument("--clock-off-sec", type=float, default=0.0)
    parser.add_argument("--after-looks", type=int, default=0)
    parser.add_argument("options", nargs="*")
    given = parser.parse_args(arguments)
    if given.largest_file_bytes is not None:
        limit_files(given.largest_file_bytes)
    clock = clock_off_by(given.clock_off_sec, given.after_looks)
    with ExitStack() as turned:
        for module in CLOCKS:
            turned.enter_context(patch(f"{module}.datetime", clock))
        return pipeline(given.options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
