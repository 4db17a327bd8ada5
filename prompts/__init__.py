"""Every word that we say to a model, as text files with named blanks, known by digest.

A blank is written ``{{name}}``. A blank left over or missing is an error, never sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

OWNER = "three-stage"
"""three_stage checks this name at import, so that another package called prompts is noticed."""

NAMES = (
    "stage1_system", "stage1_user",
    "stage2_system", "stage2_user",
    "stage3_system", "stage3_user",
    "reask", "reask_shorter", "follow_schema", "as_video", "as_frame_list", "picture_names",
    "doctor_plan", "doctor_prose",
    "chat_system", "chat_video", "chat_range",
)  # fmt: skip

BLANKS: Mapping[str, frozenset[str]] = {
    "stage1_system": frozenset(),
    "stage1_user": frozenset({"num_frames", "most_steps", "preferred_steps"}),
    "stage2_system": frozenset(),
    "stage2_user": frozenset({"num_frames", "end_of_video", "draft_plan"}),
    "stage3_system": frozenset(),
    "stage3_user": frozenset({"num_frames", "high_level_goal", "draft_step"}),
    "reask": frozenset({"errors"}),
    "reask_shorter": frozenset(),
    "follow_schema": frozenset({"schema"}),
    "as_video": frozenset({"picture_count"}),
    "as_frame_list": frozenset({"picture_count"}),
    "picture_names": frozenset({"labels"}),
    "doctor_plan": frozenset(),
    "doctor_prose": frozenset(),
    "chat_system": frozenset(),
    "chat_video": frozenset({"num_frames", "duration_sec"}),
    "chat_range": frozenset({"first_frame", "last_frame", "start_sec", "end_sec"}),
}

_BLANK = re.compile(r"\{\{(\w+)\}\}")
_MALFORMED_BLANK = re.compile(r"\{\{(?!\w+\}\}).{0,20}")


class PromptError(ValueError):
    """A prompt file is missing, unreadable, or its blanks are not the ones we fill."""


@dataclass(frozen=True)
class Prompt:
    """One prompt: its name, its text with blanks, and the SHA-256 of that text."""

    name: str
    template: str

    @property
    def digest(self) -> str:
        """SHA-256 of the template's UTF-8 bytes, hex."""
        return hashlib.sha256(self.template.encode()).hexdigest()

    def fill(self, **values: object) -> str:
        """Return the text with every blank filled. Raises PromptError on one too many or few."""
        wanted = set(_BLANK.findall(self.template))
        if missing := wanted - set(values):
            raise PromptError(f"prompt {self.name}: nothing to fill in for {sorted(missing)}")
        if unused := set(values) - wanted:
            raise PromptError(f"prompt {self.name}: there is no blank for {sorted(unused)}")
        return _BLANK.sub(lambda blank: str(values[blank.group(1)]), self.template)


def load_prompts(directory: Path | None = None) -> dict[str, Prompt]:
    """Read all prompts; a file ``NAME.txt`` in ``directory`` takes the place of ours.

    Raises PromptError when the folder holds none of the names, a text file that is no prompt of
    ours, or a prompt that is empty or whose blanks differ from those of ours.
    """
    own = _own_files(directory) if directory is not None else {}
    return {name: _read(name, own.get(name)) for name in NAMES}


def _own_files(directory: Path) -> dict[str, Path]:
    if not directory.is_dir():
        raise PromptError(f"{directory}: not a folder; --prompts-dir needs one with prompt files")
    files = {path.stem: path for path in sorted(directory.glob("*.txt"))}
    names = ", ".join(f"{name}.txt" for name in NAMES)
    if unknown := sorted(set(files) - set(NAMES)):
        raise PromptError(f"{directory}: {unknown[0]}.txt is no prompt; the names are {names}")
    if not files:
        raise PromptError(f"{directory}: no prompt file in it; the names are {names}")
    return files


def _read(name: str, path: Path | None) -> Prompt:
    source = path or resources.files(__name__).joinpath(f"{name}.txt")
    try:
        text = source.read_text(encoding="utf-8-sig").strip()  # editors on Windows write a mark
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{source}: cannot be read as UTF-8 text: {error}") from error
    if not text:
        raise PromptError(f"{source}: the file is empty; remove it to use our prompt")
    if malformed := _MALFORMED_BLANK.search(text):
        raise PromptError(f"{source}: a blank is written {{{{name}}}}; found {malformed.group()!r}")
    blanks = set(_BLANK.findall(text))
    if blanks != BLANKS[name]:
        raise PromptError(
            f"{source}: blanks must be {sorted(BLANKS[name])}; found {sorted(blanks)}"
        )
    return Prompt(name, text)
