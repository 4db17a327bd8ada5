"""What made a stage, where two places tell: its inputs, its answers in the journal, settings."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.files import CallRecord, PartRecord, RunSummary, StageRecord, Usage
from three_stage.settings import EndpointSettings
from three_stage.settings.option import spec_of
from three_stage.validation.calls import Journal, Key
from three_stage.validation.codes import Code
from three_stage.validation.records import COST_TOLERANCE, completed, was_accepted
from three_stage.validation.summary import STAGES, is_real_time
from three_stage.validation.view import FolderView

_MODEL, _OVERWRITE, _DRAWN_INDEX = "model", "overwrite", "drawn index"
"""Names of inputs in ask_inputs."""

_REUSED = re.compile(
    r"answer from calls\.jsonl|step \d+: answer from calls\.jsonl|localization_raw\.json"
    r"|step_clips/step\d\d_.+\.mp4|.*--reuse-any.*"
)
"""What a stage's record says of what it reused."""


@dataclass(frozen=True)
class Made:
    """One question of a completed stage: its record, and the raw answer in use."""

    place: str
    key: Key
    stage: StageRecord
    record: StageRecord | PartRecord
    text: str


def check_made(
    view: FolderView, summary: RunSummary, journal: Journal, accepted: Mapping[Key, str]
) -> None:
    """Check every answer in use against the record of its question; ``accepted`` are their texts.

    Not after --reuse-any, which accepts what has no record.
    """
    for made in _questions(summary, accepted):
        answers = [a for a in journal.same(made.key, made.text) if not journal.is_rejected(a)]
        if not answers:
            continue  # said already
        of_key = [answer for answer in answers if answer.ask_key == made.record.ask_key]
        if not of_key:
            _say(view, f"{made.place}.ask_key: calls.jsonl has its answer under another one")
            continue
        _check_model(view, made, of_key[-1])
        _check_verdict(view, made, journal, of_key)
        _check_took(view, made, journal.requests.get(made.key, []))


def _questions(summary: RunSummary, accepted: Mapping[Key, str]) -> Iterator[Made]:
    for key, text in accepted.items():
        name, step_id = key
        stage = completed(summary, name)
        if stage is None or was_accepted(stage):
            continue
        if step_id is None:
            yield Made(name, key, stage, stage, text)
        elif (part := stage.parts.get(str(step_id))) is not None:
            yield Made(f"{name}.parts.{step_id}", key, stage, part, text)


def _check_model(view: FolderView, made: Made, answer: CallRecord) -> None:
    model = made.record.ask_inputs.get(_MODEL, answer.model_asked)
    if answer.model_asked != model:
        message = (
            f"{made.place}.ask_inputs: model {model!r}, calls.jsonl has {answer.model_asked!r}"
        )
        _say(view, message)


def _check_verdict(
    view: FolderView, made: Made, journal: Journal, answers: list[CallRecord]
) -> None:
    verdicts = [v for a in answers if (v := journal.verdicts.get(a.call_id)) is not None]
    notes = set(made.record.warnings)
    if verdicts and not any(set(verdict.notes) <= notes for verdict in verdicts):
        _say(view, f"{made.place}.warnings: not all that calls.jsonl noted of its answer")
    if not verdicts and _is_of_this_run(made.stage, answers[-1]):
        # A kill can leave an answer without a verdict; the run after it takes the answer anew.
        view.findings.add(
            Code.CALLS_VERDICT,
            view.relpath(view.layout.calls),
            f"the answer of {made.place} ({answers[-1].call_id}) has no verdict",
        )


def _is_of_this_run(stage: StageRecord, answer: CallRecord) -> bool:
    if not (is_real_time(stage.started_at_utc) and is_real_time(answer.started_at_utc)):
        return False
    began = datetime.fromisoformat(stage.started_at_utc)
    return datetime.fromisoformat(answer.started_at_utc) >= began


def _check_took(view: FolderView, made: Made, requests: list[CallRecord]) -> None:
    """Check that a question did not take more than all requests under its key together."""
    of_key = [request for request in requests if request.ask_key == made.record.ask_key]
    for field in Usage.model_fields:
        most = sum(getattr(request.usage, field) for request in of_key)
        counted = getattr(made.record.usage, field)
        if counted > most:
            message = f"{made.place}.usage.{field}: {counted}, all its requests took {most}"
            view.findings.add(Code.SUMMARY_COUNT, view.relpath(view.layout.summary), message)
    most_cost = sum(request.cost or 0.0 for request in of_key)
    if (made.record.cost or 0.0) > most_cost + COST_TOLERANCE:
        message = f"{made.place}.cost: {made.record.cost}, all its requests cost {most_cost}"
        view.findings.add(Code.SUMMARY_COUNT, view.relpath(view.layout.summary), message)


# The summary by itself


def check_settings(view: FolderView, summary: RunSummary) -> None:
    """Check generations, api_config and what was reused against the inputs of the stages."""
    for name in summary.generations.keys() - set(STAGES):
        _say(view, f"generations: {name!r} is no stage")
    for name in STAGES:
        stage = completed(summary, name)
        if stage is not None:
            _check_stage(view, summary, name, stage)
    _check_api_config(view, summary)
    drawn = str(summary.sampling_config.embed_index)
    asked = summary.stage2.ask_inputs.get(_DRAWN_INDEX, drawn) if summary.stage2 else drawn
    if asked != drawn:
        message = f"sampling_config.embed_index: {drawn}, stage 2 was asked with {asked}"
        view.findings.add(Code.SUMMARY_SAMPLING, view.relpath(view.layout.summary), message)


def _check_stage(view: FolderView, summary: RunSummary, name: str, stage: StageRecord) -> None:
    for note in stage.reused:
        if not _REUSED.fullmatch(note):
            _say(view, f"{name}.reused: {note!r} is nothing that a stage can reuse")
    if was_accepted(stage):
        return
    generation = summary.generations.get(name, 0)
    if stage.generation != generation:
        _say(view, f"{name}.generation: {stage.generation}, generations has {generation}")
    inputs = {f"{name}.parts.{step}": part.ask_inputs for step, part in stage.parts.items()}
    for place, recorded in {name: stage.ask_inputs, **inputs}.items():
        asked = recorded.get(_OVERWRITE, str(generation))
        if asked != str(generation):
            _say(view, f"{place}.ask_inputs: overwrite {asked}, generations has {generation}")
    if name == "stage2":
        _check_clip_parts(view, stage)
    if name == "stage3":
        _check_step_warnings(view, stage)


def _check_clip_parts(view: FolderView, stage: StageRecord) -> None:
    path = view.relpath(view.layout.summary)
    for step, part in stage.parts.items():
        if (part.attempts, part.usage, part.cost, part.warnings) != (0, Usage(), None, ()):
            message = f"stage2.parts.{step}: a clip takes no answer, and its record has none"
            view.findings.add(Code.SUMMARY_COUNT, path, message)
        if part.cut_key and None in (part.clip_start_sec, part.clip_end_sec):
            message = f"stage2.parts.{step}: nothing of what its clip holds"
            view.findings.add(Code.SUMMARY_PART, path, message)


def _check_step_warnings(view: FolderView, stage: StageRecord) -> None:
    wanted = {
        f"step {step}: {line}" for step, part in stage.parts.items() for line in part.warnings
    }
    if set(stage.warnings) != wanted:
        _say(view, "stage3.warnings: they are not those of its steps")


def _check_api_config(view: FolderView, summary: RunSummary) -> None:
    config = summary.api_config
    for field in dataclasses.fields(EndpointSettings):
        choices = spec_of(field).choices
        said = getattr(config, field.name, None)
        if choices and said is not None and said not in choices:
            _say(view, f"api_config.{field.name}: {said!r} is none of {', '.join(choices)}")
    stages = [s for name in STAGES if (s := completed(summary, name)) is not None]
    if any(map(was_accepted, stages)):
        return
    inputs = [stage.ask_inputs for stage in stages]
    inputs += [part.ask_inputs for stage in stages for part in stage.parts.values()]
    said_as = {
        "model": (_MODEL, config.model),
        "temperature": ("temperature", str(config.temperature)),
        "max_tokens": ("max tokens", str(config.max_tokens)),
    }
    for name, (input_name, said) in said_as.items():
        asked = {asked[input_name] for asked in inputs if input_name in asked}
        if asked and said not in asked:
            _say(
                view,
                f"api_config.{name}: {said}, stages were asked with {', '.join(sorted(asked))}",
            )


def _say(view: FolderView, message: str) -> None:
    view.findings.add(Code.SUMMARY_MADE, view.relpath(view.layout.summary), message)
