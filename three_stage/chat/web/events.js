/** The stream of a conversation's events, kept alive. */

import { api, eventsAddress, faultOf } from "./api.js";

const NAMES = ["message", "delta", "rendered", "finished", "frames", "conversation", "deleted"];
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
const GRACE_MS = 2_000;  // a look at another tab and back breaks nothing off

/**
 * Follows one conversation at a time. When the stream breaks, the conversation is fetched anew and
 * followed from there: EventSource itself gives up on some errors, and a server that was started again
 * may not know the old place in the stream. While the page is hidden nothing is followed: a browser has
 * few connections to one server for all its tabs. It goes on with the last event that was seen.
 * @param {{
 *   onEvent: (name: string, data: any) => void,
 *   onFetched: (conversation: import("./api.js").Conversation) => void,
 *   onConnected: (isConnected: boolean) => void,
 *   onGone: (fault: import("./api.js").Fault) => void,
 * }} handlers
 * @returns {{open: (id: string, lastEventId: string) => void, close: () => void}}
 */
export function createStream(handlers) {
  let source = null;
  let id = null;
  let lastEventId = "";
  let failures = 0;
  let timer = 0;
  let graceTimer = 0;
  let isResting = false;

  function open(conversationId, eventId) {
    close();
    id = conversationId;
    lastEventId = eventId;
    listen();
    heedSight();  // it may have been opened behind another tab
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
    id = null;
    failures = 0;
    isResting = false;
    handlers.onConnected(true);
  }

  function listen() {
    source = new EventSource(eventsAddress(id, lastEventId));
    source.addEventListener("open", () => {
      failures = 0;
      handlers.onConnected(true);
    });
    source.addEventListener("error", lose);
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        lastEventId = event.lastEventId || lastEventId;
        handlers.onEvent(name, JSON.parse(event.data));
      });
    }
  }

  function lose() {
    source?.close();
    source = null;
    if (failures > 0) handlers.onConnected(false);
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
    failures += 1;
    clearTimeout(timer);
    timer = setTimeout(recover, wait);
  }

  async function recover() {
    const wanted = id;
    try {
      const conversation = await api.conversation(wanted);
      if (id !== wanted || source || isResting) return;
      handlers.onFetched(conversation);
      lastEventId = conversation.last_event_id;
      listen();
    } catch (error) {
      if (id !== wanted || source || isResting) return;
      const fault = faultOf(error);
      if (fault.code === "not_found" || fault.code === "gone") handlers.onGone(fault);
      else lose();
    }
  }

  // The moments at which a new try is most likely to succeed.
  function hurry() {
    if (id === null || source || document.hidden) return;
    clearTimeout(timer);
    timer = setTimeout(recover, 0);
  }

  function rest() {
    isResting = true;
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function heedSight() {
    clearTimeout(graceTimer);
    if (document.hidden) {
      graceTimer = setTimeout(rest, GRACE_MS);
      return;
    }
    const hasRested = isResting;
    isResting = false;
    if (hasRested && id !== null && failures === 0) listen();
    else hurry();
  }

  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", heedSight);

  return { open, close };
}
