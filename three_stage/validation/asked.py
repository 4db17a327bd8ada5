"""The questions of a folder: each one's prompts, raw answer and result against the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.files import PartRecord, StageRecord
from schemas.problems import SchemaError, parse_json
from three_stage.runs import StagePaths, digest_of, json_text
from three_stage.validation.calls import Journal, Key, check_answer
from three_stage.validation.codes import Code
from three_stage.validation.contents import Contents
from three_stage.validation.plans import most_steps_for, preferred_steps
from three_stage.validation.prompts import PROMPT_INPUT, Filled, may_be_asked
from three_stage.validation.records import check_figures
from three_stage.validation.view import FolderView

_DRAFT_INPUT = "draft"
"""Name of the draft's digest in ask_inputs."""


@dataclass(frozen=True)
class Asked:
    """One question: where its texts are, what was made of its answer, and its record.

    ``blanks`` is what its user prompt was filled with; None where that is not known.
    """

    key: Key
    paths: StagePaths
    result: BaseModel | None
    result_path: Path
    record: StageRecord | PartRecord | None
    blanks: Filled | None


def check_questions(view: FolderView, contents: Contents, journal: Journal | None) -> None:
    """Check the prompts, the raw answer and the result of every question of a completed stage."""
    texts: dict[Key, str] = {}
    for asked in questions(view, contents):
        system = view.read_text(asked.paths.system_prompt)
        user = view.read_text(asked.paths.user_prompt)
        if system is not None and user is not None:
            _check_prompts(view, asked, system, user)
        raw = view.read_text(asked.paths.raw_response)
        if raw is None:
            continue
        texts[asked.key] = raw
        _check_result(view, asked, raw)
        if journal is not None:
            check_answer(view, journal, asked.key, asked.paths.raw_response, raw)
    if journal is not None and contents.summary is not None:
        check_figures(view, contents.summary, journal, texts)


def questions(view: FolderView, contents: Contents) -> Iterator[Asked]:
    """Yield the questions of all completed stages."""
    layout, summary = view.layout, contents.summary
    if "stage1" in contents.done:
        record = summary.stage1 if summary else None
        blanks = _of_stage1(contents)
        yield Asked(("stage1", None), layout.stage1, contents.draft, layout.draft, record, blanks)
    if "stage2" in contents.done:
        record = summary.stage2 if summary else None
        blanks, found = _of_stage2(contents, record), contents.localization
        yield Asked(("stage2", None), layout.stage2, found, layout.localization, record, blanks)
    parts = summary.stage3.parts if summary and summary.stage3 else {}
    for step_id, files in contents.steps.items():
        part = parts.get(str(step_id))
        paths, blanks = files.paths, _of_stage3(contents, step_id, part)
        yield Asked(("stage3", step_id), paths, files.step, paths.final, part, blanks)


def _of_stage1(contents: Contents) -> Filled | None:
    pool = contents.pool
    if pool is None:
        return None
    most = most_steps_for(pool.displayed_frames)
    return Filled(
        {
            "num_frames": str(pool.manifest.num_frames),
            "most_steps": str(most),
            "preferred_steps": preferred_steps(most),
        }
    )


def _of_stage2(contents: Contents, record: StageRecord | None) -> Filled | None:
    draft, manifest = contents.draft, contents.manifest
    if draft is None or manifest is None or record is None:
        return None
    if record.ask_inputs.get(_DRAFT_INPUT) != digest_of(draft.model_dump(mode="json")):
        return None
    count = manifest.num_frames
    return Filled(
        {"num_frames": str(count), "end_of_video": str(count + 1)},
        {"draft_plan": json_text(draft).strip()},
    )


def _of_stage3(contents: Contents, step_id: int, part: PartRecord | None) -> Filled | None:
    draft, manifest = contents.draft, contents.steps[step_id].manifest
    if draft is None or manifest is None or part is None:
        return None
    step = next(step for step in draft.steps if step.step_id == step_id)
    of_step = digest_of([draft.high_level_goal, step.model_dump(mode="json")])
    if part.ask_inputs.get(_DRAFT_INPUT) != of_step:
        return None
    return Filled(
        {"num_frames": str(manifest.num_frames), "high_level_goal": draft.high_level_goal},
        {"draft_step": json_text(step).strip()},
    )


def _check_prompts(view: FolderView, asked: Asked, system: str, user: str) -> None:
    recorded = asked.record.ask_inputs.get(PROMPT_INPUT) if asked.record else None
    if recorded is None or asked.blanks is None:
        return
    if not may_be_asked(system, user, asked.blanks, recorded):
        view.findings.add(
            Code.PROMPT_CHANGED,
            view.relpath(asked.paths.user_prompt),
            f"with {asked.paths.system_prompt.name}, is not what run_summary.json says was asked",
        )


def _check_result(view: FolderView, asked: Asked, raw: str) -> None:
    """Compare a result with the raw answer, where that is plain JSON and a valid answer."""
    if asked.result is None:
        return
    try:
        answered = parse_json(type(asked.result), raw)
    except SchemaError:
        return
    there = first_difference(asked.result.model_dump(mode="json"), answered.model_dump(mode="json"))
    if there is not None:
        view.findings.add(
            Code.ANSWER_EDITED,
            view.relpath(asked.result_path),
            f"{there or 'it'} differs from {asked.paths.raw_response.name}: edited by hand after "
            "the model answered?",
        )


def first_difference(first: Any, second: Any, path: str = "") -> str | None:
    """Return where two JSON values first differ, as ``steps[1].step_goal``, or None."""
    pairs: Iterator[tuple[str, Any, Any]] = iter(())
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        pairs = ((f"{path}.{k}" if path else k, first[k], second[k]) for k in first)
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        numbered = enumerate(zip(first, second, strict=True))
        pairs = ((f"{path}[{i}]", have, want) for i, (have, want) in numbered)
    elif first != second:
        return path
    found = (first_difference(have, want, here) for here, have, want in pairs)
    return next((there for there in found if there is not None), None)
