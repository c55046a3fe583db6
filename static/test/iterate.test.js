/** for await over an EventStream. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle, setup } from './fakes.js';

/** Collects what a loop gets. @param {AsyncIterable<any>} stream */
function collect(stream) {
  /** @type {any[]} */ const got = [];
  const ended = (async () => { for await (const value of stream) got.push(value); })();
  return { got, ended };
}

test('a loop gets the newest document and each that follows, until the stream is closed', async () => {
  const { stream, source } = setup();
  source().open();
  source().message('1', 'e-1');
  source().message('2', 'e-2');
  const { got, ended } = collect(stream);
  await settle();
  source().message('null', 'e-3');
  source().message('4', 'e-4');
  await settle();
  source().drop();
  source().open();
  source().message('5', 'e-5');
  await settle();
  stream.close();
  await ended;
  assert.deepEqual(got, [2, null, 4, 5]);
});

test('a loop before the first document waits; what came before close is still given', async () => {
  const { stream, source } = setup();
  const { got, ended } = collect(stream);
  await settle();
  assert.deepEqual(got, []);
  source().open();
  source().message('1');
  source().message('2');
  stream.close();
  await ended;
  assert.deepEqual(got, [1, 2]);
});

test('a closed stream ends a loop at once', async () => {
  const { stream } = setup();
  stream.close();
  const { got, ended } = collect(stream);
  await ended;
  assert.deepEqual(got, []);
});

test('leaving a loop leaves the stream, and nothing behind', async () => {
  const { stream, source } = setup();
  source().open();
  source().message('1');
  let listeners = 0;
  for (const [name, step] of /** @type {const} */ ([['addEventListener', 1], ['removeEventListener', -1]])) {
    const act = stream[name].bind(stream);
    stream[name] = (/** @type {[any, any]} */ ...args) => {
      listeners += step;
      act(...args);
    };
  }
  for await (const value of stream) {
    assert.equal(value, 1);
    assert.equal(listeners, 2);
    break;
  }
  assert.deepEqual([listeners, stream.state], [0, 'live']);
});

test('a slow loop has at most 1,000 documents waiting, the newest ones', async () => {
  for (const [came, first] of [[1000, 1], [1001, 2]]) {
    const { stream, source } = setup();
    const { got, ended } = collect(stream);
    await settle();
    source().open();
    for (let n = 1; n <= came; n++) source().message(`${n}`);
    stream.close();
    await ended;
    assert.deepEqual([got.length, got[0], got[got.length - 1]], [1000, first, came]);
  }
});
