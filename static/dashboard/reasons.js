/** What the class of a failure means, and what to do. The classes are those of docs/protocol.md. */

/** @type {Readonly<Record<string, string>>} */
const REASONS = {
  timeout: 'The source does not answer in time',
  dns: 'The name of the source cannot be resolved',
  connect: 'The source cannot be reached',
  tls: 'The certificate of the source is not trusted, or TLS fails',
  disconnected: 'The source cut the connection',
  protocol: 'The source does not speak HTTP',
  header_too_large: 'The source answered with too many headers',
  redirect: 'The source redirects somewhere it may not',
  forbidden_address: 'The source has an address that this server may not ask',
  too_large: 'The document of the source is larger than max_document',
  truncated: 'The answer of the source broke off',
  encoding: 'The answer of the source is compressed in a way that cannot be read',
  invalid_json: 'The source answered, but not with JSON; it may be an HTML page',
  format: 'The source answered, but not in the configured format',
  refused: 'The source answered with a document that is no success',
  select: 'The program in select fails on the document',
  select_timeout: 'The program in select takes too long',
  no_document: 'The source has no such document',
  proxy: 'The proxy before the source refuses',
  panic: 'The server failed while it read the source',
  publish: 'The document could not be published',
  error: 'The source cannot be read',
  rate_limited: 'This key waits, because the source allows fewer requests than there are keys',
  overloaded: 'The server is full. It lets this page in as soon as there is room',
  draining: 'The server is shutting down. This page connects to the next one',
  removed: 'The server has no such stream any more',
  expired: 'The sign-in has ended',
  origin: 'This server does not reach its origin, so there may be newer documents',
  log: 'This server does not hear the others, so there may be newer documents',
  not_stored: 'The server cannot store events now, and goes on in memory',
};

/** What to do about some of them. @type {Readonly<Record<string, string>>} */
const TODO = {
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
  return status ? `The source answered ${statusOf(Number(status))}` : REASONS[error] ?? 'The source cannot be read';
}

/**
 * todoOf returns a sentence that says what to do; empty if there is nothing.
 * @param {string} error
 */
export function todoOf(error) { return TODO[error] ?? ''; }
