"""Serves the embedded model over HTTP: ``python -m three_stage.vlm.offline --port 8001``."""

from __future__ import annotations

import socket

import click
import uvicorn

from three_stage.vlm.offline.app import create_app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8001, show_default=True, type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes any free one.",
)  # fmt: skip
def main(host: str, port: int) -> None:
    """Serve the embedded offline model: an OpenAI-compatible endpoint that measures pictures.

    It understands nothing; it measures colours, places and motion, fills the schemas of the
    pipeline's three stages and answers questions about what it measured. Ctrl-C ends it.
    """
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another --port."
        ) from error
    with listening:
        click.echo(f"The offline model answers on http://{host}:{listening.getsockname()[1]}/v1")
        config = uvicorn.Config(create_app(), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(prog_name="python -m three_stage.vlm.offline")
