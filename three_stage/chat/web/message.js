/** One message of a conversation on the page. */

import { icon, make, showSanitisedHtml } from "./dom.js";
import { faultCard } from "./faults.js";
import { countText, placeText } from "./format.js";
import { t } from "./i18n.js";

const COPIED_MS = 1_600;
const UNDER_WAY = ["waiting", "writing"];
const NOTES = {
  "": "answer.waiting",
  "looking at the video": "answer.looking",
  "waiting for the model": "answer.waiting",
  "waiting for a free place": "answer.queued",
  "the model is thinking": "answer.thinking",
};
const CAVEATS = {
  "the model takes no temperature but its own": "answer.no_temperature",
};
const LEFT_OUT = /^the oldest (\d+) questions? .*left out\.?$/;
const AGAIN = /^(.*?)asking again in (\d+) s\.?$/i;
const ASKABLE_AGAIN = ["failed", "stopped", "interrupted"];

/**
 * @param {import("./api.js").Message} message
 * @returns {boolean} whether this answer is still being written
 */
export function isUnderWay(message) {
  return message.role === "assistant" && UNDER_WAY.includes(message.state);
}

/**
 * @param {import("./api.js").Message} message
 * @param {{onSeek: (timeSec: number) => void, onRetry: (messageId: number) => void,
 *   onModel: () => void}} handlers onModel: another model shall be chosen
 * @returns {{element: HTMLElement, message: () => import("./api.js").Message,
 *   update: (message: import("./api.js").Message) => void, append: (text: string) => void,
 *   render: (html: string) => void}}
 */
export function createMessageView(message, handlers) {
  const element = make("li", { class: `message ${message.role}`, id: `message-${message.id}` });
  let shown = message;
  let body = null;

  function update(changed) {
    keepFocus(element, () => draw(changed));
  }

  function draw(changed) {
    shown = changed;
    element.dataset.state = changed.state;
    element.setAttribute("aria-busy", String(isUnderWay(changed)));
    element.replaceChildren(...(changed.role === "user" ? questionParts(changed) : answerParts()));
  }

  function answerParts() {
    body = make("div", { class: "prose", dir: "auto" });
    writeBody();
    return [
      make("h3", { class: "hidden" }, t("talk.answer")),
      body,
      ...statusParts(shown, handlers.onModel),
      ...momentParts(shown, handlers.onSeek),
      caveats(shown),
      isUnderWay(shown) ? null : footer(shown, handlers.onRetry),
    ].filter(Boolean);
  }

  function writeBody() {
    body.hidden = !shown.html && !shown.text;
    if (shown.html) showSanitisedHtml(body, shown.html);
    else body.replaceChildren(make("p", { class: "plain" }, shown.text));
  }

  function append(text) {
    const isFirst = shown.state === "waiting" || shown.status_note !== "" || shown.text === "";
    const longer = { ...shown, state: "writing", status_note: "", text: shown.text + text };
    if (isFirst) update(longer);
    else shown = longer;
    if (!shown.html) writeBody();  // else the rendered form follows in a moment
  }

  function render(html) {
    if (!isUnderWay(shown)) return;
    shown = { ...shown, html };
    keepFocus(body, writeBody);
  }

  update(message);
  return { element, message: () => shown, update, append, render };
}

// A link or button that is drawn anew while a keyboard stands on it keeps the focus.
function keepFocus(place, redraw) {
  const stops = () => [...place.querySelectorAll("a, button")];
  const at = stops().indexOf(document.activeElement);
  redraw();
  if (at >= 0) stops()[at]?.focus({ preventScroll: true });
}

function questionParts(message) {
  return [
    make("h3", { class: "hidden" }, t("talk.you")),
    make("div", { class: "bubble" },
      message.range ? rangeChip(message.range) : null,
      make("p", { class: "question", dir: "auto" }, message.text)),
  ];
}

function rangeChip(range) {
  const places = { start: placeText(range.start_sec), end: placeText(range.end_sec) };
  return make("p", { class: "range-chip" }, icon("clock"), t("range.shown", places));
}

function statusParts(message, onModel) {
  if (message.state === "waiting" || (message.state === "writing" && (message.status_note || !message.text))) {
    const dots = make("span", { class: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
    return [make("p", { class: "status" }, dots, make("span", {}, statusText(message)))];
  }
  if (message.error) return [faultCard(message.error, ...remedies(message, onModel))];
  if (message.state === "stopped" || message.state === "interrupted") {
    return [make("p", { class: "remark" }, t(`answer.${message.state}`))];
  }
  if (message.finish_reason === "length") return [make("p", { class: "remark" }, t("answer.cut"))];
  if (message.state === "done" && !message.text) return [make("p", { class: "remark" }, t("answer.nothing"))];
  return [];
}

function remedies(message, onModel) {
  if (message.error.code !== "model") return [];
  return [make("button", {
    type: "button", class: "button choose-model", id: `choose-model-${message.id}`, onclick: onModel,
  }, t("error.choose_model"))];
}

// What the endpoint did not take, in small print.
function caveats(message) {
  if (!message.notes?.length) return null;
  const told = message.notes.map((note) => make("li", { dir: "auto" }, caveatText(note)));
  return make("ul", { class: "caveats", "aria-label": t("answer.caveats") }, ...told);
}

function caveatText(note) {
  if (CAVEATS[note]) return t(CAVEATS[note]);
  const leftOut = LEFT_OUT.exec(note);
  return leftOut ? t("answer.left_out", { count: leftOut[1] }) : note;
}

// The server's notes are English; the usual ones are told in the reader's language.
function statusText(message) {
  const note = message.status_note;
  if (NOTES[note]) return t(NOTES[note]);
  const again = AGAIN.exec(note);
  return again ? t("answer.again", { seconds: again[2], reason: again[1].trim() }) : note;
}

function momentParts(message, onSeek) {
  if (!message.moments.length) return [];
  const buttons = message.moments.map((moment) => {
    const time = placeText(moment.time_sec);
    return make("li", {}, make("button", {
      type: "button", class: "moment", "data-time": moment.time_sec,
      "aria-label": t("answer.moment", { index: moment.frame_index, time }), onclick: () => onSeek(moment.time_sec),
    }, make("img", { src: moment.url, alt: "", loading: "lazy" }), make("span", {}, time)));
  });
  return [make("ul", { class: "moments", "aria-label": t("answer.moments") }, ...buttons)];
}

function footer(message, onRetry) {
  const facts = [message.model];
  if (message.usage) {
    facts.push(t("answer.tokens", {
      prompt: countText(message.usage.prompt_tokens), completion: countText(message.usage.completion_tokens),
    }));
  }
  return make("footer", { class: "message-foot" },
    message.text ? copyButton(message.text) : null,
    ASKABLE_AGAIN.includes(message.state)
      ? make("button", { type: "button", class: "foot-button retry", onclick: () => onRetry(message.id) },
        icon("retry"), t("answer.retry"))
      : null,
    make("span", { class: "message-facts" }, facts.filter(Boolean).join(" · ")));
}

function copyButton(text) {
  const label = make("span", {}, t("answer.copy"));
  const button = make("button", { type: "button", class: "foot-button copy" }, icon("copy"), label);
  const write = (symbol, told) => {
    button.firstChild.replaceWith(icon(symbol));
    label.textContent = told;
  };
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      write("check", t("answer.copied"));
    } catch {  // not a secure context, or refused
      write("copy", t("answer.copy_failed"));
    }
    setTimeout(() => write("copy", t("answer.copy")), COPIED_MS);
  });
  return button;
}
