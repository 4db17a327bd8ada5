/** Where questions are written: text, time range, send and stop. */

import { faultOf } from "./api.js";
import { byId } from "./dom.js";
import { faultCard } from "./faults.js";
import { countText, placeText, readPlace, typedPlace } from "./format.js";
import { onLanguage, t } from "./i18n.js";

const NEARLY_FULL = 1_000;  // characters that are left

/**
 * @param {{onSend: (question: {text: string, range?: import("./api.js").TimeRange}) => Promise<void>,
 *   onStop: () => void, playerTimeSec: () => number}} handlers
 * @returns {{setConversation: (id: string | null, durationSec: number) => void,
 *   setState: (state: {isAnswering: boolean, hasNoFrames: boolean, isConnected: boolean}) => void,
 *   fill: (text: string) => void, focus: () => void, fail: (error: unknown) => void, closeRange: () => boolean}}
 */
export function createComposer(handlers) {
  const text = byId("question");
  const note = byId("composer-note");
  const send = byId("send");
  const stop = byId("stop");
  const drafts = new Map();
  const range = createRange(handlers.playerTimeSec);
  let id = null;
  let isSending = false;
  let state = { isAnswering: false, hasNoFrames: false, isConnected: true };

  function setConversation(conversationId, durationSec) {
    drafts.set(id, text.value);
    id = conversationId;
    text.value = drafts.get(id) ?? "";
    range.reset(durationSec);
    byId("composer-error").hidden = true;
    grow();
    write();
  }

  function setState(given) {
    state = given;
    write();
  }

  function obstacle() {
    if (!state.isConnected) return t("composer.offline");
    if (state.hasNoFrames) return t("composer.no_frames");
    return state.isAnswering ? t("composer.busy") : "";
  }

  function roomLeft() {
    const left = text.maxLength - text.value.length;
    if (left > NEARLY_FULL) return "";
    if (left > 0) return t("composer.left", { count: countText(left) });
    return t("composer.full", { most: countText(text.maxLength) });
  }

  function write() {
    const reason = obstacle();
    const told = reason || roomLeft();
    note.textContent = told || t("composer.note");
    note.classList.toggle("is-reason", told !== "");
    stop.hidden = !state.isAnswering;
    send.hidden = state.isAnswering;
    send.disabled = reason !== "" || isSending || !text.value.trim();
  }

  async function submit() {
    const question = text.value;  // as it was typed: an indented line may mean something
    if (!question.trim() || isSending || obstacle()) return;
    const asked = range.read();
    if (asked === undefined) return;
    isSending = true;
    byId("composer-error").hidden = true;
    write();
    try {
      await handlers.onSend(asked ? { text: question, range: asked } : { text: question });
      text.value = "";
      range.clear();
      grow();
    } catch (error) {
      fail(error);
    } finally {
      isSending = false;
      write();
    }
  }

  function fail(error) {
    byId("composer-error").replaceChildren(faultCard(faultOf(error)));
    byId("composer-error").hidden = false;
  }

  function fill(question) {
    text.value = question;
    grow();
    write();
    text.focus();
  }

  function grow() {
    text.style.height = "auto";
    if (text.scrollHeight) text.style.height = `${text.scrollHeight}px`;
  }

  text.addEventListener("input", () => {
    grow();
    write();
  });
  text.addEventListener("keydown", (event) => {
    const isComposing = event.isComposing || event.keyCode === 229;  // Enter then ends the input method's word
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    submit();
  });
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  stop.addEventListener("click", (event) => {
    if (event.detail > 1) return;  // the second half of a double click on Send, which stood here
    handlers.onStop();
    text.focus();
  });
  onLanguage(write);
  return { setConversation, setState, fill, focus: () => text.focus(), fail, closeRange: range.close };
}

// The time range of the next question: a panel with two times; its button becomes a chip once it is set.
function createRange(playerTimeSec) {
  const [panel, toggle, label] = [byId("range-panel"), byId("range-toggle"), byId("range-text")];
  const [from, to, problem] = [byId("range-from"), byId("range-to"), byId("range-problem")];
  let durationSec = 0;

  // {start_sec, end_sec}; null when none is wished; undefined when it is wrong, and the panel says why.
  function read() {
    if (!from.value.trim() && !to.value.trim()) return null;
    const [start, end] = [readPlace(from.value), readPlace(to.value)];
    const reason = wrong(start, end);
    problem.textContent = reason;
    if (!reason) return { start_sec: start, end_sec: Math.min(end, durationSec) };
    open();
    (start === null ? from : to).focus();
    return undefined;
  }

  function wrong(start, end) {
    if (!from.value.trim() || !to.value.trim()) return t("range.both");
    if (start === null || end === null) return t("range.unreadable");
    if (end <= start) return t("range.order");
    return start >= durationSec ? t("range.outside", { time: placeText(durationSec) }) : "";
  }

  function write() {
    const [start, end] = [readPlace(from.value), readPlace(to.value)];
    const isSet = start !== null && end !== null;
    toggle.classList.toggle("is-set", isSet);
    label.textContent = isSet ? t("range.shown", { start: placeText(start), end: placeText(end) }) : t("range.add");
    toggle.setAttribute("aria-expanded", String(!panel.hidden));
  }

  function open() {
    panel.hidden = false;
    write();
  }

  function close() {
    if (panel.hidden) return false;
    const hadFocus = panel.contains(document.activeElement);
    panel.hidden = true;
    write();
    if (hadFocus) toggle.focus();
    return true;
  }

  function clear() {
    from.value = to.value = problem.textContent = "";
    close();
    write();
  }

  function reset(duration) {
    durationSec = duration;
    clear();
  }

  toggle.addEventListener("click", () => {
    if (!panel.hidden) return close();
    open();
    from.focus();
  });
  byId("range-clear").addEventListener("click", () => {
    clear();
    byId("question").focus();
  });
  for (const field of [from, to]) {
    byId(`${field.id}-player`).addEventListener("click", () => {
      field.value = typedPlace(Math.floor(playerTimeSec() * 100) / 100);
      problem.textContent = "";
      write();
    });
    field.addEventListener("input", () => {
      problem.textContent = "";
      write();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (read() === undefined) return;
      close();
      byId("question").focus();
    });
  }
  onLanguage(write);
  return { read, clear, reset, close };
}
