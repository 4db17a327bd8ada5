/** One upload: the raw file to the server, with progress. */

import { ApiError, readFault } from "./api.js";

const SPEED_WINDOW_MS = 4_000;

/**
 * @param {File} file
 * @param {(progress: {sentBytes: number, totalBytes: number, bytesPerSec: number,
 *   leftSec: number | null}) => void} onProgress
 * @returns {{video: Promise<import("./api.js").Video>, cancel: () => void}} `video` is rejected with an
 *   ApiError, or with an AbortError after `cancel`
 */
export function uploadVideo(file, onProgress) {
  const request = new XMLHttpRequest();
  const speedAt = createSpeedometer();
  const video = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      const bytesPerSec = speedAt(performance.now(), event.loaded);
      onProgress({
        sentBytes: event.loaded,
        totalBytes: file.size,
        bytesPerSec,
        leftSec: bytesPerSec > 0 ? (file.size - event.loaded) / bytesPerSec : null,
      });
    });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(new ApiError(readFault(request.status, request.responseText)));
    });
    request.addEventListener("error", () => reject(new ApiError({ code: "broken_upload", message: "", hint: "" })));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
  });
  request.open("POST", `/api/videos?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return { video, cancel: () => request.abort() };
}

// Bytes per second over the last few seconds: steady enough to read, quick enough to be true.
function createSpeedometer() {
  const marks = [];
  return (nowMs, sentBytes) => {
    marks.push({ nowMs, sentBytes });
    while (marks.length > 2 && nowMs - marks[0].nowMs > SPEED_WINDOW_MS) marks.shift();
    const spanSec = (nowMs - marks[0].nowMs) / 1000;
    return spanSec > 0 ? (sentBytes - marks[0].sentBytes) / spanSec : 0;
  };
}
