"""Batch: videos × stages → validated plans. ``python pipeline.py --help`` says how."""

import sys


def main() -> None:
    """Run the pipeline as a command."""
    try:
        from stages.command import main as run_command  # noqa: PLC0415 - Ctrl-C while it loads
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run_command())


if __name__ == "__main__":
    main()
