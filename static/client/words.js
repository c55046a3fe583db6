/** The states of a stream, in words. */

/** @import { State } from './types.js' */

/**
 * What each state is called.
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

/** What a state says of the source, or of the connection. */
export const MEANINGS = {
  connecting: 'Opening the stream',
  stale: 'The source is late',
  down: 'The source does not answer',
  reconnecting: 'The connection was lost',
  closed: 'The stream has ended',
};
