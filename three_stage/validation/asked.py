"""The questions of a folder: each one's prompts, raw answer and result against the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.problems import SchemaError, parse_json
from three_stage.runs import StagePaths, digest_of
from three_stage.validation.calls import Journal, Key, check_answer
from three_stage.validation.codes import Code
from three_stage.validation.contents import Contents
from three_stage.validation.made_with import check_made
from three_stage.validation.pictures import MAX_PICTURE_BYTES
from three_stage.validation.pool import expected_pictures
from three_stage.validation.prompts_sent import Texts, stage1_digest, texts_sent
from three_stage.validation.records import check_figures
from three_stage.validation.view import FolderView


@dataclass(frozen=True)
class Asked:
    """One question: where its texts are, and what was made of its answer."""

    key: Key
    paths: StagePaths
    result: BaseModel | None
    result_path: Path


def check_questions(
    view: FolderView, contents: Contents, journal: Journal | None
) -> Mapping[Key, str]:
    """Check the prompts, the raw answer and the result of every question of a completed stage.

    Returns the raw answers.
    """
    answers: dict[Key, str] = {}
    for asked in questions(view, contents):
        system = view.read_text(asked.paths.system_prompt)
        user = view.read_text(asked.paths.user_prompt)
        raw = view.read_text(asked.paths.raw_response)
        if system is not None and user is not None:
            _check_prompts(view, contents, asked, Texts(system, user))
            if asked.key[0] == "stage1" and journal is not None and raw is not None:
                _check_stage1_sent(view, contents, Texts(system, user), journal, raw)
        if raw is None:
            continue
        answers[asked.key] = raw
        _check_result(view, asked, raw)
        if journal is not None:
            check_answer(view, journal, asked.key, asked.paths.raw_response, raw)
    if journal is not None and contents.summary is not None:
        check_figures(view, contents.summary, journal, answers)
        check_made(view, contents.summary, journal, answers)
    return answers


def _check_prompts(view: FolderView, contents: Contents, asked: Asked, found: Texts) -> None:
    sent = texts_sent(contents, asked.key, _inputs(contents, asked.key))
    if sent is None:
        return
    pairs = (
        (asked.paths.system_prompt, found.system, sent.system),
        (asked.paths.user_prompt, found.user, sent.user),
    )
    for path, text, wanted in pairs:
        if text != wanted:
            message = "is not the prompt that run_summary.json says was sent"
            view.findings.add(Code.PROMPT_DIFFERS, view.relpath(path), message)


def _check_stage1_sent(
    view: FolderView, contents: Contents, found: Texts, journal: Journal, raw: str
) -> None:
    """Check prompts and pictures of stage 1, byte by byte, against the digest in the journal."""
    if contents.manifest is None:
        return
    inputs, layout = _inputs(contents, ("stage1", None)), view.layout
    key = digest_of(inputs)
    calls = [call for call in journal.same(("stage1", None), raw) if call.ask_key == key]
    paths = expected_pictures(layout.stage1, contents.manifest)
    pictures = [view.read_bytes(path, limit_bytes=MAX_PICTURE_BYTES) for path in paths]
    known = [picture for picture in pictures if picture is not None]
    if not calls or any(call.attempt > 1 for call in calls) or len(known) < len(pictures):
        return
    digest = stage1_digest(found, known, inputs)
    if digest is not None and all(call.prompt_digest != digest for call in calls):
        message = "with the prompts and pictures of stage1 it is not what calls.jsonl says was sent"
        view.findings.add(Code.PROMPT_DIFFERS, view.relpath(layout.stage1.manifest), message)


def _inputs(contents: Contents, key: Key) -> Mapping[str, str]:
    """Return the inputs that a question is recorded to have been asked with."""
    name, step_id = key
    record = getattr(contents.summary, name) if contents.summary else None
    if record is not None and step_id is not None:
        record = record.parts.get(str(step_id))
    return record.ask_inputs if record is not None else {}


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
