"""The command of the chat server: options in, a server until it is ended, exit code out."""

from __future__ import annotations

import asyncio
import contextlib
import io
import ipaddress
import re
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
from loguru import logger

from three_stage import __version__
from three_stage.chat.gate import is_loopback
from three_stage.settings import (
    POOL_SIZE_ADVISED,
    ChatSettings,
    ThreeStageError,
    UsageError,
)
from three_stage.settings.cli import (
    DOTENV_FILE,
    HELP_FORM,
    build_settings,
    dotenv_defaults,
    options_of,
    without_keys,
)
from three_stage.settings.console import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    use_utf8,
    wants_tracebacks,
)
from three_stage.settings.logs import logging_to

SHORTEST_TOKEN = 8
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_ANSWERS_MAY_TAKE_SEC = 3
_ABOUT = """Talk about a video: a page where you upload one, watch it, and ask a model about it.

With no endpoint given, the embedded offline model answers; it measures colours and motion. The page
and everything it needs come from this server. Ctrl-C ends it; conversations are kept.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; errors are one readable line on stderr."""
    use_utf8()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        settings = read_settings(arguments)
        if settings is None:
            return EXIT_DONE
        return asyncio.run(_serve(settings))
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(without_keys(said.getvalue(), given), err=True, nl=False)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Ended. Videos and conversations are kept.", err=True)
        return EXIT_INTERRUPTED
    except ThreeStageError as error:
        if wants_tracebacks():
            raise
        click.echo(without_keys(f"Error: {error}", given), err=True)
        return EXIT_REFUSED


def read_settings(arguments: Sequence[str] | None) -> ChatSettings | None:
    """Read options from the command line, the environment and ./.env; None after ``--help``.

    Raises click.ClickException or UsageError for what is wrong.
    """
    found: list[ChatSettings] = []

    @click.command(help=_ABOUT, context_settings=HELP_FORM)
    @click.version_option(__version__, prog_name="three-stage")
    @options_of(ChatSettings, without=("structured_mode", "no_embed_index"))
    def command(**parameters: Any) -> None:
        found.append(build_settings(ChatSettings, parameters))

    result = command.main(
        args=None if arguments is None else list(arguments),
        prog_name="chat_server.py",
        standalone_mode=False,
        default_map=dotenv_defaults(DOTENV_FILE, ChatSettings),
    )
    if result not in (None, 0):
        raise UsageError("The options could not be read.")
    return found[0] if found else None


def refuse_open_server(settings: ChatSettings) -> None:
    """Refuse to listen to other machines without a token. Raises UsageError."""
    server = settings.server
    if server.auth_token is None and not is_loopback(server.host):
        raise UsageError(
            f"--host {server.host} lets other machines in: give --auth-token too.",
            hint="Set the variable THREE_STAGE_AUTH_TOKEN to a long random text.",
        )
    if server.auth_token is not None and len(server.auth_token.strip()) < SHORTEST_TOKEN:
        raise UsageError(f"--auth-token is shorter than {SHORTEST_TOKEN} characters.")
    if server.public_host is None:
        return
    if server.auth_token is None:
        raise UsageError(
            f"--public-host {server.public_host} lets others in: give --auth-token too.",
            hint="Set the variable THREE_STAGE_AUTH_TOKEN to a long random text.",
        )
    if not _NAME.fullmatch(server.public_host):
        raise UsageError(
            f"--public-host {server.public_host}: not a name as browsers send it.",
            hint="Give the name alone, such as chat.example.org: no https://, no port.",
        )


def refuse_too_many_frames(settings: ChatSettings) -> None:
    """Refuse more pictures than a conversation may have. Raises UsageError."""
    from three_stage.chat.views import MOST_FRAMES  # noqa: PLC0415 - slow, as what _serve imports

    if settings.sampling.max_frames > MOST_FRAMES:
        raise UsageError(
            f"--max-frames {settings.sampling.max_frames} is above {MOST_FRAMES}, the most that a "
            "conversation may have.",
            hint=f"Above {POOL_SIZE_ADVISED} today's models lose track.",
        )


async def _serve(settings: ChatSettings) -> int:
    # Slow to import, and --help needs none of it.
    import uvicorn  # noqa: PLC0415

    from prompts import load_prompts  # noqa: PLC0415
    from three_stage.chat.app import open_chat  # noqa: PLC0415
    from three_stage.vlm import resolve_endpoint  # noqa: PLC0415

    refuse_open_server(settings)
    refuse_too_many_frames(settings)
    endpoint = resolve_endpoint(settings.endpoint)
    logging = logging_to(_note, settings.output, endpoint.redact, shown="{time:HH:mm:ss} {message}")
    with logging, _listening(settings) as listening:
        async with open_chat(settings, endpoint, load_prompts()) as chat:

            class Server(uvicorn.Server):
                """Ends the pages' open event streams, which would keep it from ending."""

                async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                    chat.signals.close()
                    await super().shutdown(sockets)

            config = uvicorn.Config(
                chat.application, log_config=None, log_level="critical", access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=_ANSWERS_MAY_TAKE_SEC, server_header=False,
            )  # fmt: skip
            _announce(settings, listening, endpoint.model, is_offline=endpoint.is_offline)
            # uvicorn raises SIGTERM again at its end: what is under way is to be kept before that.
            with _surviving(signal.SIGTERM):
                await Server(config).serve(sockets=[listening])
    return EXIT_DONE


@contextlib.contextmanager
def _surviving(number: signal.Signals) -> Iterator[None]:
    """Let a signal pass that nobody else takes."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextlib.contextmanager
def _listening(settings: ChatSettings) -> Iterator[socket.socket]:
    """Listen. Raises UsageError when the address is taken or not this machine's."""
    server = settings.server
    try:
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        listening = socket.create_server((server.host, server.port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"Cannot listen on {server.host}:{server.port}: {reason}.",
            hint="Choose another --port or --host.",
        ) from None
    with listening:
        yield listening


def _announce(
    settings: ChatSettings, listening: socket.socket, model: str, *, is_offline: bool
) -> None:
    """Say where the page is and who answers there."""
    host, port = listening.getsockname()[:2]
    if not settings.output.quiet:
        click.echo(f"Open {_shown_address(host, port)}. Ctrl-C ends this server.")
        who = (
            "NO MODEL ENDPOINT IS SET: the embedded offline model answers. It measures colours and "
            "motion and understands nothing. Set --provider or --api-base for a real model."
            if is_offline
            else f"model {model}"
        )
        click.echo(f"{who}\ndata: {settings.server.data_dir.absolute()}")
    if settings.sampling.max_frames > POOL_SIZE_ADVISED:
        logger.warning(
            "--max-frames {} is above {}: today's models lose track of so many pictures.",
            settings.sampling.max_frames, POOL_SIZE_ADVISED,
        )  # fmt: skip


def _shown_address(host: str, port: int) -> str:
    """Return where a browser finds the page; an address that stands for all is none."""
    if ipaddress.ip_address(host).is_unspecified:
        this_machine = "[::1]" if ":" in host else "127.0.0.1"
        return (
            f"http://{this_machine}:{port}/ in a browser on this machine, or this machine's name "
            "from others"
        )
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/ in a browser"


def _note(line: str) -> None:
    click.echo(line, err=True)
