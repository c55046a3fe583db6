/** Times in words. */

/**
 * ago returns words for a time that has passed.
 * @param {number} ms
 */
export function ago(ms) {
  const seconds = Math.floor(Math.max(ms, 0) / 1000);
  if (seconds < 1) return 'just now';
  return `${span(ms)} ago`;
}

/**
 * span returns words for a length of time: `12 s`, `3 min 5 s`, `2 h 10 min`, `5 days`.
 * @param {number} ms
 */
export function span(ms) {
  const seconds = Math.floor(Math.max(ms, 0) / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/**
 * brief is a length of time in a column: `12s`, `3m`, `2h`, `5d`.
 * @param {number} ms
 */
export function brief(ms) {
  const seconds = Math.floor(Math.max(ms, 0) / 1000);
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)}m`;
  const hours = Math.floor(seconds / 3600);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/**
 * clock is the local time of day, HH:MM:SS.
 * @param {number | string | null | undefined} time milliseconds since 1970, or RFC 3339
 * @returns {string} empty if the time is missing or invalid
 */
export function clock(time) {
  const date = new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return '';
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/**
 * moment is the local date and time of day: `2026-11-30 21:04:05`.
 * @param {number} time milliseconds since 1970
 */
export function moment(time) {
  const date = new Date(time);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(time)}`;
}

/** @param {number} n */
function two(n) { return String(n).padStart(2, '0'); }

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map(s => s * 1000);

/**
 * ticks returns the times at which an axis has marks, at round local times.
 * @param {number} from milliseconds since 1970
 * @param {number} to later than that
 * @param {number} most marks, 1 and up
 * @returns {{at: number, text: string}[]}
 */
export function ticks(from, to, most) {
  const step = STEPS.find(each => (to - from) / each <= most) ?? Math.ceil((to - from) / most / 86_400_000) * 86_400_000;
  const shift = new Date(from).getTimezoneOffset() * 60_000;
  const first = Math.ceil((from - shift) / step) * step + shift;
  const marks = [];
  for (let at = first; at <= to; at += step) {
    const text = step >= 86_400_000 ? moment(at).slice(5, 10) : clock(at).slice(0, step >= 60_000 ? 5 : 8);
    marks.push({ at, text });
  }
  return marks;
}
