/** The strip of frames that the model sees. One stop for the Tab key; arrow keys move inside. */

import { byId, make, scrollManner } from "./dom.js";
import { faultCard } from "./faults.js";
import { placeText } from "./format.js";
import { onLanguage, t } from "./i18n.js";
import { frameAt } from "./player.js";

const EVENLY = /^(\d+) of (\d+) displayed frames, evenly spread from the first to the last\.\s*(.*)$/s;
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/**
 * @param {{onSeek: (timeSec: number) => void}} handlers
 * @returns {{show: (frames: import("./api.js").FrameStrip) => void, follow: (timeSec: number) => void}}
 */
export function createStrip(handlers) {
  const list = byId("strip");
  let shown = null;
  let current = null;  // the frame that is highlighted

  function show(strip) {
    const isSame = JSON.stringify(strip) === JSON.stringify(shown);
    if (isSame && !list.querySelector(".is-lost")) return;  // keeps the reader's place in the strip
    shown = strip;
    current = null;
    write();
  }

  function write() {
    if (!shown) return;
    const { frames, state, note } = shown;
    byId("frames-count").textContent = frames.length ? String(frames.length) : "";
    const told = state === "sampling" ? t("strip.sampling") : noteText(note);
    byId("frames-note").textContent = told;
    byId("frames-note").hidden = !told;
    byId("frames-note").classList.toggle("is-busy", state === "sampling");
    byId("frames-error").hidden = state !== "failed";
    byId("frames-error").replaceChildren(...(state === "failed" ? [faultCard(fault())] : []));
    if (shown.width_px && shown.height_px) list.style.setProperty("--ratio", `${shown.width_px} / ${shown.height_px}`);
    list.replaceChildren(...frames.map(item));
    if (current) mark(current);
  }

  const fault = () => shown.error ?? { code: "unknown", message: t("strip.failed"), hint: "" };

  function item(frame, place) {
    const time = placeText(frame.time_sec);
    const picture = make("img", {
      src: frame.url, alt: "", loading: "lazy", width: shown.width_px || null, height: shown.height_px || null,
      onerror: () => picture.classList.add("is-lost"),
    });
    return make("li", {}, make("button", {
      type: "button", id: `frame-${frame.index}`, "data-time": frame.time_sec, tabindex: place === 0 ? 0 : -1,
      "aria-label": t("strip.frame", { index: frame.index, time }),
      onclick: () => handlers.onSeek(frame.time_sec),
    }, picture, make("span", { class: "frame-caption" }, make("b", {}, String(frame.index)), make("span", {}, time))));
  }

  function follow(timeSec) {
    if (!shown?.frames.length) return;
    const frame = frameAt(shown.frames, timeSec);
    if (frame === current) return;
    if (current) byId(`frame-${current.index}`)?.removeAttribute("aria-current");
    current = frame;
    mark(frame);
    bringIntoView(byId(`frame-${frame.index}`));
  }

  function mark(frame) {
    const button = byId(`frame-${frame.index}`);
    button.setAttribute("aria-current", "true");
    if (!list.contains(document.activeElement)) makeTabStop(button);
  }

  function makeTabStop(button) {
    for (const other of list.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
    button.tabIndex = 0;
  }

  // Scrolls the strip and never the page.
  function bringIntoView(button) {
    const [outer, inner] = [list.getBoundingClientRect(), button.getBoundingClientRect()];
    const isInside = inner.left >= outer.left && inner.right <= outer.right
      && inner.top >= outer.top && inner.bottom <= outer.bottom;
    if (isInside) return;
    list.scrollTo({
      left: list.scrollLeft + inner.left - outer.left - (outer.width - inner.width) / 2,
      top: list.scrollTop + inner.top - outer.top - (outer.height - inner.height) / 2,
      behavior: scrollManner(),
    });
  }

  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const place = buttons.indexOf(event.target);
    if (place < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const wanted = event.key in STEPS ? place + STEPS[event.key] : { Home: 0, End: buttons.length - 1 }[event.key];
    const target = buttons[wanted];
    if (!target) return;
    event.preventDefault();
    makeTabStop(target);
    target.focus({ preventScroll: true });
    bringIntoView(target);
  });
  onLanguage(write);
  return { show, follow };
}

// The server's notes are English; the usual one is told in the reader's language.
function noteText(note) {
  const evenly = EVENLY.exec(note);
  return evenly ? t("strip.evenly", { count: evenly[1], all: evenly[2], rest: evenly[3] }).trim() : note;
}
