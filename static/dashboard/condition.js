/** The condition of the stream, in words. */

import { clock } from './time.js';

/** @import { EventStream } from '../client/pollux.js' */

/** What each state of health is called. */
export const WORDS = {
  connecting: 'Connecting',
  live: 'Live',
  stale: 'Stale',
  down: 'Down',
  reconnecting: 'Reconnecting',
  closed: 'Closed',
};

/**
 * explain says what a stream's health means to somebody who watches.
 * @param {Pick<EventStream, 'health' | 'status' | 'error' | 'value'>} stream
 */
export function explain({ health, status, error, value }) {
  const kept = value === undefined ? '' : ' The last good value stays on show.';
  const success = clock(status?.lastSuccess);
  const last = success ? ` It last answered at ${success}.` : '';
  const cause = status?.error ? ` (${status.error})` : '';
  switch (health) {
    case 'connecting': return 'Opening the stream.';
    case 'live': return error ? error.message : 'What changes shows here as soon as the server has it.';
    case 'stale': return `The source is late${cause}.${last}${kept}`;
    case 'down': return `The source does not answer${cause}.${last}${kept}`;
    case 'reconnecting': return `${error?.message ?? 'The connection was lost.'}${kept}`;
    default: return 'The stream has ended.';
  }
}

/**
 * countdown says when the next try is due.
 * @param {number | null} nextRetryAt milliseconds since 1970; null when only the browser knows
 * @param {number} now
 * @returns {string} empty when it cannot be said
 */
export function countdown(nextRetryAt, now) {
  if (nextRetryAt === null) return '';
  const seconds = Math.ceil((nextRetryAt - now) / 1000);
  return seconds > 0 ? `Next try in ${seconds} s` : 'Trying now…';
}
