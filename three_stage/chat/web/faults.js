/** How a fault is told: what it means in the reader's language, then the server's own words. */

import { hasText, t } from "./i18n.js";
import { icon, make } from "./dom.js";

/**
 * @param {import("./api.js").Fault} fault
 * @returns {string} what the fault's code means
 */
export function faultTitle(fault) {
  const key = `error.${fault.code}`;
  return t(hasText(key) ? key : "error.unknown");
}

/**
 * @param {import("./api.js").Fault} fault
 * @param {...Node} actions buttons
 * @returns {HTMLElement}
 */
export function faultCard(fault, ...actions) {
  return make("div", { class: "fault" }, icon("alert"), make("div", { class: "fault-text" },
    make("p", { class: "fault-title" }, faultTitle(fault)),
    fault.message ? make("p", { class: "fault-message", dir: "auto" }, fault.message) : null,
    fault.hint ? make("p", { class: "fault-hint", dir: "auto" }, fault.hint) : null,
    actions.length ? make("div", { class: "fault-actions" }, ...actions) : null));
}

/**
 * @param {import("./api.js").Fault} fault
 * @returns {string} in one line
 */
export function faultLine(fault) {
  return [faultTitle(fault), fault.message, fault.hint].filter(Boolean).join(" ");
}
