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
  overloaded: 'The server has as many clients as it can serve',
  draining: 'The server is stopping or restarting',
  removed: 'The server has no such stream',
  expired: 'The token has expired',
  origin: 'The server does not reach the one that it follows',
  log: 'The server does not hear the others, so there may be newer documents',
  not_stored: 'The server cannot store documents now',
  timeout: 'The source did not answer in time',
  dns: 'The name of the source cannot be resolved',
  connect: 'The source cannot be reached',
  tls: 'There is no secure connection to the source',
  disconnected: 'The source closed the connection before it answered',
  protocol: 'The source answered with something that is not HTTP',
  header_too_large: 'The header of the source is too large',
  redirect: 'The source redirects to another address, which is not followed',
  forbidden_address: 'The server may not ask the address of the source',
  proxy: 'The proxy in front of the source does not connect',
  too_large: 'The document of the source is too large',
  truncated: 'The answer of the source ended too early',
  encoding: 'The answer of the source is compressed in a way that cannot be read',
  invalid_json: 'The source answered with something that is not JSON',
  format: 'The source answered in another format',
  no_document: 'The source has no document',
  refused: 'The source answered with a document that does not meet the condition for it',
  select: 'The document of the source cannot be reshaped',
  select_timeout: 'Reshaping the document of the source took too long',
  rate_limited: 'The source is not asked more often than allowed',
  publish: 'The server could not publish the document',
  panic: 'The server failed to ask the source',
  error: 'The server failed to ask the source',
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
