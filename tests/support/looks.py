"""What can be measured of how a page looks: each returns what is wrong, as the elements' HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

_OVERFLOWING = """() => {
  const wide = document.documentElement.clientWidth;
  const cutOff = (element) => {
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      if (getComputedStyle(up).overflowX !== "visible") return true;
    }
    return false;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > wide + 0.5)
    .filter((e) => !cutOff(e))
    .map((e) => e.outerHTML.slice(0, 80));
}"""

_OVERLAPPING = """([parents, placed]) => {
  const isPlaced = (e) => ["absolute", "fixed"].includes(getComputedStyle(e).position);
  const found = [];
  for (const parent of document.querySelectorAll(parents)) {
    const boxes = [...parent.children]
      .filter((e) => e.checkVisibility() && (!isPlaced(e) || (placed && e.matches(placed))))
      .map((e) => [e, e.getBoundingClientRect()]);
    for (const [i, [one, a]] of boxes.entries()) {
      for (const [other, b] of boxes.slice(i + 1)) {
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (width > 1 && height > 1) {
          found.push(`${one.outerHTML.slice(0, 60)} and ${other.outerHTML.slice(0, 60)}`);
        }
      }
    }
  }
  return found;
}"""

_TOO_SMALL = """(apart) =>
  [...document.querySelectorAll("button, input, select, textarea, summary, [role=button]")]
  .filter((e) => e.checkVisibility() && !(apart && e.matches(apart)))
  .filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width < 23.9 || box.height < 23.9;
  })
  .map((e) => e.outerHTML.slice(0, 80))"""

_LOW_CONTRAST = """() => {
  const linear = (c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const canvas = document.createElement("canvas");
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    return paint.getImageData(0, 0, 1, 1).data;
  };
  const behind = (element) => {
    for (let up = element; up; up = up.parentElement) {
      const color = rgba(getComputedStyle(up).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255, 255];
  };
  const low = new Set();
  for (const element of document.body.querySelectorAll("*")) {
    const says = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!says || !element.checkVisibility()) continue;
    if (element.closest(":disabled, .hidden, .skip")) continue;
    const one = luminance(rgba(getComputedStyle(element).color));
    const other = luminance(behind(element));
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) low.add(`${contrast.toFixed(2)} ${element.outerHTML.slice(0, 80)}`);
  }
  return [...low];
}"""


def overflowing(tab: Tab) -> list[str]:
    """Return what reaches beyond the right edge, and does not lie in something that scrolls."""
    found: list[str] = tab.evaluate(_OVERFLOWING)
    return found


def overlapping(tab: Tab, parents: str, *, placed: str = "") -> list[str]:
    """Return the children of these parents that cover each other.

    Of those that are placed over the page on purpose, only what ``placed`` selects is looked at.
    """
    found: list[str] = tab.evaluate(_OVERLAPPING, [parents, placed])
    return found


def too_small(tab: Tab, *, apart_from: str = "") -> list[str]:
    """Return the targets below 24 by 24 px (WCAG 2.2, success criterion 2.5.8)."""
    found: list[str] = tab.evaluate(_TOO_SMALL, apart_from)
    return found


def low_contrast(tab: Tab) -> list[str]:
    """Return texts whose contrast with what is behind is below 4.5 (WCAG 2, criterion 1.4.3)."""
    found: list[str] = tab.evaluate(_LOW_CONTRAST)
    return found
