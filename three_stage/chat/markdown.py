"""A model's Markdown → HTML that can be shown: sanitised, its times as links that move the player.

The answer is untrusted: markdown-it renders it with HTML switched off, and nh3 lets through what is
on a list. Pictures are left out (they would be fetched), links open elsewhere and tell nothing.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from three_stage.chat.times import mentions

_TAGS = {
    "p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a",
    "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "class", "data-time", "data-frame", "title", "target"},
    "code": {"class"},
    "ol": {"start"},
}
MOST_RENDERED_CHARACTERS = 200_000
_CLASSES_OF_CODE = "language-"


def answer_html(text: str, end_sec: float, frame_times: Mapping[int, float]) -> str:
    """Return an answer as sanitised HTML; ``end_sec`` is the video's end, frames count from 1.

    One that is longer than any that a person reads is shown as it is written: rendering it would
    take seconds.
    """
    if len(text) > MOST_RENDERED_CHARACTERS:
        return f"<pre>{html.escape(text)}</pre>"
    rendered = _renderer().render(text, {"end_sec": end_sec, "frame_times": frame_times})
    return nh3.clean(
        rendered,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        attribute_filter=_kept,
    )


def _kept(tag: str, name: str, value: str) -> str | None:
    """Keep of classes only those that our own renderer gives."""
    if name != "class":
        return value
    is_ours = value == "time" if tag == "a" else value.startswith(_CLASSES_OF_CODE)
    return value if is_ours else None


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "breaks": True})
    renderer.enable(["table", "strikethrough"]).disable("image")
    renderer.core.ruler.push("moments", _link_moments)
    return renderer


def _link_moments(state: StateCore) -> None:
    """Turn every moment that a text names into a link, but not in code and not within a link."""
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = _linked(block.children, state.env["end_sec"], state.env["frame_times"])


def _linked(tokens: list[Token], end_sec: float, frame_times: Mapping[int, float]) -> list[Token]:
    made: list[Token] = []
    links_open = 0
    for token in tokens:
        links_open += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "link_open":
            token.attrSet("target", "_blank")
        if token.type != "text" or links_open:
            made.append(token)
        else:
            made += _split(token.content, end_sec, frame_times)
    return made


def _split(text: str, end_sec: float, frame_times: Mapping[int, float]) -> list[Token]:
    made: list[Token] = []
    at = 0
    for mention in mentions(text, end_sec, frame_times):
        opening = Token("link_open", "a", 1)
        time = f"{mention.time_sec:.6f}".rstrip("0").rstrip(".")
        opening.attrs = {"class": "time", "href": f"#t={time}", "data-time": time}
        if mention.frame is not None:
            opening.attrs["data-frame"] = mention.frame
        made += [_text(text[at : mention.start]), opening, _text(text[mention.start : mention.end])]
        made.append(Token("link_close", "a", -1))
        at = mention.end
    return [*made, _text(text[at:])]


def _text(content: str) -> Token:
    token = Token("text", "", 0)
    token.content = content
    return token
