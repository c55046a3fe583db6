/** Words for the states of a stream. The dashboard and the React component use them. */

/** @import { Problem, State } from './types.js' */

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

/** The meaning of each state but `live`, as a sentence without a full stop. */
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
 * meaningOf returns the meaning of the state of a stream that has a problem, or none.
 * @param {Exclude<State, 'live'>} state
 * @param {Problem | null} error
 */
export function meaningOf(state, error) {
  const refusal = state === 'reconnecting' && error ? REFUSALS[error.kind] : undefined;
  return refusal ?? MEANINGS[state];
}
