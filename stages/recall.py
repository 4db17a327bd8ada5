"""The options of a command that looks back: what is not given now is as in the last run.

What a file in an output folder says is not trusted: it names no program to start and no words to
send, and where to ask is taken from it only by commands that ask nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from schemas.files import ApiConfig
from schemas.runs import OptionValue, RunRecord
from stages.advice import endpoint_words
from stages.record import REMEMBERED
from three_stage.runs import read_run_records
from three_stage.settings import EndpointSettings, InputSettings, PipelineSettings, UsageError
from three_stage.settings.cli import pipeline_options, settings_from
from three_stage.vlm import NO_KEY, OFFLINE, OFFLINE_BASE, PRESETS, resolve_endpoint

_INPUTS = frozenset({"input_video", "input_video_dir", "recursive"})
_NEVER_AT_ONCE = frozenset({"provider", "api_base", "model", "prompts_dir"})


@dataclass(frozen=True)
class LastAsked:
    """Which endpoint made the results, by the record of the last run or by the folders."""

    model: str
    api_base: str
    provider: str | None

    @property
    def is_offline(self) -> bool:
        """Whether it was the embedded model."""
        return self.api_base == OFFLINE_BASE


@dataclass(frozen=True)
class Recalled:
    """Settings of a command on an output root, and the records of its last runs, latest first."""

    settings: PipelineSettings
    records: tuple[RunRecord, ...]
    gives_inputs: bool
    recorded_inputs: InputSettings | None

    @property
    def inputs(self) -> InputSettings | None:
        """The inputs that were given or remembered, if any."""
        inputs = self.settings.inputs
        return inputs if inputs.input_video or inputs.input_video_dir else None

    @property
    def prompts_dir(self) -> Path | None:
        """The folder of prompts of the last run, when none is given now."""
        recorded = self.records[0].options.get("prompts_dir") if self.records else None
        is_new = self.settings.run.prompts_dir is None and isinstance(recorded, str)
        return Path(str(recorded)) if is_new else None


def recalled(context: click.Context, parameters: Mapping[str, Any], output_root: Path) -> Recalled:
    """Return the settings of a command on an output root. Raises UsageError when there is none."""
    if not output_root.is_dir():
        raise UsageError(f"{output_root}: there is no such folder.")
    records = read_run_records(output_root)
    given = {name for name in parameters if _is_given(context, name)}
    options = records[0].options if records else {}
    left = (options.keys() & REMEMBERED) - _NEVER_AT_ONCE
    recorded = _converted(context, {name: options[name] for name in left})
    taken = {name: value for name, value in recorded.items() if name not in given}
    if given & _INPUTS:
        taken = {name: value for name, value in taken.items() if name not in _INPUTS}
    settings = settings_from({**parameters, **taken})
    inputs = settings_from({name: recorded[name] for name in recorded.keys() & _INPUTS}).inputs
    return Recalled(
        replace(settings, run=replace(settings.run, output_root=output_root)),
        tuple(records),
        gives_inputs=bool(given & _INPUTS),
        recorded_inputs=inputs if records else None,
    )


def last_asked(records: Sequence[RunRecord], configs: Sequence[ApiConfig]) -> LastAsked | None:
    """Return which endpoint was asked: by the last run, else by most folders."""
    if records:
        provider = records[0].options.get("provider")
        return LastAsked(
            records[0].model, records[0].api_base, provider if isinstance(provider, str) else None
        )
    known = Counter((one.model, one.api_base, one.provider) for one in configs)
    if not known:
        return None
    model, api_base, name = known.most_common(1)[0][0]
    return LastAsked(model, api_base, name if name in PRESETS else None)


def for_looking(settings: PipelineSettings, last: LastAsked | None) -> PipelineSettings:
    """Take the last endpoint for a command that asks nobody, unless one is given; needs no key."""
    endpoint = settings.endpoint
    if not names_endpoint(endpoint):
        if last is None or last.is_offline:
            offline = replace(endpoint, provider=OFFLINE, api_key=None)
            return replace(settings, endpoint=offline)
        endpoint = replace(
            endpoint,
            provider=last.provider,
            api_base=last.api_base,
            model=endpoint.model or last.model,
        )
    endpoint = replace(endpoint, api_key=endpoint.api_key or NO_KEY)
    return replace(settings, endpoint=_same_model(endpoint, last))


def for_asking(settings: PipelineSettings, last: LastAsked | None) -> PipelineSettings:
    """Take the last model where the last endpoint is given again.

    Raises UsageError where the embedded model would go on with what a real one began.
    """
    if names_endpoint(settings.endpoint):
        return replace(settings, endpoint=_same_model(settings.endpoint, last))
    if last is None or last.is_offline:
        return settings
    words = endpoint_words(last.provider, last.api_base, last.model)
    raise UsageError(
        f"The results were made by {last.model} at {last.api_base}, and no endpoint is given now.",
        hint=f"Say again where to ask: {words}, and the key as API_KEY; or --provider offline for "
        "the embedded model.",
    )


def names_endpoint(endpoint: EndpointSettings) -> bool:
    """Tell whether an endpoint is given now."""
    return bool(endpoint.provider or endpoint.api_base)


def _same_model(endpoint: EndpointSettings, last: LastAsked | None) -> EndpointSettings:
    """Fill in what was not said again, when it is the same address."""
    if last is None or last.is_offline:
        return endpoint
    given = replace(endpoint, api_key=endpoint.api_key or NO_KEY)
    provider = endpoint.provider or last.provider
    address = resolve_endpoint(replace(given, provider=provider, model=given.model or last.model))
    if address.api_base != last.api_base:
        return endpoint
    return replace(endpoint, provider=provider, model=endpoint.model or last.model)


def _is_given(context: click.Context, name: str) -> bool:
    """Tell whether an option stands on the command line, in the environment or in .env."""
    return context.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)


def _every_option() -> click.Command:
    """Return a command with all options of the pipeline, for what they say of values."""
    return click.command(pipeline_options(lambda **_parameters: None))


def _converted(context: click.Context, options: Mapping[str, OptionValue]) -> dict[str, Any]:
    """Check remembered values as if they were typed."""
    known = {parameter.name: parameter for parameter in _every_option().params}
    found: dict[str, Any] = {}
    for name, value in options.items():
        if value is None or value == ():
            continue
        try:
            found[name] = known[name].type_cast_value(context, _as_typed(value))
        except (click.UsageError, TypeError, ValueError, OSError) as error:
            said = error.message if isinstance(error, click.UsageError) else str(error)
            raise UsageError(
                f"The record of the last run (.runs in the output root) holds {name} = {value!r}: "
                f"{said}",
                hint="Give the option, or remove that file.",
            ) from None
    return found


def _as_typed(value: OptionValue) -> Any:
    if isinstance(value, bool):
        return value
    texts = [str(one) for one in value] if isinstance(value, tuple) else [str(value)]
    if any("\0" in text for text in texts):
        raise ValueError("it holds a NUL")
    return texts if isinstance(value, tuple) else texts[0]
