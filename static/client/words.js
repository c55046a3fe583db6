/** Words for the states of a stream. The dashboard and the React component use them. */

/** @import { State } from './types.js' */

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
