/** Videos without a conversation: uploaded, and the page was closed before one began. */

import { faultOf } from "./api.js";
import { byId, make } from "./dom.js";
import { faultLine } from "./faults.js";
import { sizeText } from "./format.js";
import { onLanguage, t } from "./i18n.js";

/**
 * @param {{onAsk: (video: import("./api.js").Video) => Promise<void>,
 *   onDeleteVideo: (video: import("./api.js").Video) => void}} handlers onAsk: begins a conversation
 * @returns {{show: (videos: import("./api.js").Video[], heads: import("./api.js").ConversationHead[]) => void,
 *   leaveOut: (heads: import("./api.js").ConversationHead[]) => void}} show: of all videos those that no
 *   conversation is about; leaveOut: those that got one meanwhile
 */
export function createUnusedVideos(handlers) {
  const list = byId("unused-list");
  const problem = byId("unused-problem");
  let unused = [];

  function show(videos, heads) {
    unused = without(heads, videos);
    problem.textContent = "";
    write();
  }

  function leaveOut(heads) {
    const rest = without(heads, unused);
    if (rest.length === unused.length) return;
    unused = rest;
    write();
  }

  function write() {
    byId("unused").hidden = unused.length === 0;
    list.replaceChildren(...unused.map(item));
  }

  function item(video) {
    const action = (name, run) => make("button", {
      type: "button", class: "link-button", id: `${name}-video-${video.id}`,
      "aria-label": t(`unused.${name}_name`, { name: video.name }), onclick: run,
    }, t(`unused.${name}`));
    return make("li", { class: "unused-item", "data-video": video.id },
      make("span", { class: "unused-name", dir: "auto", title: video.name }, video.name),
      make("span", { class: "unused-size" }, sizeText(video.size_bytes)),
      action("ask", (event) => ask(video, event.currentTarget)),
      action("delete", () => handlers.onDeleteVideo(video)));
  }

  async function ask(video, button) {
    button.disabled = true;  // a second click would begin a second conversation
    problem.textContent = "";
    try {
      await handlers.onAsk(video);
    } catch (error) {
      problem.textContent = faultLine(faultOf(error));
      button.disabled = false;
    }
  }

  onLanguage(write);
  return { show, leaveOut };
}

function without(heads, videos) {
  const used = new Set(heads.map((head) => head.video_id));
  return videos.filter((video) => !used.has(video.id));
}
