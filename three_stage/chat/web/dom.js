/** Small helpers that build the page's elements. Strings become text, never HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} id of an element that index.html has
 * @returns {HTMLElement}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Makes an element. Attributes that are null, undefined or false are left out; `onclick` and its
 * like take a function.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * @param {string} name of a symbol in index.html, without "icon-"
 * @returns {SVGElement}
 */
export function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  drawn.append(use);
  return drawn;
}

/**
 * Shows an answer's HTML. It is the only place of the page where HTML is parsed: the server renders
 * the model's Markdown and sanitises it, so `html` may come from its `html` and `rendered` fields only.
 * @param {HTMLElement} place
 * @param {string} html
 */
export function showSanitisedHtml(place, html) {
  place.innerHTML = html;
  for (const link of place.querySelectorAll("a[href]:not(.time)")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
}

/** @returns {"smooth" | "auto"} how to scroll for this reader */
export function scrollManner() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}
