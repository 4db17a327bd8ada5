"""The real chat server on loopback: in a thread of this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from prompts import load_prompts
from three_stage.chat.app import open_chat
from three_stage.settings import (
    ChatSettings,
    EndpointSettings,
    SamplingSettings,
    ServerSettings,
    WorkerSettings,
)
from three_stage.vlm import resolve_endpoint

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_SEC = 60


@contextmanager
def running_chat(
    data_dir: Path,
    *,
    server: dict[str, Any] | None = None,
    endpoint: dict[str, Any] | None = None,
    sampling: dict[str, Any] | None = None,
) -> Iterator[str]:
    """Serve the chat while the context lasts; yields its address without a slash at the end.

    The dictionaries are fields of the settings' groups; what is not given is the default, with one
    decoding process. With nothing for ``endpoint`` the embedded model answers.
    """
    settings = ChatSettings(
        server=ServerSettings(data_dir=data_dir, **(server or {})),
        workers=WorkerSettings(num_workers=1),
        sampling=dataclasses.replace(SamplingSettings(), **(sampling or {})),
        endpoint=dataclasses.replace(EndpointSettings(), **(endpoint or {})),
    )
    ready = threading.Event()
    ends: list[Any] = []
    found: dict[str, Any] = {}

    async def serve() -> None:
        chosen = resolve_endpoint(settings.endpoint)
        async with open_chat(settings, chosen, load_prompts()) as chat:
            config = uvicorn.Config(
                chat.application, log_level="error", lifespan="off", timeout_graceful_shutdown=1
            )
            runs = uvicorn.Server(config)
            loop = asyncio.get_running_loop()

            def end() -> None:
                chat.signals.close()
                runs.should_exit = True

            ends.append(lambda: loop.call_soon_threadsafe(end))
            with socket.create_server(("127.0.0.1", 0)) as listening:
                # Who connects before the server takes connections waits in the system's queue.
                found["address"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
                ready.set()
                await runs.serve(sockets=[listening])

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            found["error"] = error
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(STARTS_WITHIN_SEC)
    if "address" not in found:
        raise RuntimeError("the chat did not start") from found.get("error")
    try:
        yield found["address"]
    finally:
        ends[0]()
        thread.join(30)
        assert not thread.is_alive(), "the chat did not end"


@dataclasses.dataclass
class ChatProcess:
    """``python chat_server.py`` as a process; its address has no slash at the end."""

    process: subprocess.Popen[str]
    address: str

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def chat_process(*options: str, env: dict[str, str] | None = None) -> Iterator[ChatProcess]:
    """Run the command itself, on a free port unless ``--port`` is given."""
    given = [] if "--port" in options else ["--port", "0"]
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("THREE_STAGE_", "API_", "MODEL_"))}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "chat_server.py"), *given, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**clean, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **(env or {})},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        match = re.search(r"http://\S+:\d+", first)
        if match is None:
            process.kill()
            raise RuntimeError(f"the chat did not start: {first}{process.communicate()[1]}")
        yield ChatProcess(process, match.group())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
