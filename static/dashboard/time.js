/** Times in words. */

/**
 * ago returns words for a time that has passed.
 * @param {number} ms
 */
export function ago(ms) {
  const seconds = Math.floor(Math.max(ms, 0) / 1000);
  if (seconds < 1) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min ago` : `${Math.floor(hours / 24)} days ago`;
}

/**
 * clock is the local time of day, HH:MM:SS.
 * @param {number | string | undefined} time milliseconds since 1970, or RFC 3339
 * @returns {string} empty if the time is missing or invalid
 */
export function clock(time) {
  const date = new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return '';
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(n => String(n).padStart(2, '0')).join(':');
}
