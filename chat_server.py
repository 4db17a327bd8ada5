"""Talk about one uploaded video. ``python chat_server.py --help`` says how."""

import sys


def main() -> None:
    """Run the chat server as a command."""
    try:
        from three_stage.chat.command import main as run_command  # noqa: PLC0415 - see below

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
