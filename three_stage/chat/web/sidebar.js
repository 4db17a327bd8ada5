/** The list of conversations; on narrow pages a drawer. */

import { api } from "./api.js";
import { byId, icon, make } from "./dom.js";
import { momentText } from "./format.js";
import { onLanguage, t } from "./i18n.js";
import { createUnusedVideos } from "./unused.js";

const POLL_MS = 4_000;
const NARROW = "(max-width: 1099px)";

/**
 * @param {{onRename: (head: import("./api.js").ConversationHead) => void,
 *   onDelete: (head: import("./api.js").ConversationHead) => void,
 *   onAsk: (video: import("./api.js").Video) => Promise<void>,
 *   onDeleteVideo: (video: import("./api.js").Video) => void}} handlers
 * @returns {{refresh: () => Promise<void>, refreshVideos: () => Promise<void>,
 *   update: (head: import("./api.js").ConversationHead) => void,
 *   markAnswering: (id: string, isAnswering: boolean) => void, remove: (id: string) => void,
 *   setCurrent: (id: string | null) => void, closeDrawer: () => boolean}}
 */
export function createSidebar(handlers) {
  const list = byId("conversation-list");
  const empty = byId("no-conversations");
  const unused = createUnusedVideos(handlers);
  let heads = [];
  let current = null;
  let hasFailed = false;
  let timer = 0;

  async function refresh() {
    try {
      heads = (await api.conversations()).conversations;
      hasFailed = false;
    } catch {
      hasFailed = true;
    }
    write();
    watchOthers();
  }

  // The conversations too: only with them is it known which videos have none.
  async function refreshVideos() {
    const [told] = await Promise.all([api.videos().catch(() => null), refresh()]);
    if (told && !hasFailed) unused.show(told.videos, heads);
  }

  // The open conversation tells its own news; for the others the list is asked again while one is at work.
  function watchOthers() {
    clearTimeout(timer);
    if (heads.some((head) => head.is_answering && head.id !== current)) timer = setTimeout(refresh, POLL_MS);
  }

  function update(head) {
    const rest = heads.filter((one) => one.id !== head.id);
    heads = [...rest, head].sort((one, other) => (one.updated_at < other.updated_at ? 1 : -1));
    write();
  }

  function markAnswering(id, isAnswering) {
    const head = heads.find((one) => one.id === id);
    if (!head || head.is_answering === isAnswering) return;
    head.is_answering = isAnswering;
    write();
  }

  function remove(id) {
    heads = heads.filter((head) => head.id !== id);
    write();
  }

  function setCurrent(id) {
    current = id;
    if (id === null) byId("new-conversation").setAttribute("aria-current", "page");
    else byId("new-conversation").removeAttribute("aria-current");
    write();
    watchOthers();
  }

  function write() {
    const focused = list.contains(document.activeElement) ? document.activeElement.id : null;
    list.replaceChildren(...heads.map(item));
    empty.hidden = heads.length > 0;
    empty.textContent = t(hasFailed ? "sidebar.failed" : "sidebar.empty");
    unused.leaveOut(heads);
    if (focused) byId(focused)?.focus();
  }

  function item(head) {
    const picture = head.thumbnail_url
      ? make("img", { class: "item-picture", src: head.thumbnail_url, alt: "", loading: "lazy" })
      : make("span", { class: "item-picture" }, icon("film"));
    const title = make("span", { class: "item-title", dir: "auto" }, head.title);
    const about = make("span", { class: "item-about" },
      head.is_answering
        ? make("span", { class: "working" },
          make("span", { class: "pulse", "aria-hidden": "true" }), t("sidebar.answering"))
        : make("time", { datetime: head.updated_at }, momentText(head.updated_at)),
      head.video_name === head.title ? null : make("span", { class: "item-video", dir: "auto" }, head.video_name));
    const link = make("a", {
      class: "item-link", title: head.title, id: `open-${head.id}`, href: `#/c/${encodeURIComponent(head.id)}`,
      "aria-current": head.id === current ? "page" : null,
    }, picture, make("span", { class: "item-text" }, title, about));
    const action = (name, symbol, run) => make("button", {
      type: "button", class: "icon-button small", id: `${name}-${head.id}`,
      "aria-label": t(`sidebar.${name}`, { title: head.title }), title: t(`sidebar.${name}`, { title: head.title }),
      onclick: () => run(head),
    }, icon(symbol));
    return make("li", { class: "item", "data-conversation": head.id }, link, make("span", { class: "item-actions" },
      action("rename", "pencil", handlers.onRename), action("delete", "trash", handlers.onDelete)));
  }

  onLanguage(write);
  return { refresh, refreshVideos, update, markAnswering, remove, setCurrent, closeDrawer: createDrawer() };
}

// On narrow pages the sidebar slides in over the page. Returns a function that closes it and says
// whether it was open.
function createDrawer() {
  const [sidebar, scrim, opener] = [byId("sidebar"), byId("scrim"), byId("open-sidebar")];
  const narrow = matchMedia(NARROW);
  let isOpen = false;

  function write() {
    sidebar.classList.toggle("is-open", isOpen);
    sidebar.inert = narrow.matches && !isOpen;
    scrim.hidden = !(narrow.matches && isOpen);
    opener.setAttribute("aria-expanded", String(isOpen));
    for (const id of ["topbar", "main", "stage"]) byId(id).inert = narrow.matches && isOpen;
  }

  function close() {
    if (!isOpen) return false;
    isOpen = false;
    write();
    opener.focus();
    return true;
  }

  opener.addEventListener("click", () => {
    isOpen = true;
    write();
    byId("close-sidebar").focus();
  });
  byId("close-sidebar").addEventListener("click", close);
  scrim.addEventListener("click", close);
  narrow.addEventListener("change", () => {
    isOpen = false;
    write();
  });
  write();
  return close;
}
