"""Starts llama.cpp's server on loopback: run by the Python that has xllamacpp.

``python start_llama.py FOLDER PORT KEY CONTEXT`` serves FOLDER/text.gguf with FOLDER/mmproj.gguf,
CONTEXT tokens a slot, until it is ended.
"""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path


def main(folder: Path, port: int, key: str, context: int) -> None:
    """Start, and wait for the end."""
    llama = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = str(folder / "text.gguf")
    params.mmproj.path = str(folder / "mmproj.gguf")
    params.model_alias = ["tiny-qwen3-vl"]
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key]
    params.n_ctx = context
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 2
    server = llama.Server(params)
    print(f"listening at {server.listening_address}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
