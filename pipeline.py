"""Batch: videos × stages → validated plans. ``python pipeline.py --help`` says how."""

import sys


def main() -> None:
    """Run the pipeline as a command."""
    try:
        from stages.command import main as run_command  # noqa: PLC0415 - see below

        sys.exit(run_command())
    except KeyboardInterrupt:  # while it loads; later the command answers for itself
        sys.exit(130)
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"Error: the package {error.name!r} is not installed for {sys.executable}. Install "
            "three-stage into a virtual environment and use its Python: README.md says how.\n"
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
