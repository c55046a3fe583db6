/**
 * The data of the events `status`, `reset` and `hb`. Another server can use these names for something else. Therefore
 * data of another form is ignored, and is not an error.
 */

/** @import { Reset, Status } from './types.js' */

/** The error in the status of the streams of a connection that ends because its token has expired. */
export const EXPIRED = 'expired';

/** The error in the status of a stream that does not exist, or no longer. */
export const REMOVED = 'removed';

/**
 * statusIn returns the status in the data of an event `status`; null if the data is not a status.
 * @param {string} text
 * @returns {Status | null}
 */
export function statusIn(text) {
  const status = json(text);
  return /^(live|stale|down)$/.test(status.state) ? status : null;
}

/**
 * resetIn returns the data of an event `reset`. The reason is empty, and the other members are null, if the data has none.
 * @param {string} text
 * @returns {Reset}
 */
export function resetIn(text) {
  const { reason, skipped, stream } = json(text);
  return {
    reason: typeof reason === 'string' ? reason : '',
    skipped: Number.isSafeInteger(skipped) && skipped >= 0 ? skipped : null,
    stream: typeof stream === 'string' ? stream : null,
  };
}

/**
 * retryIn returns the server's reconnection time in milliseconds, which is in the data of the first heartbeat of a
 * connection (`event: hb`); null if it has none.
 * @param {string} text
 * @returns {number | null}
 */
export function retryIn(text) {
  const { retry } = json(text);
  return retry >= 0 && Number.isFinite(retry) ? retry : null;
}

/**
 * @param {string} text
 * @returns {any} the parsed JSON; an object without members if the text is not JSON, or null
 */
function json(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
