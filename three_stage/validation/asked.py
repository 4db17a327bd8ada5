"""The questions of a folder: each one's prompts, raw answer and result against the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.problems import SchemaError, parse_json
from three_stage.runs import StagePaths
from three_stage.validation.calls import Journal, Key, check_answer
from three_stage.validation.codes import Code
from three_stage.validation.contents import Contents
from three_stage.validation.records import check_figures
from three_stage.validation.view import FolderView


@dataclass(frozen=True)
class Asked:
    """One question: where its texts are, and what was made of its answer."""

    key: Key
    paths: StagePaths
    result: BaseModel | None
    result_path: Path


def check_questions(view: FolderView, contents: Contents, journal: Journal | None) -> None:
    """Check the prompts, the raw answer and the result of every question of a completed stage."""
    texts: dict[Key, str] = {}
    for asked in questions(view, contents):
        view.read_text(asked.paths.system_prompt)
        view.read_text(asked.paths.user_prompt)
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
    layout = view.layout
    if "stage1" in contents.done:
        yield Asked(("stage1", None), layout.stage1, contents.draft, layout.draft)
    if "stage2" in contents.done:
        found = contents.localization
        yield Asked(("stage2", None), layout.stage2, found, layout.localization)
    for step_id, files in contents.steps.items():
        yield Asked(("stage3", step_id), files.paths, files.step, files.paths.final)


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
