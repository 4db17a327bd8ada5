/** The page's language: which, how it is chosen, and every text in it. */

import { words as en } from "./en.js";
import { words as zh } from "./zh.js";

const KEY = "three-stage-chat-language";
const TABLES = { en, zh };
const TAGS = { en: "en", zh: "zh-Hans" };
const ATTRIBUTES = ["aria-label", "title", "placeholder"];

let language = "en";

/**
 * The text of a key in the language shown, with `{name}` filled from `values`.
 * @param {keyof typeof en} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return TABLES[language][key].replace(/\{(\w+)\}/g, (blank, name) => (name in values ? values[name] : blank));
}

/**
 * @param {string} key
 * @returns {boolean} whether there is a text of this key
 */
export function hasText(key) {
  return key in TABLES[language];
}

/** @returns {string} the BCP 47 tag of the language shown, for Intl */
export function languageTag() {
  return TAGS[language];
}

/** Shows the language that was chosen last, else the browser's, else English. */
export function beginLanguage() {
  const wished = [remembered(), ...navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())];
  for (const button of document.querySelectorAll("[data-set-language]")) {
    button.addEventListener("click", () => {
      remember(button.dataset.setLanguage);
      showLanguage(button.dataset.setLanguage);
    });
  }
  showLanguage(wished.find((name) => name in TABLES) ?? "en");
}

/**
 * @param {() => void} listener called after every change of language
 */
export function onLanguage(listener) {
  document.addEventListener("languageshown", listener);
}

function showLanguage(name) {
  language = name;
  document.documentElement.lang = TAGS[name];
  for (const element of document.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const attribute of ATTRIBUTES) {
    for (const element of document.querySelectorAll(`[data-i18n-${attribute}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(`data-i18n-${attribute}`)));
    }
  }
  for (const button of document.querySelectorAll("[data-set-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setLanguage === name));
  }
  document.dispatchEvent(new Event("languageshown"));
}

function remembered() {
  try { return localStorage.getItem(KEY); } catch { return null; }  // storage may be refused
}

function remember(name) {
  try { localStorage.setItem(KEY, name); } catch { /* then it is not remembered */ }
}
