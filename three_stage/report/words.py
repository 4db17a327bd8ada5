"""Our own words in every language, and how they get into a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from markupsafe import Markup, escape

from three_stage.report.formats import parts_of
from three_stage.report.values import Language

WEB = Path(__file__).parent / "web"
LANGUAGE_TAGS: Mapping[Language, str] = {"en": "en", "zh": "zh-Hans"}


@cache
def load_words(language: Language) -> Mapping[str, str]:
    """Return the words of a language by key."""
    text = (WEB / f"words.{language}.json").read_text(encoding="utf-8")
    return cast("Mapping[str, str]", json.loads(text))


@dataclass(frozen=True)
class Words:
    """The words of the languages that a report has; the first is shown where no script runs."""

    languages: Sequence[Language]

    def text(self, key: str, **values: Any) -> Markup:
        """Return a text in every language, of which the style sheet shows one."""
        return Markup("").join(
            Markup('<span class="w" lang="{}">{}</span>').format(
                LANGUAGE_TAGS[language], escape(load_words(language)[key]).format(**values)
            )
            for language in self.languages
        )

    def lasting(self, seconds: float | None) -> Markup:
        """Return how long something takes: 0.4 s, 46.9 s, 3 min 20 s, 2 h 05 min."""
        if seconds is None:
            return Markup("–")
        parts = parts_of(seconds)
        return self.text(f"lasting.{next(iter(parts))}", **parts)

    def attribute(self, name: str, key: str, **values: Any) -> Markup:
        """Return an attribute in the first language, and what the switch puts in its place."""
        texts = [(language, load_words(language)[key].format(**values))
                 for language in self.languages]  # fmt: skip
        parts = [Markup('{}="{}"').format(name, texts[0][1])]
        if len(texts) > 1:
            parts += [
                Markup('data-{}-{}="{}"').format(language, name, text) for language, text in texts
            ]
        return Markup(" ").join(parts)
