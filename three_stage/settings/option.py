"""An option is declared once, as a field of a settings class; the command line reads it there."""

from __future__ import annotations

import dataclasses
from typing import Any

ENV_PREFIX = "THREE_STAGE_"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptionSpec:
    """Everything that the command line, the environment and the docs say about one option."""

    flag: str
    help: str
    env: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    metavar: str | None = None
    shown_default: str | None = None
    multiple: bool = False
    secret: bool = False


def option(
    default: object,
    flag: str,
    text: str,
    *,
    env: str | None = None,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    metavar: str | None = None,
    shown_default: str | None = None,
    multiple: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a settings field that is also a command-line option and a variable.

    The variable is ``THREE_STAGE_<OPTION>`` unless ``env`` names another.
    """
    variable = env or ENV_PREFIX + flag.removeprefix("--").replace("-", "_").upper()
    spec = OptionSpec(
        flag=flag, help=text, env=variable, choices=choices, minimum=minimum, maximum=maximum,
        metavar=metavar, shown_default=shown_default, multiple=multiple, secret=secret,
    )  # fmt: skip
    return dataclasses.field(default=default, repr=not secret, metadata={"option": spec})


def spec_of(field: dataclasses.Field[Any]) -> OptionSpec:
    """Return the option that a settings field declares."""
    spec = field.metadata["option"]
    assert isinstance(spec, OptionSpec)  # noqa: S101 - declared three lines above, by us
    return spec
