"""The servers of others: how each is started on loopback, awaited and ended."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

THEIRS = Path(__file__).resolve().parent / "theirs"
MODEL_NAME = "tiny-qwen3-vl"
SHOWN_BASE = "http://127.0.0.1:8000/v1"
"""What the page has in the place of the address that a server really had."""

KEY = "sk-foreign-0123456789abcdef"
_STARTS_WITHIN_SEC, _ENDS_WITHIN_SEC = 300.0, 60.0

# Nothing is fetched and nothing is reported; imports find torchvision (see theirs/at_start).
_QUIET = {
    "PYTHONPATH": str(THEIRS / "at_start"),
    "PYTHONDONTWRITEBYTECODE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A command that serves a model, run in the models' folder; ``{port}`` in it is filled in.

    ``shown`` is the command as the page has it; ``model`` is the name to ask for.
    """

    name: str
    command: tuple[str, ...]
    shown: str
    model: str = MODEL_NAME
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that answers."""

    server: Server
    base: str


@contextlib.contextmanager
def running(server: Server, folder: Path) -> Iterator[Running]:
    """Start a server, wait until it answers, end it afterwards. Its log lies in ``folder``."""
    port = _free_port()
    log = folder / f"{server.name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in server.command],
            cwd=folder,
            env={**os.environ, **_QUIET, **server.environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(process, f"http://127.0.0.1:{port}/health", log)
            yield Running(server=server, base=f"http://127.0.0.1:{port}/v1")
        finally:
            process.terminate()
            try:
                process.wait(_ENDS_WITHIN_SEC)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def build_model(python: str, folder: Path, texts: list[Path]) -> None:
    """Build the model in ``folder/model``; the texts train its tokenizer."""
    command = [python, str(THEIRS / "build_qwen3_vl.py"), "model", *map(str, texts)]
    subprocess.run(command, cwd=folder, env={**os.environ, **_QUIET}, check=True)
    (folder / "hub").mkdir(exist_ok=True)


def build_gguf(python: str, folder: Path) -> None:
    """Write the model once more for llama.cpp, in ``folder/gguf``."""
    command = [python, str(THEIRS / "build_gguf.py"), "model", "gguf"]
    subprocess.run(command, cwd=folder, check=True)


def vllm(python: str, name: str, *options: str) -> Server:
    """Return vLLM with further options.

    Its module is run and not its command, which wants a package of the name ``vllm``.
    """
    fixed = ("--dtype", "float32", "--enforce-eager", "--max-num-seqs", "4")
    given = ("--enable-prompt-tokens-details", *options)
    shown = " ".join(f"'{part}'" if "{" in part else part for part in given)
    return Server(
        name=name,
        command=(
            python, "-m", "vllm.entrypoints.openai.api_server", "--model", "model",
            "--served-model-name", MODEL_NAME, "--host", "127.0.0.1", "--port", "{port}",
            "--api-key", KEY, *fixed, *given,
        ),
        shown=f"vllm serve model --served-model-name {MODEL_NAME} --api-key ... {shown}",
        environment={"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_WORKER_MULTIPROC_METHOD": "spawn"},
    )  # fmt: skip


def transformers_serve(python: str, name: str) -> Server:
    """Return the server of transformers, which knows no key and calls the model by its folder."""
    command = (str(Path(python).parent / "transformers"), "serve", "model", "--device", "cpu")
    return Server(
        name=name,
        command=(*command, "--host", "127.0.0.1", "--port", "{port}"),
        shown="transformers serve model --device cpu",
        model="model",
        environment={"HF_HUB_CACHE": "hub"},
    )


def llama(python: str, name: str, *, context: int) -> Server:
    """Return llama.cpp's server with room for ``context`` tokens."""
    return Server(
        name=name,
        command=(python, str(THEIRS / "start_llama.py"), "gguf", "{port}", KEY, str(context)),
        shown=(
            "llama-server -m gguf/text.gguf --mmproj gguf/mmproj.gguf "
            f"-c {context} -np 1 --alias {MODEL_NAME} --api-key ..."
        ),
    )


def versions(python: str, *packages: str) -> str:
    """Return the versions of packages in another environment, as one line."""
    code = (
        "import importlib.metadata, sys\n"
        "print(*(f'{name} {importlib.metadata.version(name)}' for name in sys.argv[1:]), sep=', ')"
    )
    done = subprocess.run(
        [python, "-c", code, *packages], capture_output=True, encoding="utf-8", check=True
    )
    return done.stdout.strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Wait for the first answer. Exits when the server ended, or took too long."""
    deadline = time.monotonic() + _STARTS_WITHIN_SEC
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the server ended while it started; its log is {log}")
        with contextlib.suppress(httpx2.RequestError):
            if httpx2.get(address, timeout=5.0, trust_env=False).status_code == 200:
                return
        time.sleep(1.0)
    raise SystemExit(f"the server gave no answer in {_STARTS_WITHIN_SEC:g} s; its log is {log}")
