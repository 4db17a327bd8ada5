"""The prompts on disk against what is recorded of the ones that were sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from prompts import Prompt, load_prompts
from schemas.plan import PREFERRED_STEPS, most_steps_for
from schemas.publish import sent_schema
from three_stage.runs import digest_of, json_text
from three_stage.validation.calls import Key
from three_stage.validation.contents import Contents

_PROMPT, _DRAFT, _SCHEMA, _MAX_TOKENS = "prompt", "draft", "schema", "max tokens"
"""Names of inputs in ask_inputs."""

_STAGE1_SCHEMA = "draft_plan"


@dataclass(frozen=True)
class Texts:
    """The two prompts of a question."""

    system: str
    user: str


def texts_sent(contents: Contents, key: Key, inputs: Mapping[str, str]) -> Texts | None:
    """Return the prompts that must stand in the files of a question; None where nobody can tell.

    That is so for the prompts of this version: of others only the digest is recorded. And only as
    long as the draft is the one that was asked with.
    """
    stage = key[0]
    system, user = (_ours()[f"{stage}_{role}"] for role in ("system", "user"))
    if inputs.get(_PROMPT) != digest_of([system.digest, user.digest]):
        return None
    blanks = _blanks(contents, key, inputs)
    return Texts(system.fill(), user.fill(**blanks)) if blanks is not None else None


@cache
def _ours() -> Mapping[str, Prompt]:
    return load_prompts()


def _blanks(contents: Contents, key: Key, inputs: Mapping[str, str]) -> dict[str, object] | None:
    """Return what the blanks of a question's user prompt were filled with, where that is known."""
    draft, pool, (stage, step_id) = contents.draft, contents.pool, key
    if draft is None or pool is None:
        return None
    count = pool.manifest.num_frames
    if stage == "stage1":
        most = most_steps_for(pool.displayed_frames)
        low, high = PREFERRED_STEPS
        preferred = f"{low} to {min(high, most)}" if most > low else most
        return {"num_frames": count, "most_steps": most, "preferred_steps": preferred}
    if stage == "stage2":
        if inputs.get(_DRAFT) != digest_of(draft.model_dump(mode="json")):
            return None
        said = json_text(draft).strip()
        return {"num_frames": count, "end_of_video": count + 1, "draft_plan": said}
    step = next(step for step in draft.steps if step.step_id == step_id)
    manifest = contents.steps[step.step_id].manifest
    asked_with = digest_of([draft.high_level_goal, step.model_dump(mode="json")])
    if manifest is None or inputs.get(_DRAFT) != asked_with:
        return None
    return {
        "num_frames": manifest.num_frames,
        "high_level_goal": draft.high_level_goal,
        "draft_step": json_text(step).strip(),
    }


def stage1_digest(texts: Texts, pictures: Iterable[bytes], inputs: Mapping[str, str]) -> str | None:
    """Return the prompt digest of the first attempt at stage 1; None where nobody can tell.

    ``pictures`` are the pool's files: stage 1 sends them as they are, in order, without labels.
    The formula is that of ``three_stage.vlm.bodies``; the schema is that of this version.
    """
    schema: dict[str, Any] = dict(sent_schema(_STAGE1_SCHEMA))
    max_tokens = inputs.get(_MAX_TOKENS, "")
    if inputs.get(_SCHEMA) != digest_of(schema) or not max_tokens.isdecimal():
        return None
    shown = hashlib.sha256()
    for picture in pictures:
        shown.update(hashlib.sha256(picture).digest())
        shown.update(repr(None).encode())
    said = [
        texts.system, texts.user, None, None, _STAGE1_SCHEMA, schema, int(max_tokens),
        shown.hexdigest(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("ascii")).hexdigest()
