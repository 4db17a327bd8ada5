/** The middle of the page: questions, answers, and where the reader stands among them. */

import { byId, make, scrollManner } from "./dom.js";
import { faultTitle } from "./faults.js";
import { onLanguage, t } from "./i18n.js";
import { createMessageView, isUnderWay } from "./message.js";
import { sampleKeys } from "./welcome.js";

const AT_END_PX = 48;
const SPOKEN_CHARACTERS = 600;

/**
 * @param {{onSeek: (timeSec: number) => void, onRetry: (messageId: number) => void, onModel: () => void,
 *   onSuggestion: (text: string) => void, onChanged: () => void}} handlers onChanged: an answer began or ended
 * @returns {{show: (messages: import("./api.js").Message[]) => void,
 *   put: (message: import("./api.js").Message) => void, putNew: (message: import("./api.js").Message) => void,
 *   append: (messageId: number, text: string) => void, render: (messageId: number, html: string) => void,
 *   begun: (messageId: number) => void, announce: (message: import("./api.js").Message) => void,
 *   isAnswering: () => boolean, goToEnd: () => void, setOffline: (isOffline: boolean) => void}}
 */
export function createConversationView(handlers) {
  const scroller = byId("talk-scroller");
  const list = byId("messages");
  const jump = byId("jump");
  const views = new Map();
  let isAtEnd = true;
  let lastTop = 0;
  let isOffline = false;

  function show(messages) {
    const known = new Set(messages.map((message) => message.id));
    for (const [id, view] of views) {
      if (known.has(id)) continue;
      view.element.remove();
      views.delete(id);
    }
    for (const message of messages) place(message);
    changed();
  }

  function put(message) {
    place(message);
    changed();
  }

  // For answers of requests: the stream may have told newer news of the same message.
  function putNew(message) {
    if (!views.has(message.id)) put(message);
  }

  function place(message) {
    const view = views.get(message.id);
    if (view) {
      view.update(message);
      return;
    }
    const made = createMessageView(message, handlers);
    views.set(message.id, made);
    list.append(made.element);
  }

  function append(messageId, text) {
    views.get(messageId)?.append(text);
    keepEnd();
  }

  function render(messageId, html) {
    views.get(messageId)?.render(html);
    keepEnd();
  }

  // An answer is asked for again: shown at once, the stream tells the rest.
  function begun(messageId) {
    const view = views.get(messageId);
    const emptied = {
      text: "", html: "", status_note: "", error: null, moments: [], usage: null, finish_reason: null, notes: [],
    };
    put({ ...view.message(), ...emptied, state: "waiting" });
  }

  function changed() {
    byId("talk-start").hidden = views.size > 0;
    keepEnd();
    handlers.onChanged();
  }

  const isAnswering = () => [...views.values()].some((view) => isUnderWay(view.message()));

  function keepEnd() {
    if (isAtEnd) scroller.scrollTop = scroller.scrollHeight;
    else jump.hidden = false;
  }

  function goToEnd() {
    isAtEnd = true;
    jump.hidden = true;
    scroller.scrollTo({ top: scroller.scrollHeight, behavior: scrollManner() });
  }

  function announce(message) {
    const told = message.state === "failed"
      ? `${t("answer.failed")} ${message.error ? faultTitle(message.error) : ""}`
      : `${t("answer.finished")} ${message.text.slice(0, SPOKEN_CHARACTERS)}`;
    byId("announcer").textContent = told;
  }

  function writeStart() {
    byId("talk-start-note").textContent = t(isOffline ? "offline.short_note" : "talk.start_note");
    byId("suggestions").replaceChildren(...sampleKeys(isOffline).map((key) => make("li", {},
      make("button", { type: "button", class: "suggestion", onclick: () => handlers.onSuggestion(t(key)) }, t(key)))));
  }

  function setOffline(given) {
    isOffline = given;
    writeStart();
  }

  scroller.addEventListener("scroll", () => {
    const isNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_END_PX;
    const isGoingUp = scroller.scrollTop < lastTop;
    lastTop = scroller.scrollTop;
    isAtEnd = isNear || (isAtEnd && !isGoingUp);  // on the smooth way down new text may come
    if (isAtEnd) jump.hidden = true;
  }, { passive: true });
  new ResizeObserver(() => {
    if (isAtEnd) scroller.scrollTop = scroller.scrollHeight;
  }).observe(scroller);
  jump.addEventListener("click", goToEnd);
  list.addEventListener("click", (event) => {
    const link = event.target.closest("a.time");
    if (!link) return;
    event.preventDefault();  // the address of the page stays that of the conversation
    handlers.onSeek(Number(link.dataset.time));
  });
  onLanguage(() => {
    writeStart();
    for (const view of views.values()) view.update(view.message());
  });
  return { show, put, putNew, append, render, begun, announce, isAnswering, goToEnd, setOffline };
}
