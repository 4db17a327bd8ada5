/** Puts the page together: which conversation is open, and who is told what. */

import { api, faultOf } from "./api.js";
import { createComposer } from "./composer.js";
import { createConversationView } from "./conversation.js";
import { askDelete, askDeleteVideo, askName } from "./dialogs.js";
import { byId, make } from "./dom.js";
import { createStream } from "./events.js";
import { faultLine } from "./faults.js";
import { lengthText } from "./format.js";
import { beginLanguage, onLanguage, t } from "./i18n.js";
import { createPlayer } from "./player.js";
import { openSettings } from "./settings.js";
import { createSidebar } from "./sidebar.js";
import { createStrip } from "./strip.js";
import { beginTheme } from "./theme.js";
import { createWelcome } from "./welcome.js";

const ROUTE = /^#\/c\/([^/]+)$/;
const PRODUCT = "three-stage";
const RETRY_MS = 2_000;

const app = byId("app");
let status = null;
let open = null;  // the conversation that is shown, without its messages
let wantedId = null;
let isConnected = true;

const player = createPlayer({ onTime: (timeSec) => strip.follow(timeSec) });
const strip = createStrip({ onSeek: (timeSec) => player.seek(timeSec) });
const talk = createConversationView({
  onSeek: goTo, onRetry: retry, onModel: chooseModel, onSuggestion: (text) => composer.fill(text),
  onChanged: tellComposer,
});
const composer = createComposer({ onSend: sendQuestion, onStop: stopAnswer, playerTimeSec: player.timeSec });
const sidebar = createSidebar({ onRename: rename, onDelete: remove, onAsk: askAbout, onDeleteVideo: removeVideo });
const welcome = createWelcome({
  onBegun: showBegun, onShow: () => { location.hash = "#/"; }, onFailed: () => sidebar.refreshVideos(),
});
const stream = createStream({
  onEvent: take,
  onFetched: (conversation) => {
    show(conversation);
    sidebar.refresh();
  },
  onConnected: (connected) => {
    isConnected = connected;
    byId("connection").hidden = connected;
    byId("connection").textContent = connected ? "" : t("connection.lost");
    tellComposer();
  },
  onGone: leave,
});

// What the address names is what is shown.
async function route() {
  const match = ROUTE.exec(location.hash);
  if (!match && location.hash && location.hash !== "#/") return;  // not an address of ours
  sidebar.closeDrawer();
  wantedId = match ? readId(match[1]) : null;
  if (wantedId !== null && wantedId === open?.id) return;
  stream.close();
  open = null;
  sidebar.setCurrent(wantedId);
  if (wantedId === null) {
    player.unload();
    showView("welcome");
    return;
  }
  const asked = wantedId;
  try {
    const conversation = await api.conversation(asked);
    if (asked !== wantedId) return;
    talk.show([]);
    composer.setConversation(conversation.id, conversation.video.duration_sec);
    show(conversation);
    showView("conversation");
    talk.goToEnd();
    if (document.activeElement === document.body && matchMedia("(hover: hover)").matches) composer.focus();
    stream.open(conversation.id, conversation.last_event_id);
  } catch (error) {
    if (asked !== wantedId) return;
    const fault = faultOf(error);
    showMissing(fault.code === "bad_request" ? { ...fault, code: "not_found" } : fault);  // not the form of an id
    if (fault.code === "connection") setTimeout(() => asked === wantedId && route(), RETRY_MS);
  }
}

// An address that was cut or typed wrong names a conversation that there is not.
function readId(encoded) {
  try { return decodeURIComponent(encoded); } catch { return encoded; }
}

function showView(name) {
  app.dataset.view = name;
  byId("welcome").hidden = name !== "welcome";
  byId("missing").hidden = name !== "missing";
  for (const id of ["talk", "stage", "open-settings", "toggle-stage"]) byId(id).hidden = name !== "conversation";
  writeHead();
}

function show(conversation) {
  open = conversation;
  player.load(conversation.video);
  showFrames(conversation.frames);
  talk.show(conversation.messages);
  sidebar.update(headOf(conversation));
  writeHead();
}

function showFrames(frames) {
  open.frames = frames;
  player.setFrames(frames.frames);
  strip.show(frames);
  strip.follow(player.timeSec());
  tellComposer();
}

function headOf(conversation) {
  const { video, frames, messages, last_event_id, ...head } = conversation;
  return head;
}

function writeHead() {
  const isOpen = app.dataset.view === "conversation" && open !== null;
  byId("title").textContent = isOpen ? open.title : "";
  document.title = isOpen ? `${open.title} · ${PRODUCT}` : PRODUCT;
  const facts = byId("facts");
  facts.replaceChildren();
  if (!isOpen) return;
  const answering = status?.offline
    ? make("span", { class: "badge", title: t("offline.short_note") }, t("offline.short"))
    : make("span", { class: "model-name" }, open.model);
  facts.append(answering, make("span", {}, lengthText(open.video.duration_sec)));
}

function tellComposer() {
  composer.setState({
    isAnswering: talk.isAnswering(),
    hasNoFrames: open?.frames.state === "failed",
    isConnected,
  });
}

// An event of the stream.
function take(name, data) {
  if (name === "delta") talk.append(data.message_id, data.text);
  else if (name === "rendered") talk.render(data.message_id, data.html);
  else if (name === "frames") {
    showFrames(data);
    sidebar.refresh();  // with the pictures came the thumbnail
  } else if (name === "deleted") leave({ code: "gone", message: "", hint: "" });
  else if (name === "conversation") {
    sidebar.update(data);
    Object.assign(open, data);
    writeHead();
  } else {
    talk.put(data);
    sidebar.markAnswering(open.id, talk.isAnswering());
    if (name === "finished") talk.announce(data);
  }
}

function goTo(timeSec) {
  setStageShown(true);
  player.seek(timeSec);
  player.reveal();
}

async function sendQuestion(question) {
  const { id } = open;
  const { question: asked, answer } = await api.ask(id, question);
  if (open?.id !== id) return;
  talk.putNew(asked);
  talk.putNew(answer);
  talk.goToEnd();
}

async function stopAnswer() {
  try {
    const stopped = await api.stop(open.id);
    if (stopped) talk.put(stopped);
  } catch (error) {
    composer.fail(error);
  }
}

async function retry(messageId) {
  const { id } = open;
  talk.begun(messageId);
  composer.focus();
  try {
    const { answer } = await api.retry(id, messageId);
    if (open?.id === id) talk.putNew(answer);
  } catch (error) {
    composer.fail(error);
    const conversation = await api.conversation(id).catch(() => null);
    if (conversation && open?.id === id) show(conversation);
  }
}

function rename(head) {
  askName(head.title, (title) => change(head.id, { title }));
}

async function change(id, changes) {
  const changed = await api.change(id, changes);
  sidebar.update(headOf(changed));
  if (open?.id !== id) return;
  Object.assign(open, headOf(changed));  // messages and frames are the stream's business: it may be ahead
  writeHead();
}

function remove(head) {
  askDelete(head.title, async () => {
    if (open?.id === head.id) stream.close();  // its own news of the deletion would come as a surprise
    await api.remove(head.id);
    sidebar.remove(head.id);
    if (wantedId === head.id) location.hash = "#/";
  });
}

function leave(fault) {
  sidebar.remove(wantedId);
  stream.close();
  open = null;
  showMissing(fault);
}

function showMissing(fault) {
  player.unload();
  const isGone = fault.code === "gone" || fault.code === "not_found";
  byId("missing-title").textContent = t(isGone ? "missing.title" : "missing.failed");
  byId("missing-text").textContent = isGone ? t(`missing.${fault.code}`) : faultLine(fault);
  showView("missing");
}

function showBegun(conversation) {
  sidebar.update(headOf(conversation));
  if (wantedId === null) location.hash = `#/c/${encodeURIComponent(conversation.id)}`;
}

async function askAnew() {
  try {
    showAnew(await api.begin({ video_id: open.video_id }));
  } catch (error) {
    composer.fail(error);
  }
}

async function askAbout(video) {
  showAnew(await api.begin({ video_id: video.id }));
}

function removeVideo(video) {
  askDeleteVideo(video.name, async () => {
    try {
      // With a video go its conversations, and one may have begun in another window.
      const { conversations } = await api.conversations();
      if (!conversations.some((head) => head.video_id === video.id)) await api.removeVideo(video.id);
    } finally {
      await sidebar.refreshVideos();
    }
  });
}

function showAnew(conversation) {
  sidebar.update(headOf(conversation));
  location.hash = `#/c/${encodeURIComponent(conversation.id)}`;
}

function showSettings() {
  const limits = { mostFrames: status?.most_frames ?? open.max_frames };
  const defaultModel = open.model_is_default ? open.model : status?.model ?? "";
  openSettings(open, { ...limits, defaultModel }, (changes) => change(open.id, changes));
}

function chooseModel() {
  showSettings();
  byId("setting-model").focus();
  byId("setting-model").select();
}

function setStageShown(isShown) {
  app.classList.toggle("is-stage-hidden", !isShown);
  const button = byId("toggle-stage");
  button.setAttribute("aria-expanded", String(isShown));
  button.setAttribute("aria-label", t(isShown ? "stage.hide" : "stage.show"));
}

function takeKey(event) {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (document.querySelector("dialog[open]") || event.isComposing) return;
  if (event.key === "Escape") {
    if (sidebar.closeDrawer() || composer.closeRange()) return;
    if (open && talk.isAnswering()) stopAnswer();
  } else if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey && open) {
    event.preventDefault();
    composer.focus();
  }
}

async function fetchStatus() {
  try {
    status = await api.status();
    welcome.setStatus(status);
    talk.setOffline(status.offline);
    byId("connection").hidden = true;
    writeHead();
  } catch (error) {
    byId("connection").textContent = faultLine(faultOf(error));
    byId("connection").hidden = false;
    setTimeout(fetchStatus, RETRY_MS);
  }
}

function begin() {
  beginTheme();
  beginLanguage();
  setStageShown(true);
  onLanguage(() => {
    setStageShown(!app.classList.contains("is-stage-hidden"));
    writeHead();
  });
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();  // the hash is the address of the conversation
    if (open) composer.focus();
    else byId("main").focus();
  });
  byId("toggle-stage").addEventListener("click", () => setStageShown(app.classList.contains("is-stage-hidden")));
  byId("open-settings").addEventListener("click", showSettings);
  byId("ask-anew").addEventListener("click", askAnew);
  addEventListener("keydown", takeKey);
  addEventListener("hashchange", route);
  fetchStatus();
  sidebar.refreshVideos();
  route();
}

begin();
