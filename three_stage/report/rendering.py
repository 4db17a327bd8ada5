"""From values to one HTML text that needs nothing else: styles and scripts inside, by digest."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from three_stage import __version__
from three_stage.report import formats
from three_stage.report.links import address, printable
from three_stage.report.standing import stage_state
from three_stage.report.values import Language, State, Verdict, Why
from three_stage.report.words import LANGUAGE_TAGS, WEB, Words

_SCRIPT_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def render(
    template: str,
    languages: Sequence[Language],
    values: Mapping[str, Any],
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
) -> bytes:
    """Return a page as UTF-8. ``styles`` and ``scripts`` are texts of ours, inlined in this order.

    The page's Content-Security-Policy names their digests: nothing else runs, and nothing but
    embedded pictures and media files is loaded.
    """
    style_text, script_text = "\n".join(styles), "\n".join(scripts)
    words = Words(tuple(languages))
    page = (
        _environment()
        .get_template(template)
        .render(
            values,
            t=words.text,
            attr=words.attribute,
            lasting=words.lasting,
            languages=tuple(languages),
            tags=LANGUAGE_TAGS,
            version=__version__,
            style=Markup(style_text),  # noqa: S704 - files of ours and numbers
            script=Markup(script_text),  # noqa: S704
            policy=_policy(style_text, script_text),
        )
    )
    return printable(page).encode("utf-8")


@cache
def web_file(name: str) -> str:
    """Return a style sheet or a script of ours."""
    return (WEB / name).read_text(encoding="utf-8")


def script_data(value: Any) -> Markup:
    """Return JSON that is safe inside a script element, whatever texts it holds."""
    text = printable(json.dumps(value, ensure_ascii=False, allow_nan=False))
    return Markup(text.translate(_SCRIPT_ESCAPES))  # noqa: S704 - every < and & is an escape


def breakable(name: str) -> Markup:
    """Return a name in snake_case that a browser may break after each underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _policy(style: str, script: str) -> str:
    return (
        "default-src 'none'; img-src data:; media-src 'self' file:; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clock=formats.clock,
        figure=formats.figure,
        moment=formats.moment,
        money=formats.money,
        size=formats.size,
        address=address,
        script_data=script_data,
        breakable=breakable,
    )
    environment.globals.update(State=State, Verdict=Verdict, Why=Why, stage_state=stage_state)
    return environment
