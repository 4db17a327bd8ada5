/** The small dialogs: rename and delete. <dialog> keeps the focus inside and closes on Esc. */

import { faultOf } from "./api.js";
import { byId } from "./dom.js";
import { faultLine } from "./faults.js";
import { t } from "./i18n.js";

/**
 * Asks for a new name.
 * @param {string} title the name so far
 * @param {(title: string) => Promise<unknown>} save
 */
export function askName(title, save) {
  const text = byId("rename-text");
  text.value = title;
  runDialog("rename", () => save(text.value.trim()));
  text.select();
}

/**
 * Asks whether a conversation shall be deleted.
 * @param {string} title
 * @param {() => Promise<unknown>} remove
 */
export function askDelete(title, remove) {
  showDelete(t("delete.title"), t("delete.text", { title }), remove);
}

/**
 * Asks whether a video that has no conversation shall be deleted.
 * @param {string} name
 * @param {() => Promise<unknown>} remove
 */
export function askDeleteVideo(name, remove) {
  showDelete(t("delete.video_title"), t("delete.video_text", { name }), remove);
}

function showDelete(title, text, remove) {
  byId("delete-title").textContent = title;
  byId("delete-text").textContent = text;
  runDialog("delete", remove);
  byId("delete-cancel").focus();  // not on the button that cannot be undone
}

/**
 * Shows a dialog until its work is done. While the work runs, it cannot be started twice; when it
 * fails, the dialog says why and stays.
 * @param {"rename" | "delete" | "settings"} name of the elements in index.html
 * @param {() => Promise<unknown>} work
 */
export function runDialog(name, work) {
  const dialog = byId(`${name}-dialog`);
  const form = byId(`${name}-form`);
  const problem = byId(`${name}-problem`);
  const opener = document.activeElement.id;  // the element itself may be drawn anew meanwhile
  const confirm = form.querySelector("[type=submit]");
  problem.textContent = "";
  form.onsubmit = async (event) => {
    event.preventDefault();
    confirm.disabled = true;
    try {
      await work();
      dialog.close();
    } catch (error) {
      problem.textContent = faultLine(faultOf(error));
    } finally {
      confirm.disabled = false;
    }
  };
  byId(`${name}-cancel`).onclick = () => dialog.close();
  dialog.onclose = () => (byId(opener) ?? byId("main")).focus();
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close();  // the backdrop
  };
  dialog.showModal();
}
