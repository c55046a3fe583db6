/** What the class of a failure means for operators, and what to do. The classes are those of docs/protocol.md. */

import { reasonOf as commonReasonOf } from '../client/words.js';

/** What an operator can do about some of them. @type {Readonly<Record<string, string>>} */
const REMEDIES = {
  dns: 'Check the host in its URL.',
  forbidden_address: 'Allow it by allow_private.',
  too_large: 'Raise that limit, or reduce the document by select.',
  invalid_json: 'Open its URL to see what it says, or set format.',
  format: 'Check format in the configuration.',
  http_401: 'Check its credentials in the configuration.',
  http_403: 'Check its credentials in the configuration.',
  http_404: 'Check its URL in the configuration.',
  http_429: 'It is asked too often: raise every.',
};

/** @type {Readonly<Record<number, string>>} */
const STATUSES = {
  400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 410: 'Gone', 421: 'Misdirected Request', 429: 'Too Many Requests',
  500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout',
};

/** Those that the server tells about itself, and ends the connection. */
export const OWN = ['overloaded', 'draining'];

/**
 * statusOf returns a status of HTTP in words: `503 Service Unavailable`.
 * @param {number} status
 */
export function statusOf(status) { return `${status} ${STATUSES[status] ?? ''}`.trim(); }

/**
 * reasonOf returns a sentence about a class of failure, without its full stop.
 * @param {string} error
 */
export function reasonOf(error) {
  const [, status] = /^http_(\d{3})$/.exec(error) ?? [];
  return status ? `The source answered ${statusOf(Number(status))}` : commonReasonOf(error) ?? 'The source cannot be read';
}

/**
 * remedyOf returns a sentence that says what to do; empty if there is nothing.
 * @param {string} error
 */
export function remedyOf(error) { return REMEDIES[error] ?? ''; }
