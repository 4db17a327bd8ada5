"""Commands to type next, as they are shown to a person: quoted, and complete but for the key."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from three_stage.settings import EndpointSettings
from three_stage.vlm import PRESETS

_SCRIPT = "pipeline.py"


def command_line(command: str, output_root: Path, endpoint: EndpointSettings | None = None) -> str:
    """Return ``three-stage COMMAND OUTPUT_ROOT``, as this program was started.

    With ``endpoint``, also the options that say where to ask, except those that stand in the
    environment anyway.
    """
    words = [*_program(), command, str(output_root)]
    if endpoint is not None:
        words += _endpoint_options(endpoint.provider, endpoint.api_base, endpoint.model)
    return _quoted(words)


def endpoint_words(provider: str | None, api_base: str | None, model: str | None) -> str:
    """Return the options that name an endpoint."""
    if provider in PRESETS and api_base == PRESETS[str(provider)].base:
        api_base = None
    return _quoted(_endpoint_options(provider, api_base, model))


def _program() -> list[str]:
    started = Path(sys.argv[0])
    return ["python", str(started)] if started.name == _SCRIPT else ["three-stage"]


def _endpoint_options(provider: str | None, api_base: str | None, model: str | None) -> list[str]:
    given = {
        "--provider": (provider, "MODEL_PROVIDER_ID"),
        "--api-base": (api_base, "API_BASE_URL"),
        "--model": (model, "MODEL_NAME"),
    }
    return [
        word
        for flag, (value, variable) in given.items()
        if value and os.environ.get(variable) != value
        for word in (flag, value)
    ]


def _quoted(words: list[str]) -> str:
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
