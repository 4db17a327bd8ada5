/** The player. Where the browser cannot play the file, the frames' pictures stand in for it. */

import { byId, make, scrollManner } from "./dom.js";
import { lengthText, placeText, sizeText } from "./format.js";
import { onLanguage, t } from "./i18n.js";

const JUST_INSIDE_SEC = 0.001;  // of a frame: its very first instant may still show the one before

/**
 * @param {{onTime: (timeSec: number) => void}} handlers
 * @returns {{load: (video: import("./api.js").Video) => void, setFrames: (frames: import("./api.js").Frame[]) => void,
 *   seek: (timeSec: number) => void, reveal: () => void, timeSec: () => number, unload: () => void}}
 */
export function createPlayer(handlers) {
  const player = byId("player");
  const still = byId("still");
  const note = byId("player-note");
  let video = null;
  let frames = [];
  let isPlayable = true;
  let isReachable = true;
  let stillSec = 0;  // where "the player" stands when there are pictures only

  // Of a video that is there already nothing changes, unless it could not be played: that is tried again.
  function load(loaded) {
    if (video?.file_url === loaded.file_url && isPlayable) return;
    video = loaded;
    frames = [];
    isPlayable = true;
    stillSec = 0;
    player.removeAttribute("poster");
    player.src = loaded.file_url;
    byId("screen").style.setProperty("--ratio", `${loaded.width || 16} / ${loaded.height || 9}`);
    write();
  }

  function unload() {
    video = null;
    player.pause();
    player.removeAttribute("src");
    player.load();  // lets the connection go
  }

  function setFrames(given) {
    frames = given;
    if (frames.length) player.poster = frames[0].url;
    write();
  }

  function seek(timeSec) {
    const wanted = Math.min(Math.max(0, timeSec), video.duration_sec);
    if (isPlayable) player.currentTime = wanted + JUST_INSIDE_SEC;
    stillSec = wanted;
    if (!isPlayable) write();
    handlers.onTime(wanted);
  }

  const timeSec = () => (isPlayable ? player.currentTime : stillSec);

  // On a small page the player may be out of sight when a time in the text is clicked.
  function reveal() {
    byId("screen").scrollIntoView({ block: "nearest", behavior: scrollManner() });
  }

  // The player's own error does not tell a file that it cannot play from one that does not come.
  async function giveUp() {
    if (!video || !isPlayable) return;
    isPlayable = false;
    stillSec = Number.isFinite(player.currentTime) ? player.currentTime : 0;
    isReachable = await canFetch(video.file_url);
    write();
  }

  function write() {
    if (!video) return;
    player.hidden = !isPlayable;
    note.hidden = isPlayable;
    note.textContent = isPlayable ? "" : whyNot();
    const frame = frameAt(frames, stillSec);
    still.hidden = isPlayable || frame === null;
    if (!still.hidden) {
      const caption = t("player.still", { index: frame.index, time: placeText(frame.time_sec) });
      byId("still-picture").src = frame.url;
      byId("still-picture").alt = caption;
      byId("still-caption").textContent = caption;
    }
    writeFacts();
  }

  function whyNot() {
    if (!isReachable) return t("player.unreachable");
    return t("player.unplayable", { codec: video.codec });
  }

  function writeFacts() {
    byId("video-name").textContent = video.name;
    byId("video-name").title = video.name;
    byId("video-facts").textContent = [
      lengthText(video.duration_sec), `${video.width} × ${video.height}`, video.codec, sizeText(video.size_bytes),
      video.has_audio ? null : t("facts.no_sound"),
    ].filter(Boolean).join(" · ");
    byId("video-warnings").replaceChildren(...video.warnings.map((warning) => make("li", { dir: "auto" }, warning)));
  }

  function follow() {
    handlers.onTime(timeSec());
  }

  function followPlaying() {
    follow();
    if (!player.paused && !player.ended) requestAnimationFrame(followPlaying);
  }

  player.addEventListener("error", giveUp);
  player.addEventListener("loadedmetadata", () => {
    if (!player.videoWidth) giveUp();  // sound without pictures
  });
  for (const name of ["timeupdate", "seeking", "seeked", "loadedmetadata"]) player.addEventListener(name, follow);
  player.addEventListener("play", followPlaying);
  onLanguage(write);
  return { load, unload, setFrames, seek, reveal, timeSec };
}

async function canFetch(address) {
  try {
    return (await fetch(address, { headers: { Range: "bytes=0-0" } })).ok;
  } catch {
    return false;
  }
}

/**
 * @param {import("./api.js").Frame[]} frames in the order of time
 * @param {number} timeSec
 * @returns {import("./api.js").Frame | null} the last one at or before this time, else the first
 */
export function frameAt(frames, timeSec) {
  let found = frames[0] ?? null;
  for (const frame of frames) if (frame.time_sec <= timeSec + 2 * JUST_INSIDE_SEC) found = frame;
  return found;
}
