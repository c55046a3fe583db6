/** The state of a stream, explained. */

import { EXPIRED } from '../client/signals.js';
import { MEANINGS } from '../client/words.js';
import { OWN, reasonOf, statusOf, remedyOf } from './reasons.js';
import { clock } from './time.js';

/** @import { Problem, Reset, State, Status } from '../client/types.js' */
/** @import { Knock } from './door.js' */

/**
 * What a page knows of its stream.
 * @typedef {object} Known
 * @property {State} state
 * @property {Status | null} status the newest one
 * @property {Problem | null} error
 * @property {boolean} exists whether there is a document
 * @property {Knock | null} [knock] what the server said when it was asked why it refused
 */

/**
 * explain returns a sentence or two about the state of a stream, in the words of the server's reason.
 * @param {Known} known
 */
export function explain({ state, status, error, exists, knock = null }) {
  const kept = exists ? ' The last good document stays on show.' : '';
  const success = clock(status?.lastSuccess);
  const last = success ? ` It last answered at ${success}.` : '';
  const reason = status?.error ?? '';
  if (reason === EXPIRED) return `${reasonOf(reason)}.${kept}`;
  switch (state) {
    case 'live':
      if (error) return error.message;
      return reason ? `${reasonOf(reason)} (${reason}).` : exists ? '' : 'Waiting for the first document.';
    case 'stale':
    case 'down': {
      if (!reason) return `${MEANINGS[state]}.${last}${kept}`;
      const since = clock(status?.since);
      const todo = remedyOf(reason);
      return `${reasonOf(reason)} (${reason})${since ? `, ${state} since ${since}` : ''}.${last}${todo ? ` ${todo}` : ''}${kept}`;
    }
    case 'reconnecting':
      if (OWN.includes(reason)) return `${reasonOf(reason)} (${reason}).${kept}`;
      return `${(error?.kind === 'refused' ? said(knock) : '') || error?.message || `${MEANINGS[state]}.`}${kept}`;
    default: return `${MEANINGS[state]}.`;
  }
}

/**
 * What a server, or one in between, said instead of a stream; empty if that is not known.
 * @param {Knock | null} knock
 */
function said(knock) {
  if (!knock) return '';
  if (knock.status >= 400) return knock.detail || `The server, or one in between, answered ${statusOf(knock.status)}.`;
  return knock.html ? 'Something in between answered with an HTML page instead of the stream.' : '';
}

/**
 * gap returns a sentence or two about documents that did not come.
 * @param {Pick<Reset, 'reason' | 'skipped'>} reset
 */
export function gap({ reason, skipped }) {
  if (reason !== 'skipped') return `Some events were missed (${reason}). The newest document follows.`;
  if (skipped === 1) return '1 older document was skipped.';
  return skipped === null ? 'Older documents were skipped.' : `${skipped.toLocaleString('en')} older documents were skipped.`;
}

/**
 * countdown returns words for the time until something happens.
 * @param {number | null} ms null if it is not known
 * @param {string} what
 * @param {string} due the words when it is due
 * @returns {string} empty for null
 */
export function countdown(ms, what, due) {
  if (ms === null) return '';
  const seconds = Math.ceil(ms / 1000);
  return seconds > 0 ? `${what} in ${seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`}` : due;
}
