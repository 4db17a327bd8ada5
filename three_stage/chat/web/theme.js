/** Light, dark, or as the system. early.js applies what is remembered before the first paint. */

const KEY = "three-stage-theme";

/** Makes the switch of the sidebar work. */
export function beginTheme() {
  const buttons = [...document.querySelectorAll("[data-set-theme]")];
  const show = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.setTheme === name));
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      show(button.dataset.setTheme);
      remember(button.dataset.setTheme);
    });
  }
  show(document.documentElement.dataset.theme ?? "system");
}

function remember(name) {
  try { localStorage.setItem(KEY, name); } catch { /* then it is not remembered */ }
}
