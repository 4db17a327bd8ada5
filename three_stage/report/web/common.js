"use strict";

// The language: what the reader chose last, else the browser's, else the first of the page.
(() => {
  const KEY = "three-stage-report-language";
  const root = document.documentElement;
  const buttons = [...document.querySelectorAll("[data-set-language]")];
  const ATTRIBUTES = ["alt", "aria-label", "label", "placeholder", "title"];

  const remembered = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }  // a page from disk may be refused
  };
  const remember = (language) => {
    try { localStorage.setItem(KEY, language); } catch { /* then it is not remembered */ }
  };
  const show = (language) => {
    const chosen = buttons.find((button) => button.dataset.setLanguage === language);
    if (!chosen) return;
    root.dataset.language = language;
    root.lang = chosen.lang;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
    for (const name of ATTRIBUTES) {
      for (const element of document.querySelectorAll(`[data-${language}-${name}]`)) {
        element.setAttribute(name, element.getAttribute(`data-${language}-${name}`));
      }
    }
    document.dispatchEvent(new Event("languageshown"));
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      show(button.dataset.setLanguage);
      remember(button.dataset.setLanguage);
    });
  }
  const wished = [remembered(), ...(navigator.languages || [navigator.language]).map((tag) => tag.slice(0, 2))];
  show(wished.find((language) => buttons.some((button) => button.dataset.setLanguage === language))
       || root.dataset.language);
})();
