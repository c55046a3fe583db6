/**
 * What a server says about the stream, beside its documents: the data of `status`, `reset` and `hb`. Any server may use
 * these names for something else; data that is no JSON, or not of the kind, therefore says nothing and is no error.
 */

/** @import { Status } from './types.js' */

/**
 * statusIn is the status that an event `status` tells; null when it is none.
 * @param {string} text
 * @returns {Status | null}
 */
export function statusIn(text) {
  const status = json(text);
  return ['live', 'stale', 'down'].includes(status?.state) ? status : null;
}

/**
 * reasonIn is why an event `reset` says that events were missed; empty when it does not.
 * @param {string} text
 */
export function reasonIn(text) {
  const reason = json(text)?.reason;
  return typeof reason === 'string' ? reason : '';
}

/**
 * retryIn is the server's reconnection time in milliseconds, as an event `hb` tells it; null when it does not.
 * @param {string} text
 * @returns {number | null}
 */
export function retryIn(text) {
  const retry = json(text)?.retry;
  return typeof retry === 'number' && retry >= 0 && Number.isFinite(retry) ? retry : null;
}

/**
 * @param {string} text
 * @returns {any} the JSON in the text; null when there is none
 */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
