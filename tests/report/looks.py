"""What can be measured of how a page looks: scripts for the browser that return what is wrong."""

OVERFLOWING = """() => {
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
"""Elements that reach beyond the right edge, and do not lie in something that scrolls."""

OVERLAPPING = """() => {
  const parents = "main, .intro, .watch, .step, .panel, .pair, .chain, .track, .bar-row, .glance,"
    + ".tiles > div, .videos tbody tr, .marks";
  const isPlaced = (e) => ["absolute", "fixed"].includes(getComputedStyle(e).position);
  const found = [];
  for (const parent of document.querySelectorAll(parents)) {
    const boxes = [...parent.children]
      .filter((e) => e.checkVisibility() && (!isPlaced(e) || e.matches(".step-bar, .mark")))
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
"""Neighbours that cover each other."""

TOO_SMALL = """() => [...document.querySelectorAll("button, input, select, summary")]
  .filter((e) => e.checkVisibility() && !e.matches(".step-bar"))
  .filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width < 23.9 || box.height < 23.9;
  })
  .map((e) => e.outerHTML.slice(0, 80))"""
"""Targets below 24 × 24 px (WCAG 2.2, success criterion 2.5.8).

A bar of the timeline is as wide as its step is long; the list of steps does the same.
"""

LOW_CONTRAST = """() => {
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
"""Texts whose contrast with what is behind them is below 4.5 (WCAG 2, success criterion 1.4.3)."""
