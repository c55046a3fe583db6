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
 * What an event `hb` tells. All times are milliseconds.
 * @typedef {object} Heartbeat
 * @property {number | null} retry the server's reconnection time, with which a connection begins; null when it is not
 *   told
 * @property {number | null} now the server's time, since 1970; null when it is not told
 * @property {[string, number][]} made when the newest document of each stream was made, since 1970
 */

/**
 * heartbeatIn is what an event `hb` tells.
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
 * @returns {number | null} milliseconds since 1970; null when it is no time
 */
function timeIn(text) {
  const time = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? null : time;
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
