"""Writes the generated parts of the docs: ``python scripts/update_docs.py [--check]``.

A generated part stands between ``<!-- help: COMMAND -->`` and ``<!-- end -->`` and holds what that
command prints with ``--help``. ``--check`` writes nothing and exits 1 when a part is out of date.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "pipeline.py": ["pipeline.py"],
    "doctor": ["pipeline.py", "doctor"],
    "status": ["pipeline.py", "status"],
    "retry": ["pipeline.py", "retry"],
    "report": ["pipeline.py", "report"],
    "validate_output.py": ["validate_output.py"],
    "chat_server.py": ["chat_server.py"],
    "three_stage.vlm.offline": ["-m", "three_stage.vlm.offline"],
    "examples.render": ["-m", "examples.render"],
}

_PART = re.compile(r"<!-- help: (?P<name>\S+) -->\n.*?<!-- end -->", re.DOTALL)


def main() -> int:
    """Bring every page up to date, or say which are not."""
    stale = []
    for name in pages():
        path = CHECKOUT / name
        before = path.read_text(encoding="utf-8")
        after = _PART.sub(lambda part: _part(part["name"]), before)
        if after != before:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(after, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"{name}: {'out of date' if '--check' in sys.argv else 'written anew'}")
    return int(bool(stale) and "--check" in sys.argv)


def pages() -> list[str]:
    """Return every page that may have generated parts, from the checkout's root."""
    found = [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md")]
    return sorted(path.relative_to(CHECKOUT).as_posix() for path in found)


def help_text(name: str) -> str:
    """Return what a command prints with ``--help`` on a terminal of 100 columns."""
    # COLUMNS alone would be overruled by a real terminal of another width
    environment = {**os.environ, "COLUMNS": "100", "PYTHONUTF8": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, *COMMANDS[name], "--help"],
        cwd=CHECKOUT, env=environment, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return done.stdout.rstrip()


def _part(name: str) -> str:
    return f"<!-- help: {name} -->\n```text\n{help_text(name)}\n```\n<!-- end -->"


if __name__ == "__main__":
    sys.exit(main())
