"""No child outlives us: on Linux the kernel kills a child when its parent dies, however it dies.

As a script (``python -I -S orphan.py PARENT_PID PROGRAM ARGUMENT...``) it makes that arrangement
for itself and becomes the program. subprocess's ``preexec_fn`` would do it in a forked copy of our
process, where the locks of other threads may be held for ever. Imports nothing of ours, so that the
script starts in milliseconds; other systems have no such signal, and there it is not used.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""

EXIT_PARENT_GONE = 1


def can_die_with_parent() -> bool:
    """Tell whether this system has a signal for it."""
    return sys.platform == "linux"


def die_with_parent(parent_pid: int) -> None:
    """Have this process killed when its parent dies; ends it now if the parent is gone already.

    The parent's thread that started this process must live as long: the kernel watches that thread.
    """
    if can_die_with_parent():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            os._exit(EXIT_PARENT_GONE)


def dying_with_us(command: Sequence[str]) -> list[str]:
    """Return a command that runs ``command`` and dies with this process, where that can be had."""
    if not can_die_with_parent() or not sys.executable:
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    try:
        os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.exit(f"{sys.argv[2]} does not start ({error.strerror}).")
