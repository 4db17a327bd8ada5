"""A page as a browser's parser sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

_ADDRESSES = ("href", "src", "poster", "data", "action", "srcset")


@dataclass
class Page(HTMLParser):
    """Elements with their attributes, and all text that is shown."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _inside: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.texts)

    def tags(self, name: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for tag, attributes in self.elements if tag == name]

    def addresses(self) -> list[str]:
        """Return everything that a browser would load or follow."""
        return [
            value
            for _tag, attributes in self.elements
            for name, value in attributes.items()
            if name in _ADDRESSES
        ]


def read_page(path: Path) -> Page:
    """Parse a page on disk."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def local_files(page: Page, path: Path) -> list[Path]:
    """Return the files that a page's relative addresses lead to."""
    return [
        (path.parent / unquote(address)).resolve()
        for address in page.addresses()
        if not address.startswith(("data:", "file:", "#"))
    ]
