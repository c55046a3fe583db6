/** Words for the states of a stream, and for the reasons that the server gives. The dashboard and the React component use them. */

/** @import { Problem, State, Status } from './types.js' */

/**
 * The name of each state.
 * @type {Readonly<Record<State, string>>}
 */
export const WORDS = {
  connecting: 'Connecting',
  live: 'Live',
  stale: 'Stale',
  down: 'Down',
  reconnecting: 'Reconnecting',
  closed: 'Closed',
};

/** The meaning of each state but `live`, as a sentence without a full stop, where the server gives no reason. */
export const MEANINGS = {
  connecting: 'Opening the stream',
  stale: 'The source is late',
  down: 'The source does not answer',
  reconnecting: 'The connection was lost',
  closed: 'The stream has ended',
};

/**
 * What else it can mean that a stream reconnects.
 * @type {Readonly<Partial<Record<Problem['kind'], string>>>}
 */
const REFUSALS = {
  unauthorized: 'The server wants a token',
  forbidden: 'The token does not allow it',
  token: 'There is no token',
};

/**
 * What each error of a status means, as a sentence without a full stop; those of HTTP have their number.
 * @type {Readonly<Record<string, string>>}
 */
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
  upstream: 'The Pollux that is the source has no newer document',
  token: 'The source needs a token of OAuth2, and there is none',
  login: 'The login to the source fails',
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
  removed: 'The server has no such stream',
  template: 'The template of the stream cannot show the document',
  expired: 'The sign-in has ended',
  origin: 'This server does not reach its origin, so there may be newer documents',
  log: 'This server does not hear the others, so there may be newer documents',
  not_stored: 'The server cannot store events now, and goes on in memory',
};

/** The errors of a status after which the server ends the connection. */
const ENDS = ['overloaded', 'draining', 'removed', 'expired', 'origin'];

/**
 * causeOf returns the class of error that the server has given for the state of a stream; null if it has given none.
 * @param {State} state
 * @param {Problem | null} error
 * @param {Status | null} status the newest one
 */
export function causeOf(state, error, status) {
  const ended = state === 'reconnecting' && error?.kind === 'dropped' && ENDS.includes(status?.error ?? '');
  return ended || status?.state === state ? status?.error ?? null : null;
}

/**
 * reasonOf returns what the error of a status means, as a sentence without a full stop; undefined if it has no words.
 * @param {string | null | undefined} error a class such as `timeout` or `http_503`
 * @returns {string | undefined}
 */
export function reasonOf(error) {
  if (!error) return undefined;
  const [, status] = /^http_(\d{3})$/.exec(error) ?? [];
  return status ? `The source answered ${status}` : Object.hasOwn(REASONS, error) ? REASONS[error] : undefined;
}

/**
 * meaningOf returns the meaning of the state of a stream that has a problem, or none.
 * @param {Exclude<State, 'live'>} state
 * @param {Problem | null} error
 * @param {string | null} [reason] the class of error that the server has given
 */
export function meaningOf(state, error, reason) {
  const refusal = state === 'reconnecting' && error ? REFUSALS[error.kind] : undefined;
  return refusal ?? reasonOf(reason) ?? MEANINGS[state];
}
