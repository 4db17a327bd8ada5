/** The stream of a conversation's events, kept alive. */

import { api, eventsAddress, faultOf } from "./api.js";

const NAMES = ["message", "delta", "rendered", "finished", "frames", "conversation", "deleted"];
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;

/**
 * Follows one conversation at a time. When the stream breaks, the conversation is fetched anew and
 * followed from there: EventSource itself gives up on some errors, and a server that was started again
 * may not know the old place in the stream.
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
  let failures = 0;
  let timer = 0;

  function open(conversationId, lastEventId) {
    close();
    id = conversationId;
    listen(lastEventId);
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
    id = null;
    failures = 0;
    handlers.onConnected(true);
  }

  function listen(lastEventId) {
    source = new EventSource(eventsAddress(id, lastEventId));
    source.addEventListener("open", () => {
      failures = 0;
      handlers.onConnected(true);
    });
    source.addEventListener("error", lose);
    for (const name of NAMES) {
      source.addEventListener(name, (event) => handlers.onEvent(name, JSON.parse(event.data)));
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
      if (id !== wanted || source) return;
      handlers.onFetched(conversation);
      listen(conversation.last_event_id);
    } catch (error) {
      if (id !== wanted || source) return;
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
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);

  return { open, close };
}
