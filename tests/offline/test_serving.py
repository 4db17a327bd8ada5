"""``python -m three_stage.vlm.offline`` serves the model on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from click.testing import CliRunner

from three_stage.vlm.offline.__main__ import main

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "three_stage.vlm.offline")


def test_it_serves_on_a_free_port_and_says_where() -> None:
    with subprocess.Popen(
        (*COMMAND, "--port", "0"), cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            assert url.startswith("http://127.0.0.1:")
            with urlopen(f"{url}/models", timeout=20) as response:  # noqa: S310 - loopback
                assert json.load(response)["data"][0]["id"] == "offline"
        finally:
            process.terminate()


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["--port", str(port)])
    assert done.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.output
    assert "Traceback" not in done.output


def test_the_import_is_cheap() -> None:
    code = (
        "import sys, three_stage.vlm.offline.app as app; app.create_app(); "
        "print([name for name in ('cv2', 'numpy', 'av') if name in sys.modules])"
    )
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "[]"
