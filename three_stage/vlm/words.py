"""What this room itself says to a model: re-asks, and what a request cannot carry otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from prompts import Prompt, load_prompts


@dataclass(frozen=True, kw_only=True)
class Words:
    """The prompts of this room; ``prompts/`` holds ours, and says which blanks they have."""

    reask: Prompt
    reask_shorter: Prompt
    follow_schema: Prompt
    as_video: Prompt
    as_frame_list: Prompt
    picture_names: Prompt

    @classmethod
    def from_prompts(cls, prompts: Mapping[str, Prompt]) -> Self:
        """Take the prompts of this room out of all."""
        return cls(**{name: prompts[name] for name in cls.__dataclass_fields__})

    @classmethod
    def ours(cls) -> Self:
        """Return the words that come with the package."""
        return cls.from_prompts(load_prompts())
