"""Batch: videos × stages → validated plans. ``python pipeline.py --help`` says how."""

import sys

from stages.command import main as run_command


def main() -> None:
    """Run the pipeline as a command."""
    sys.exit(run_command())


if __name__ == "__main__":
    main()
