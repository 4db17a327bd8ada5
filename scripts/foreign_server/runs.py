"""The real commands against a server: doctor, and each stage of the pipeline on the example."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from foreign_server.servers import KEY, SHOWN_BASE, Running
from schemas.files import CallRecord

CHECKOUT = Path(__file__).resolve().parent.parent.parent
VIDEO = "examples/videos/bakery_table.mp4"
ATTEMPTS = 3
_POOL = ("--max-frames", "12", "--frame-max-side", "512")
_ANSWERS = ("--temperature", "1", "--max-tokens", "6000")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One command: as a person would type it, what it printed, its exit code, and its calls."""

    typed: str
    printed: str
    exit_code: int
    calls: tuple[CallRecord, ...]


def doctor(server: Running) -> Ran:
    """Examine the endpoint; what is said about this machine is left out."""
    ran = _run(server, "doctor", *_POOL[:2], *_ANSWERS)
    start = ran.printed.find("the endpoint")
    return Ran(
        typed=ran.typed, printed=ran.printed[max(start, 0) :], exit_code=ran.exit_code, calls=()
    )


def stages(server: Running, folder: Path) -> list[Ran]:
    """Run each stage on the example; the embedded model does the stages before it."""
    return [_stage(server, folder, number) for number in (1, 2, 3)]


def _stage(server: Running, folder: Path, number: int) -> Ran:
    output_root = folder / f"{server.server.name}_stage{number}"
    shutil.rmtree(output_root, ignore_errors=True)
    if number > 1:
        _annotate_offline(output_root, ",".join(map(str, range(1, number))))
    return _run(
        server, *_POOL, *_ANSWERS, "--stages", str(number), f"--stage{number}-retries",
        str(ATTEMPTS), "--reuse-any", "--input-video", VIDEO, "--output-root", str(output_root),
    )  # fmt: skip


def _annotate_offline(output_root: Path, stages_before: str) -> None:
    """Annotate the example with the embedded model, and leave its calls out of the account."""
    command = [sys.executable, "pipeline.py", "--provider", "offline", *_POOL, "--quiet"]
    command += ["--stages", stages_before]
    command += ["--input-video", VIDEO, "--output-root", str(output_root)]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    for journal in _journals(output_root):
        journal.unlink()


def _run(server: Running, *options: str) -> Ran:
    where = ("--provider", "vllm", "--api-base", server.base, "--model", server.server.model)
    command = [options[0]] if options[0] == "doctor" else []
    given = [*command, *where, *options[len(command) :]]
    output_root = options[options.index("--output-root") + 1] if "--output-root" in options else ""
    done = subprocess.run(
        [sys.executable, "pipeline.py", *given],
        cwd=CHECKOUT,
        env={**os.environ, "API_KEY": KEY, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    typed = " ".join(["python pipeline.py", *given])
    return Ran(
        typed=_anonymous(typed, server, output_root),
        printed=_anonymous(done.stdout, server, output_root),
        exit_code=done.returncode,
        calls=_calls(Path(output_root)) if output_root else (),
    )


def _anonymous(text: str, server: Running, output_root: str) -> str:
    """Take out what only this machine has: the port and the folder."""
    text = text.replace(server.base, SHOWN_BASE)
    return text.replace(output_root, "outputs") if output_root else text


def _journals(output_root: Path) -> list[Path]:
    return sorted(output_root.rglob("calls.jsonl"))


def _calls(output_root: Path) -> tuple[CallRecord, ...]:
    lines = [
        line
        for journal in _journals(output_root)
        for line in journal.read_text(encoding="utf-8").splitlines()
    ]
    return tuple(CallRecord.model_validate_json(line) for line in lines)
