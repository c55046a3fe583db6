/**
 * The data of the events `status`, `reset` and `hb`. Another server can use these names for something else. Therefore
 * data of another form is ignored, and is not an error.
 */

/** @import { Reset, Status } from './types.js' */

/** The error in the status of a stream that does not exist, or no longer. */
export const REMOVED = 'removed';

/** The error in the status of the streams of a connection that ends because its token has expired. */
export const EXPIRED = 'expired';

/**
 * statusIn returns the status in the data of an event `status`; null if the data is not a status.
 * @param {string} text
 * @returns {Status | null}
 */
export function statusIn(text) {
  const status = json(text);
  return ['live', 'stale', 'down'].includes(status?.state) ? status : null;
}

/**
 * resetIn returns the data of an event `reset`. The reason is empty, and the other members are null, if the data has none.
 * @param {string} text
 * @returns {Reset}
 */
export function resetIn(text) {
  const { reason, skipped, stream } = json(text) ?? {};
  return {
    reason: typeof reason === 'string' ? reason : '',
    skipped: Number.isSafeInteger(skipped) && skipped >= 0 ? skipped : null,
    stream: typeof stream === 'string' ? stream : null,
  };
}

/**
 * The data of an event `hb`. All times are milliseconds.
 * @typedef {object} Heartbeat
 * @property {number | null} retry the server's reconnection time, in the first heartbeat of a connection; else null
 * @property {number | null} now the server's time, since 1970; null if it is missing
 * @property {[string, number][]} made when the newest document of each stream was made, since 1970
 */

/**
 * heartbeatIn returns the data of an event `hb`.
 * @param {string} text
 * @returns {Heartbeat}
 */
export function heartbeatIn(text) {
  const { retry, now, made } = json(text) ?? {};
  return {
    retry: typeof retry === 'number' && retry >= 0 && Number.isFinite(retry) ? retry : null,
    now: timeIn(now),
    made: Object.entries(made ?? {}).flatMap(([stream, text]) => {
      const time = timeIn(text);
      return time === null ? [] : [/** @type {[string, number]} */ ([stream, time])];
    }),
  };
}

/**
 * @param {any} text RFC 3339
 * @returns {number | null} milliseconds since 1970; null if it is not a time
 */
function timeIn(text) {
  const time = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? null : time;
}

/**
 * @param {string} text
 * @returns {any} the parsed JSON; null if the text is not JSON
 */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
