"""Command-line options made from the settings classes, and settings made from what was given."""

from __future__ import annotations

import dataclasses
import math
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from dotenv import dotenv_values

from three_stage.settings.errors import UsageError
from three_stage.settings.model import ChatSettings, PipelineSettings
from three_stage.settings.option import OptionSpec, spec_of
from three_stage.settings.secrets import SHORTEST_PART, hidden

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SettingsT = TypeVar("SettingsT", bound="DataclassInstance")

DOTENV_FILE = Path(".env")
HELP_FORM = {"max_content_width": 100}
"""click's settings of every command."""


class _FiniteRange(click.FloatRange):
    """A range without "nan" and "inf", which Python reads as numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def pipeline_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command every option of the pipeline, in the order of the settings classes."""
    return pipeline_options_without()(command)


def pipeline_options_without(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a click command the options of the pipeline but those fields of the settings."""
    return options_of(PipelineSettings, without=names)


def options_of(
    settings_type: type, *, without: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a click command every option of a settings class made of groups, in their order."""
    declared = [
        (field, group_type)
        for group_type in group_types(settings_type).values()
        for field in dataclasses.fields(group_type)
        if field.name not in without
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for field, group_type in reversed(declared):
            annotation = typing.get_type_hints(group_type)[field.name]
            command = _click_option(field, annotation)(command)
        return command

    return decorate


def group_types(settings_type: type = PipelineSettings) -> dict[str, type]:
    """Return the classes of a settings class's groups by the name of their field."""
    return {
        field.name: typing.cast("type", type(field.default))
        for field in dataclasses.fields(settings_type)
    }


def settings_from(parameters: Mapping[str, Any]) -> PipelineSettings:
    """Build the pipeline's frozen settings from click's parameters (option name → value).

    An option that the command does not have keeps its default.
    """
    return build_settings(PipelineSettings, parameters)


def build_settings(settings_type: type[SettingsT], parameters: Mapping[str, Any]) -> SettingsT:
    """Build a settings class made of groups, as ``settings_from`` does."""
    groups = {
        name: group_type(
            **{
                field.name: parameters[field.name]
                for field in dataclasses.fields(group_type)
                if field.name in parameters
            }
        )
        for name, group_type in group_types(settings_type).items()
    }
    return settings_type(**groups)


def dotenv_defaults(
    path: Path = DOTENV_FILE, settings_type: type = PipelineSettings
) -> dict[str, Any]:
    """Read ``./.env`` into defaults by option name; the environment and the command line win.

    Raises UsageError when the file is there and cannot be read as UTF-8 text.
    """
    if not path.is_file():
        return {}
    try:
        values = dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path.resolve()}: cannot be read as a UTF-8 .env file: {error}"
        ) from error
    defaults: dict[str, Any] = {}
    for group_type in group_types(settings_type).values():
        for field in dataclasses.fields(group_type):
            spec = spec_of(field)
            value = values.get(spec.env)
            if value:
                # click splits the same variable of the environment so.
                defaults[field.name] = value.split(os.pathsep) if spec.multiple else value
    return defaults


def given_keys(arguments: Sequence[str]) -> list[str]:
    """Return every secret that was given: on the command line, in the environment, in ./.env."""
    secrets = [
        (field.name, spec_of(field))
        for group_type in group_types(ChatSettings).values()
        for field in dataclasses.fields(group_type)
        if spec_of(field).secret
    ]
    try:
        stored = dotenv_defaults(settings_type=ChatSettings)
    except UsageError:
        stored = {}
    found: list[str | None] = []
    for name, spec in secrets:
        found += [
            value.removeprefix(f"{spec.flag}=")
            for before, value in zip(("", *arguments), arguments, strict=False)
            if before == spec.flag or value.startswith(f"{spec.flag}=")
        ]
        found += [os.environ.get(spec.env), stored.get(name)]
    return [secret.strip() for secret in found if secret]


def without_keys(said: str, arguments: Sequence[str]) -> str:
    """Take keys out of an error of a command, which may repeat one typed in the wrong place.

    What is too short to be a part of a key is no secret, and may be a word of the error.
    """
    for key in given_keys(arguments):
        if len(key) >= SHORTEST_PART:
            said = hidden(said, key)
    return said


def _click_option(
    field: dataclasses.Field[Any], annotation: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    spec = spec_of(field)
    if annotation is bool:
        return click.option(
            spec.flag, field.name, is_flag=True, default=field.default, envvar=spec.env,
            help=spec.help,
        )  # fmt: skip
    return click.option(
        spec.flag,
        field.name,
        type=_click_type(spec, annotation),
        default=field.default,
        envvar=spec.env,
        multiple=spec.multiple,
        metavar=spec.metavar,
        show_default=spec.shown_default or (field.default not in (None, ())),
        help=spec.help,
    )


def _click_type(spec: OptionSpec, annotation: Any) -> click.ParamType[Any] | type[str]:
    if spec.choices:
        return click.Choice(spec.choices)
    base = _base_type(annotation)
    if base is int:
        return click.IntRange(_as_int(spec.minimum), _as_int(spec.maximum))
    if base is float:
        return _FiniteRange(spec.minimum, spec.maximum)
    if base is Path:
        return click.Path(path_type=Path)
    return str


def _base_type(annotation: Any) -> Any:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is tuple:
        inner = [a for a in typing.get_args(annotation) if a not in (type(None), ...)]
        return inner[0]
    return annotation


def _as_int(bound: float | None) -> int | None:
    return None if bound is None else int(bound)
