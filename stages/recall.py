"""The options of a command that looks back: what is not given now is as in the last run.

The endpoint's address is never taken from a file in an output folder for asking: a key must not go
where a folder says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from schemas.runs import OptionValue, RunRecord
from three_stage.runs import read_run_records
from three_stage.settings import InputSettings, PipelineSettings, UsageError
from three_stage.settings.cli import pipeline_options, settings_from
from three_stage.vlm import NO_KEY, OFFLINE_BASE

ADDRESS = ("provider", "api_base", "model")
INPUTS = ("input_video", "input_video_dir", "recursive")


def recalled(
    context: click.Context, parameters: Mapping[str, Any], output_root: Path
) -> tuple[PipelineSettings, list[RunRecord]]:
    """Return the settings of a command on an output root, and the records of its last runs.

    Raises UsageError when there is no such output root.
    """
    if not output_root.is_dir():
        raise UsageError(f"{output_root}: there is no such folder.")
    records = read_run_records(output_root)
    merged = dict(parameters)
    if records:
        given = {name for name in parameters if _is_given(context, name)}
        left = set(records[0].options) - given - set(ADDRESS)
        if given & set(INPUTS):
            left -= set(INPUTS)
        merged |= _converted(context, {name: records[0].options[name] for name in left})
    settings = settings_from(merged)
    return replace(settings, run=replace(settings.run, output_root=output_root)), records


def inputs_or_none(settings: PipelineSettings) -> InputSettings | None:
    """Return the inputs that were given or remembered, if any."""
    inputs = settings.inputs
    return inputs if inputs.input_video or inputs.input_video_dir else None


def with_address_of(settings: PipelineSettings, record: RunRecord | None) -> PipelineSettings:
    """Take the endpoint of the last run for a command that asks nobody, unless one is given.

    Such a command needs no key.
    """
    endpoint = settings.endpoint
    if not names_endpoint(settings) and record is not None:
        address = {name: record.options.get(name) for name in ADDRESS}
        endpoint = replace(endpoint, **address)  # type: ignore[arg-type]
    is_named = bool(endpoint.provider or endpoint.api_base)
    endpoint = replace(
        endpoint,
        api_key=endpoint.api_key or NO_KEY if is_named else None,
        model=endpoint.model if is_named else None,
    )
    return replace(settings, endpoint=endpoint)


def refuse_another_endpoint(settings: PipelineSettings, record: RunRecord | None) -> None:
    """Raise UsageError where the embedded model would go on with what a real one began."""
    if record is None or names_endpoint(settings) or record.api_base == OFFLINE_BASE:
        return
    raise UsageError(
        f"The last run asked {record.model} at {record.api_base}, and no endpoint is given now.",
        hint=f"Say again where to ask: --api-base {record.api_base} or --provider, and the key as "
        "API_KEY; or --provider offline for the embedded model.",
    )


def names_endpoint(settings: PipelineSettings) -> bool:
    """Tell whether an endpoint is given now."""
    return bool(settings.endpoint.provider or settings.endpoint.api_base)


def _is_given(context: click.Context, name: str) -> bool:
    """Tell whether an option stands on the command line, in the environment or in .env."""
    return context.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)


def _every_option() -> click.Command:
    """Return a command with all options of the pipeline, for what they say of values."""
    return click.command(pipeline_options(lambda **_parameters: None))


def _converted(context: click.Context, options: Mapping[str, OptionValue]) -> dict[str, Any]:
    """Check remembered values as if they were typed; an option that is gone is passed over."""
    known = {parameter.name: parameter for parameter in _every_option().params}
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known or value is None or value == ():
            continue
        typed: Any = (
            list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
        )
        try:
            found[name] = known[name].type_cast_value(context, typed)
        except click.UsageError as error:
            raise UsageError(
                f"The last run's options ({context.params.get('output_root')}/.runs) hold "
                f"{name} = {value!r}: {error.message}",
                hint="Give the option, or remove that file.",
            ) from None
    return found
