/** Figures as people read them. */

import { languageTag, t } from "./i18n.js";

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/**
 * A place in the video, as the answers write it: "12.34 s", from a minute on "1:02.34".
 * @param {number} timeSec
 * @returns {string}
 */
export function placeText(timeSec) {
  const hundredths = Math.max(0, Math.round(timeSec * 100));
  if (hundredths < 6000) return t("length.seconds", { seconds: (hundredths / 100).toFixed(2) });
  const two = (number) => String(number).padStart(2, "0");
  const seconds = `${two(Math.floor(hundredths / 100) % 60)}.${two(hundredths % 100)}`;
  const minutes = Math.floor(hundredths / 6000);
  return minutes < 60 ? `${minutes}:${seconds}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${seconds}`;
}

/**
 * A place in the video as a person types it: "12.5", "1:02.5", "1:02:03".
 * @param {number} timeSec
 * @returns {string}
 */
export function typedPlace(timeSec) {
  const hundredths = Math.max(0, Math.round(timeSec * 100));
  const seconds = (hundredths % 6000) / 100;
  const minutes = Math.floor(hundredths / 6000);
  if (!minutes) return String(seconds);
  const padded = (seconds < 10 ? "0" : "") + String(seconds);
  if (minutes < 60) return `${minutes}:${padded}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${padded}`;
}

/**
 * @param {string} text "12.5", "1:02.5" or "1:02:03", with or without "s"
 * @returns {number | null} seconds; null when it is no time
 */
export function readPlace(text) {
  const plain = text.trim().replace(/：/g, ":").replace(/\s*(s|秒)$/i, "").replace(",", ".");
  if (!/^(\d+:){0,2}\d+(\.\d+)?$/.test(plain)) return null;
  return plain.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/**
 * @param {number} lengthSec how long something lasts
 * @returns {string}
 */
export function lengthText(lengthSec) {
  const whole = Math.round(lengthSec);
  if (lengthSec < 10) return t("length.seconds", { seconds: Number(lengthSec.toFixed(1)) });
  if (whole < 60) return t("length.seconds", { seconds: whole });
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return t("length.minutes", { minutes, seconds: whole % 60 });
  return t("length.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/**
 * @param {number} bytes
 * @returns {string} in decimal units, as the server's limit is
 */
export function sizeText(bytes) {
  let [amount, unit] = [bytes, 0];
  while (amount >= 1000 && unit < UNITS.length - 1) [amount, unit] = [amount / 1000, unit + 1];
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${Number(amount.toFixed(digits)).toLocaleString(languageTag())} ${UNITS[unit]}`;
}

/**
 * @param {number} count
 * @returns {string}
 */
export function countText(count) {
  return count.toLocaleString(languageTag());
}

/**
 * @param {string} moment ISO 8601
 * @returns {string} the time of day for today, else the date
 */
export function momentText(moment) {
  const then = new Date(moment);
  const now = new Date();
  if (now - then < 60_000) return t("time.now");
  const parts = then.toDateString() === now.toDateString()
    ? { hour: "numeric", minute: "2-digit" }
    : { year: then.getFullYear() === now.getFullYear() ? undefined : "numeric", month: "short", day: "numeric" };
  return then.toLocaleString(languageTag(), parts);
}
