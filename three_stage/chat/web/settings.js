/** The settings of one conversation: name, model, temperature, number of frames; and its export. */

import { api, ApiError, exportAddress } from "./api.js";
import { runDialog } from "./dialogs.js";
import { byId, make } from "./dom.js";
import { t } from "./i18n.js";

const HOTTEST = 2;

/**
 * @param {import("./api.js").Conversation} conversation
 * @param {{mostFrames: number, defaultModel: string}} server
 * @param {(changes: object) => Promise<unknown>} save gets the fields that were changed only
 */
export function openSettings(conversation, { mostFrames, defaultModel }, save) {
  const before = { ...conversation, model: conversation.model_is_default ? "" : conversation.model };
  byId("setting-title").value = conversation.title;
  byId("setting-model").value = before.model;
  byId("setting-model").placeholder = t("settings.model_default", { name: defaultModel });
  byId("setting-temperature").value = conversation.temperature;
  byId("setting-frames").value = conversation.max_frames;
  byId("setting-frames").max = mostFrames;
  byId("frames-hint").textContent = t("settings.frames_hint", { most: mostFrames });
  byId("export-markdown").href = exportAddress(conversation.id, "markdown");
  byId("export-json").href = exportAddress(conversation.id, "json");
  byId("settings-close").onclick = () => byId("settings-dialog").close();
  listModels();
  runDialog("settings", async () => {
    const wished = readFields(mostFrames);
    const changes = Object.fromEntries(Object.entries(wished).filter(([name, value]) => value !== before[name]));
    if (Object.keys(changes).length) await save(changes);
  });
}

async function listModels() {
  const hint = byId("model-hint");
  hint.textContent = t("settings.model_hint");
  try {
    const { models } = await api.models();
    byId("models").replaceChildren(...models.map((name) => make("option", { value: name })));
    if (!models.length) hint.textContent = t("settings.model_unknown");
  } catch {
    hint.textContent = t("settings.model_unknown");
  }
}

function readFields(mostFrames) {
  const title = byId("setting-title").value.trim();
  const model = byId("setting-model").value.trim();
  const temperature = byId("setting-temperature").valueAsNumber;
  const maxFrames = Number(byId("setting-frames").value);
  if (!title) throw invalid(t("settings.bad_title"));
  if (!(temperature >= 0 && temperature <= HOTTEST)) throw invalid(t("settings.bad_temperature"));
  if (!Number.isInteger(maxFrames) || maxFrames < 1 || maxFrames > mostFrames) {
    throw invalid(t("settings.bad_frames", { most: mostFrames }));
  }
  return { title, model, temperature, max_frames: maxFrames };
}

function invalid(message) {
  return new ApiError({ code: "invalid", message, hint: "" });
}
