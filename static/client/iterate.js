/** The documents of a stream, one after another. Loaded when somebody iterates. */

/** @import { EventStream } from './pollux.js' */
/** @import { StreamEvents } from './types.js' */

const MOST = 1000; // documents that wait for a loop

/**
 * iterate yields the newest document, if there is one, and then each that comes, until the stream is closed. If the loop is
 * so slow that 1,000 documents wait, the oldest are left out. Leaving the loop does not close the stream.
 * @template T
 * @param {EventStream<T>} stream
 * @returns {AsyncGenerator<T, void, void>}
 */
export async function* iterate(stream) {
  /** @type {T[]} */
  const waiting = stream.updatedAt === null ? [] : [/** @type {T} */ (stream.value)];
  let wake = () => {};
  /** @param {CustomEvent<StreamEvents<T>['value']>} event */
  const take = ({ detail }) => {
    waiting.push(detail.value);
    if (waiting.length > MOST) waiting.shift();
    wake();
  };
  const look = () => wake();
  stream.addEventListener('value', take);
  stream.addEventListener('state', look);
  try {
    for (;;) {
      while (waiting.length > 0) yield /** @type {T} */ (waiting.shift());
      if (stream.state === 'closed') return;
      await new Promise(resolve => { wake = () => resolve(undefined); });
    }
  } finally {
    stream.removeEventListener('value', take);
    stream.removeEventListener('state', look);
  }
}
