/**
 * The server's HTTP interface, one function a request.
 *
 * @typedef {{code: string, message: string, hint: string}} Fault
 * @typedef {{version: string, offline: boolean, provider: string, model: string, max_upload_mb: number,
 *   default_frames: number, most_frames: number, default_temperature: number, concurrency: number}} Status
 * @typedef {{id: string, name: string, size_bytes: number, duration_sec: number, width: number, height: number,
 *   codec: string, media_type: string, has_audio: boolean, created_at: string, file_url: string,
 *   warnings: string[]}} Video
 * @typedef {{index: number, time_sec: number, url: string}} Frame  index is 1-based
 * @typedef {{state: "sampling" | "ready" | "failed", frames: Frame[], width_px: number, height_px: number,
 *   note: string, error: Fault | null}} FrameStrip
 * @typedef {{start_sec: number, end_sec: number}} TimeRange
 * @typedef {{id: number, role: "user" | "assistant", text: string, html: string,
 *   state: "waiting" | "writing" | "done" | "stopped" | "interrupted" | "failed", status_note: string,
 *   error: Fault | null, range: TimeRange | null,
 *   moments: {time_sec: number, frame_index: number, url: string}[], model: string | null,
 *   finish_reason: string | null, usage: {prompt_tokens: number, completion_tokens: number} | null,
 *   notes: string[], created_at: string}} Message
 * @typedef {{id: string, title: string, video_id: string, video_name: string, created_at: string,
 *   updated_at: string, is_answering: boolean, thumbnail_url: string | null, model: string,
 *   model_is_default: boolean, temperature: number, max_frames: number}} ConversationHead
 * @typedef {ConversationHead & {video: Video, frames: FrameStrip, messages: Message[],
 *   last_event_id: string}} Conversation
 */

import { t } from "./i18n.js";

const TIMEOUT_MS = 30_000;

/** A request that did not do what it was for; `code` is one of the server's, or "connection". */
export class ApiError extends Error {
  /** @param {Fault} fault */
  constructor(fault) {
    super(fault.message);
    this.fault = fault;
  }
}

/**
 * The fault in an answer of the server that is no success. A lost session leads to the sign-in page.
 * @param {number} status
 * @param {string} body
 * @returns {Fault}
 */
export function readFault(status, body) {
  if (status === 401) location.assign("/login");
  try {
    const { code, message, hint } = JSON.parse(body).error;
    return { code: String(code), message: String(message), hint: String(hint ?? "") };
  } catch {
    return { code: "unknown", message: `HTTP ${status}`, hint: "" };
  }
}

/**
 * @param {unknown} error
 * @returns {Fault} of an ApiError; of anything else, that the page itself failed
 */
export function faultOf(error) {
  return error instanceof ApiError ? error.fault : { code: "unknown", message: String(error), hint: "" };
}

async function ask(method, path, body) {
  let reply;
  let text;
  try {
    reply = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await reply.text();
  } catch {
    throw new ApiError({ code: "connection", message: "", hint: t("error.connection_hint") });
  }
  if (!reply.ok) throw new ApiError(readFault(reply.status, text));
  return text ? JSON.parse(text) : null;
}

const conversationPath = (id) => `/api/conversations/${encodeURIComponent(id)}`;

export const api = {
  /** @returns {Promise<Status>} */
  status: () => ask("GET", "/api/status"),
  /** @returns {Promise<{default: string, models: string[]}>} */
  models: () => ask("GET", "/api/models"),
  /** @returns {Promise<{videos: Video[]}>} */
  videos: () => ask("GET", "/api/videos"),
  /** With its conversations, if there are any. @param {string} id @returns {Promise<null>} */
  removeVideo: (id) => ask("DELETE", `/api/videos/${encodeURIComponent(id)}`),
  /** @returns {Promise<{conversations: ConversationHead[]}>} */
  conversations: () => ask("GET", "/api/conversations"),
  /** @param {string} id @returns {Promise<Conversation>} */
  conversation: (id) => ask("GET", conversationPath(id)),
  /** @param {{video_id: string}} wish @returns {Promise<Conversation>} */
  begin: (wish) => ask("POST", "/api/conversations", wish),
  /**
   * @param {string} id
   * @param {{title?: string, model?: string, temperature?: number, max_frames?: number}} changes
   *   an empty model is the server's default again
   * @returns {Promise<Conversation>}
   */
  change: (id, changes) => ask("PATCH", conversationPath(id), changes),
  /** @param {string} id @returns {Promise<null>} */
  remove: (id) => ask("DELETE", conversationPath(id)),
  /**
   * @param {string} id
   * @param {{text: string, range?: TimeRange}} question
   * @returns {Promise<{question: Message, answer: Message}>}
   */
  ask: (id, question) => ask("POST", `${conversationPath(id)}/messages`, question),
  /** @param {string} id @returns {Promise<Message | null>} */
  stop: (id) => ask("POST", `${conversationPath(id)}/stop`),
  /** @param {string} id @param {number} messageId @returns {Promise<{question: Message, answer: Message}>} */
  retry: (id, messageId) => ask("POST", `${conversationPath(id)}/messages/${messageId}/retry`),
};

/**
 * @param {string} id
 * @param {"markdown" | "json"} format
 * @returns {string} the address of a download
 */
export function exportAddress(id, format) {
  return `${conversationPath(id)}/export?format=${format}`;
}

/**
 * @param {string} id
 * @param {string} lastEventId what is known already
 * @returns {string} the address of the stream of events
 */
export function eventsAddress(id, lastEventId) {
  return `${conversationPath(id)}/events?last_event_id=${encodeURIComponent(lastEventId)}`;
}
