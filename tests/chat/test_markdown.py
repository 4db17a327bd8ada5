"""An answer as HTML: nothing active in it, whatever a model writes, and its times as links."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from three_stage.chat.markdown import answer_html

FRAMES = {8: 12.0, 9: 13.5}
TEXT_TAGS = {"p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "a"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
LISTS = {"ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"}
TAGS = TEXT_TAGS | HEADINGS | LISTS
ATTRIBUTES = {
    "a": {"href", "class", "data-time", "data-frame", "title", "target", "rel"},
    "code": {"class"},
    "ol": {"start"},
}

PIECES = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "![a](http://x/y.png)",
        "[a](data:text/html,x)",
        "<a href='javascript:x'>",
        "</a>",
        "`",
        "```\n",
        "**",
        "_",
        "[",
        "](",
        ")",
        "\n",
        "\n\n",
        "> ",
        "- ",
        "1. ",
        "| a | b |\n|---|---|\n",
        "at 5 s",
        "Frame 8",
        "<http://x>",
        "<svg/onload=x>",
        "&#106;avascript:",
        "&lt;script&gt;",
        "\x00",
        "style=",
        '" onclick="',
        "[a]: javascript:x\n",
        "[a]",
        "http://x.y",
        "#",
        "~~",
        "\\",
        "<!--",
        "]]>",
        "<style>",
        "[a](JaVaScRiPt&colon;x)",
        "[a](//evil.example/x)",
        "[a](vbscript:x 't')",
        "[8 s](http://x 'Frame 8')",
    ]
)
ANSWERS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=12).map("".join))


class Elements(HTMLParser):
    """Every element with its attributes, and the text outside and inside links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.others: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def shown(text: str) -> str:
    return answer_html(text, 60.0, FRAMES)


def times(html: str) -> list[str]:
    return re.findall(r'data-time="([^"]*)"', html)


@settings(max_examples=60)
@given(ANSWERS)
def test_nothing_active_is_in_an_answer_whatever_a_model_writes(text: str) -> None:
    elements = Elements(shown(text))
    assert elements.others == []
    for tag, attributes in elements.found:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES.get(tag, set())
        if tag == "a" and "data-time" in attributes:
            assert attributes["href"] == f"#t={attributes['data-time']}"
            assert 0 <= float(attributes["data-time"] or "") <= 60
        elif tag == "a" and attributes.get("href"):
            assert urlsplit(attributes["href"] or "").scheme in ("http", "https", "mailto", "")
            assert "noopener" in (attributes["rel"] or "")


@settings(max_examples=30)
@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs"]), max_size=60))
def test_plain_words_are_shown_as_they_are(text: str) -> None:
    assert Elements(shown(text)).text.split() == text.split()


def test_times_and_frames_are_links_that_move_the_player() -> None:
    html = shown("It brakes at 12.5 s, see **Frame 8** and 00:30。第9帧也是。")
    assert times(html) == ["12.5", "12", "30", "13.5"]
    assert '<a class="time" href="#t=12.5" data-time="12.5"' in html
    assert 'data-frame="8"' in html
    assert 'data-frame="9"' in html


@pytest.mark.parametrize(
    "text",
    [
        "`at 5 s`",
        "```\nat 5 s\n```",
        "    at 5 s",
        "[at 5 s](http://x.example)",
        "at 61 s",
        "Frame 10",
    ],
)
def test_in_code_in_links_and_beyond_the_video_no_link_is_made(text: str) -> None:
    assert times(shown(text)) == []


def test_pictures_of_others_are_left_out_and_links_open_elsewhere() -> None:
    html = shown("![x](http://evil.example/pixel.png) [y](https://good.example/)")
    assert "<img" not in html
    assert 'href="https://good.example/"' in html
    assert 'target="_blank"' in html
    assert "noreferrer" in html


def test_markdown_is_rendered() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    html = shown(f"# Title\n\n- one\n- **two**\n\n{table}\n\n```python\nx = 1\n```")
    for part in ("<h1>", "<li>one</li>", "<strong>two</strong>", "<td>2</td>", "language-python"):
        assert part in html


@pytest.mark.parametrize("text", ["[" * 3000, ">" * 3000, "*a " * 3000, "- " * 1500, "(" * 3000])
def test_nesting_without_end_is_rendered_all_the_same(text: str) -> None:
    assert Elements(shown(text)).text.strip() or text.startswith((">", "-"))
