/** The empty state: what this is for, choosing a video, and its upload. */

import { api, faultOf } from "./api.js";
import { byId, make } from "./dom.js";
import { faultCard } from "./faults.js";
import { lengthText, sizeText } from "./format.js";
import { onLanguage, t } from "./i18n.js";
import { uploadVideo } from "./upload.js";

const SAMPLES = ["sample.what", "sample.when", "sample.risk", "sample.range"];
const OFFLINE_SAMPLES = ["sample.length", "sample.light", "sample.change", "sample.colour"];
const HOPELESS = ["too_large", "not_a_video", "unreadable"];  // the same file would fail again
const MEGABYTE = 1_000_000;  // as the server counts

/**
 * @param {boolean} isOffline whether the embedded model answers
 * @returns {string[]} keys of questions that it can answer
 */
export function sampleKeys(isOffline) {
  return isOffline ? OFFLINE_SAMPLES : SAMPLES;
}

/**
 * @param {{onBegun: (conversation: import("./api.js").Conversation) => void, onShow: () => void,
 *   onFailed: () => void}} handlers onBegun: a video was uploaded and its conversation began; onShow: the
 *   reader should see this view; onFailed: no conversation began, the video may be there nevertheless
 * @returns {{setStatus: (status: import("./api.js").Status) => void}}
 */
export function createWelcome(handlers) {
  const file = byId("file");
  const progressBar = byId("upload-progress");
  const figures = byId("upload-figures");
  const failed = byId("upload-failed");
  const pill = byId("upload-pill");
  let status = null;
  let running = null;  // {file, cancel, progress}
  let failure = null;  // {fault, file}

  function setStatus(told) {
    status = told;
    writeStatus();
  }

  function writeStatus() {
    if (!status) return;
    byId("limits").textContent = t("welcome.limits", { size: sizeText(status.max_upload_mb * MEGABYTE) });
    const sees = status.offline ? "welcome.sees_offline" : "welcome.sees";
    byId("sees").textContent = t(sees, { default: status.default_frames });
    byId("samples").replaceChildren(...sampleKeys(status.offline).map((key) => make("li", {}, t(key))));
    byId("offline-notice").hidden = !status.offline;
  }

  function take(files) {
    handlers.onShow();
    if (running) return fail({ code: "upload_running", message: t("upload.wait"), hint: "" }, null);
    if (files.length > 1) {
      return fail({ code: "one_video", message: t("upload.many", { n: files.length }), hint: "" }, null);
    }
    if (files.length === 1) start(files[0]);
  }

  function start(chosen) {
    const reason = refusal(chosen);
    if (reason) return fail(reason, null);
    failure = null;
    const upload = uploadVideo(chosen, (progress) => {
      running.progress = progress;
      write();
    });
    running = { file: chosen, cancel: upload.cancel, progress: null };
    write();
    byId("cancel-upload").focus();
    finish(chosen, upload.video);
  }

  async function finish(chosen, video) {
    try {
      const { id } = await video;
      const conversation = await api.begin({ video_id: id });
      running = null;
      failure = null;
      write();
      handlers.onBegun(conversation);
    } catch (error) {
      running = null;
      handlers.onFailed();
      if (error.name !== "AbortError") return fail(faultOf(error), chosen);
      write();
      byId("choose-video").focus();
    }
  }

  function refusal(chosen) {
    if (chosen.size === 0) return { code: "empty_file", message: "", hint: "" };
    const limit = status ? status.max_upload_mb * MEGABYTE : Infinity;
    if (chosen.size <= limit) return null;
    const message = t("upload.too_large", { size: sizeText(chosen.size), limit: sizeText(limit) });
    return { code: "too_large", message, hint: t("upload.too_large_hint") };
  }

  function fail(fault, chosen) {
    failure = { fault, file: chosen };
    write();
    (byId("retry-upload") ?? byId("choose-other")).focus();
  }

  function write() {
    byId("drop-idle").hidden = running !== null || failure !== null;
    byId("upload").hidden = running === null;
    pill.hidden = running === null;
    failed.hidden = failure === null;
    if (running) writeProgress();
    if (failure) {
      failed.replaceChildren(faultCard(failure.fault, ...failureActions()));
    } else {
      failed.replaceChildren();
    }
  }

  function failureActions() {
    const button = (id, kind, key, run) => make("button", {
      type: "button", class: `button ${kind}`, id, onclick: run,
    }, t(key));
    const other = button("choose-other", "", "upload.other", () => file.click());
    if (!failure.file || HOPELESS.includes(failure.fault.code)) return [other];
    return [button("retry-upload", "primary", "upload.retry", () => start(failure.file)), other];
  }

  function writeProgress() {
    byId("upload-name").textContent = running.file.name;
    const { progress } = running;
    const isSent = progress !== null && progress.sentBytes >= progress.totalBytes;
    if (!progress || isSent) {
      if (isSent) progressBar.removeAttribute("value");
      else progressBar.value = 0;
      figures.textContent = isSent ? t("upload.checking") : sizeText(running.file.size);
      pill.textContent = isSent ? t("upload.pill_checking") : t("upload.pill", { percent: "0 %" });
      return;
    }
    const part = Math.min(1, progress.sentBytes / progress.totalBytes);
    const percent = `${Math.floor(part * 100)} %`;
    progressBar.value = part;
    const [sent, size] = [sizeText(progress.sentBytes), sizeText(progress.totalBytes)];
    const told = [t("upload.figures", { percent, sent, size })];
    if (progress.bytesPerSec > 0) told.push(t("upload.speed", { speed: sizeText(progress.bytesPerSec) }));
    if (progress.leftSec !== null) told.push(t("upload.left", { time: lengthText(Math.ceil(progress.leftSec)) }));
    figures.textContent = told.join(" · ");
    pill.textContent = t("upload.pill", { percent });
  }

  byId("choose-video").addEventListener("click", () => file.click());
  byId("cancel-upload").addEventListener("click", () => running?.cancel());
  file.addEventListener("change", () => {
    take([...file.files]);
    file.value = "";  // so that the same file can be chosen again
  });
  addEventListener("beforeunload", (event) => {
    if (running) event.preventDefault();
  });
  acceptDrops(take);
  onLanguage(() => {
    writeStatus();
    write();
  });
  return { setStatus };
}

// Files may be dropped anywhere on the page.
function acceptDrops(take) {
  const veil = byId("drop-veil");
  let depth = 0;  // dragenter and dragleave come for every element on the way
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    veil.hidden = depth === 0;
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    take([...event.dataTransfer.files]);
  });
}
