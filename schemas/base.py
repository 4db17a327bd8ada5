"""The kinds of value that our objects are made of."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import WithJsonSchema

# Written out, because \s and case mean other characters in every engine for patterns.
_SPACES = "\\x00-\\x20\\x7f-\\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2060\u3000\ufeff"
# Signs of writing, alone or around a word. Signs that may mean something (+ = % # & $ @) are none.
_SIGNS = (
    r"""._,;:!?'"`()\[\]{}<>*~/\-"""
    "\u00a1\u00ab\u00b7\u00bb\u00bf\u2010-\u2015\u2018-\u201f\u2022\u2026\u2039\u203a\u22ef"
    "\u2212\u3001\u3002\u3008-\u3011\u3014\u3015\u301c\u30fb"
    "\uff01\uff07-\uff0a\uff0c-\uff0f\uff1a\uff1b\uff1c\uff1e\uff1f\uff3b\uff3d\uff3f\uff5e\uff61"
)
_BLANK = f"[{_SPACES}{_SIGNS}]"
_WORDS_FOR_NOTHING = ("n a", "none", "null", "unknown", "tbd", "todo", "not applicable")


def _in_any_case(words: str) -> str:
    """Write "n a" as a pattern for "N/A", "na", "n.a." and "N_A" too."""
    letters = (f"[{letter}{letter.upper()}]" for letter in words)
    return "".join(letters).replace("[  ]", "[ ._/-]*")


_NOTHING = "|".join(_in_any_case(words) for words in _WORDS_FOR_NOTHING)
# The second run of blanks stands inside, or a long one would be tried at every split.
_PLACEHOLDER_PATTERN = f"^{_BLANK}*(({_NOTHING}){_BLANK}*)?$"

MAX_RELATION_CHARACTERS = 40
_SHOWN_CHARACTERS = 80


class StrictModel(BaseModel):
    """Strict types, no unknown keys, finite numbers, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


def is_placeholder(text: str) -> bool:
    """Tell whether a text stands for nothing: no word at all, or "n/a", "(unknown)", "tbd."."""
    return re.fullmatch(_PLACEHOLDER_PATTERN, text) is not None


def normalize_identifier(text: str) -> str:
    """Bring a name into snake_case ("Cutting Board" → cutting_board); letters of any script stay.

    Idempotent. Whatever is no letter, digit or vowel sign becomes one underscore; apostrophes go.
    """
    return _snake(text, keep="")


def normalize_relation(text: str) -> str:
    """Bring a relation into snake_case, but keep ``=>`` and parentheses for the rule about them."""
    return _snake(text, keep="()=>")


def _snake(text: str, *, keep: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"['’`]", "", text)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    # casefold and the composed form can undo each other once ("ŉ"): the order here is stable.
    text = unicodedata.normalize("NFKC", text.lower())
    kept = ""
    for character in text:
        # Hindi or Thai words hold vowel signs, which are no letters: they stay on a letter.
        on_a_letter = _is_mark(character) and (kept[-1:].isalpha() or _is_mark(kept[-1:]))
        kept += character if character.isalnum() or character in keep or on_a_letter else "_"
    return re.sub(r"_+", "_", kept).strip("_")


def _is_mark(character: str) -> bool:
    return character != "" and unicodedata.category(character).startswith("M")


def _shown(text: str) -> str:
    """Quote a text for an error line, a long one in part."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def _refuse_placeholder(text: str) -> str:
    if is_placeholder(text):
        raise ValueError(f"must say something; {_shown(text)} counts as empty")
    return text


def _identifier_input(value: Any) -> Any:
    return normalize_identifier(_refuse_placeholder(value)) if isinstance(value, str) else value


def _relation_input(value: Any) -> Any:
    return normalize_relation(_refuse_placeholder(value)) if isinstance(value, str) else value


_TEXT_SCHEMA = {"type": "string", "minLength": 1, "not": {"pattern": _PLACEHOLDER_PATTERN}}

Text = Annotated[str, AfterValidator(_refuse_placeholder), WithJsonSchema(_TEXT_SCHEMA)]
"""One non-empty string that is no placeholder."""

Identifier = Annotated[
    str,
    BeforeValidator(_identifier_input),
    AfterValidator(_refuse_placeholder),
    WithJsonSchema(_TEXT_SCHEMA),
]
"""A name, normalised to snake_case before any rule."""


def _checked_relation(text: str) -> str:
    if "=>" in text or "(" in text or ")" in text:
        raise ValueError(
            f"a relation is one plain name without '=>' or parentheses; got {_shown(text)}"
        )
    text = _refuse_placeholder(normalize_identifier(text))
    if len(text) > MAX_RELATION_CHARACTERS:
        raise ValueError(
            f"a relation has at most {MAX_RELATION_CHARACTERS} characters; too long: {_shown(text)}"
        )
    return text


Relation = Annotated[
    str,
    BeforeValidator(_relation_input),
    AfterValidator(_checked_relation),
    WithJsonSchema(
        {
            **_TEXT_SCHEMA,
            "maxLength": MAX_RELATION_CHARACTERS,
            "not": {"pattern": _PLACEHOLDER_PATTERN + "|=>|[()]"},
        }
    ),
]
"""How two things stand to each other, in snake_case."""


def whole(pattern: str) -> tuple[Any, ...]:
    """Return what makes a string match a pattern from end to end, in JSON Schema as here.

    (To some engines ``$`` also matches before a last line break.)
    """
    anchored = f"^({pattern})$"
    published = {"type": "string", "pattern": anchored, "not": {"pattern": "[\\n\\r]"}}
    return Field(pattern=anchored), WithJsonSchema(published)


Index1 = Annotated[int, Field(ge=1)]
"""A 1-based index."""

Seconds = Annotated[float, Field(ge=0)]
"""Seconds in the source video, zero at the first displayed frame."""

Sha256 = Annotated[str, *whole(r"[0-9a-f]{64}")]

UtcTime = Annotated[
    str,
    *whole(
        r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|\+00:00)"
    ),
]
"""An aware UTC time, ISO 8601."""
