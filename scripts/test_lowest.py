"""Runs the tests with the lowest version that setup.cfg allows of every direct dependency.

``python scripts/test_lowest.py`` makes a virtual environment in a temporary folder; arguments are
passed on to pytest. Exit code: that of pytest, or of pip when the set cannot be installed.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def lowest_pins(setup_cfg: Path) -> list[str]:
    """Return ``name==lowest`` for every line ``name>=lowest,<bound`` of the base install."""
    parser = configparser.ConfigParser()
    parser.read(setup_cfg, encoding="utf-8")
    lines = parser["options"]["install_requires"].split()
    pins = []
    for line in lines:
        found = re.fullmatch(r"([\w.-]+)>=([\w.]+),<[\w.]+", line)
        if not found:
            raise SystemExit(f"{setup_cfg}: {line!r} is not NAME>=LOWEST,<BOUND")
        pins.append(f"{found[1]}=={found[2]}")
    return pins


def main() -> int:
    """Install the lowest set and run the tests with it."""
    pins = lowest_pins(CHECKOUT / "setup.cfg")
    print("\n".join(pins), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if os.name == "nt" else "bin", "python")
        install = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--editable",
            f"{CHECKOUT}[test]",
        ]
        installed = subprocess.run([*install, *pins], check=False)
        if installed.returncode:
            return installed.returncode
        tests = [str(python), "-m", "pytest", "-q", *sys.argv[1:]]
        return subprocess.run(tests, check=False, cwd=CHECKOUT).returncode


if __name__ == "__main__":
    sys.exit(main())
