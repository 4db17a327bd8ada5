"""Whether a pair of prompts can be what was asked, by the recorded digest of their templates.

run_summary.json holds the digest of the two texts before their blanks were filled. What the blanks
were filled with stands in other files: put the blanks back, and the digest must be the recorded
one. Where a filling is a short number, each place where it stands may be a blank or the template's
own word, so all of them are tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from three_stage.runs import digest_of

PROMPT_INPUT = "prompt"
"""Name of the templates' digest in ask_inputs."""

MOST_TEMPLATES = 4096
"""Beyond so many that were tried, nothing is said."""


@dataclass(frozen=True)
class Filled:
    """What blanks were filled with, by name.

    ``short`` texts can stand in a template by chance; ``long`` ones cannot.
    """

    short: Mapping[str, str]
    long: Mapping[str, str] = field(default_factory=dict)


def may_be_asked(system: str, user: str, filled: Filled, recorded: str) -> bool:
    """Whether the two prompts come from the templates with the digest ``recorded``.

    True also where there are too many possibilities to tell.
    """
    of_system, tried = _sha256(system), 0
    for template in islice(templates(user, filled), MOST_TEMPLATES):
        if digest_of([of_system, _sha256(template)]) == recorded:
            return True
        tried += 1
    return tried == MOST_TEMPLATES


def templates(text: str, filled: Filled) -> Iterator[str]:
    """Yield every template that gives ``text`` when its blanks are filled."""
    for name, value in filled.long.items():
        text = text.replace(value, _blank(name))
    yield from _with_blanks(text, filled.short)


def _with_blanks(text: str, short: Mapping[str, str]) -> Iterator[str]:
    places = [(text.find(value), name, value) for name, value in short.items() if value in text]
    if not places:
        yield text
        return
    start = min(place for place, _, _ in places)
    # The longest first: "4 to 7" is likelier to be one blank than three.
    here = sorted((p for p in places if p[0] == start), key=lambda p: len(p[2]), reverse=True)
    for _, name, value in here:
        for rest in _with_blanks(text[start + len(value) :], short):
            yield text[:start] + _blank(name) + rest
    for rest in _with_blanks(text[start + 1 :], short):
        yield text[: start + 1] + rest


def _blank(name: str) -> str:
    return "{{" + name + "}}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
