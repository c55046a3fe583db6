/** When the worker of the dashboard sends the page a part, by a fake clock. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Clock, settle } from './fakes.js';

const clock = new Clock();
/** @type {any[]} */ const posted = [];
/** @type {() => void} */ let everySecond = () => {};

// What a worker has. There is no server, and no other tab.
Object.assign(globalThis, {
  onmessage: null,
  postMessage: (/** @type {any} */ message) => posted.push(message),
  setTimeout: clock.setTimeout,
  clearTimeout: clock.clearTimeout,
  setInterval: (/** @type {() => void} */ callback, /** @type {number} */ ms) => { if (ms === 1000) everySecond = callback; return 0; },
  clearInterval: () => {},
  BroadcastChannel: class { postMessage() {} },
  fetch: () => new Promise(() => {}),
});
performance.now = () => clock.time;
const module = '../dashboard/worker.js';
await import(module);
let view = 0;

/** What the page says. @param {any} data */
const order = data => /** @type {any} */ (globalThis).onmessage({ data });

/** Opens the page of all streams, and returns when its first part has come. */
async function opened() {
  posted.length = 0;
  order({ type: 'open', stream: null, view: ++view, hidden: false });
  for (let tries = 0; clock.pending === 0 && tries < 1000; tries++) await settle(); // its module is being loaded
  clock.advance(80);
  assert.deepEqual(posted.map(({ view }) => view), [view]);
}

afterEach(() => {
  order({ type: 'drawn' });
  order({ type: 'close', view: ++view });
  clock.advance(1000);
});

test('whatever changes, one part at a time, one after the page has drawn the last one', async () => {
  await opened();
  for (let n = 0; n < 100; n++) {
    order({ type: 'tell', method: 'look', value: { words: String(n) } });
    clock.advance(10);
  }
  assert.equal(posted.length, 1, 'the page has not drawn it');
  assert.equal(clock.pending, 0, 'nothing is planned before it has');
  order({ type: 'drawn' });
  clock.advance(0);
  assert.equal(posted.length, 2, 'what has changed comes at once');
});

test('80 ms lie between two parts, and one timer is set, however often something changes', async () => {
  await opened();
  order({ type: 'drawn' });
  clock.advance(1000);
  posted.length = 0;
  for (let ms = 0; ms < 800; ms++) {
    order({ type: 'tell', method: 'look', value: { words: String(ms) } });
    assert.ok(clock.pending <= 2, `${clock.pending} timers`); // one of the list's, which waits until it stands still
    clock.advance(1);
    order({ type: 'drawn' });
  }
  assert.ok(posted.length >= 9 && posted.length <= 11, `${posted.length} parts in 800 ms`);
});

test('each second there is a part, because ages grow; and none when nothing has changed', async () => {
  await opened();
  order({ type: 'drawn' });
  clock.advance(10_000);
  assert.equal(posted.length, 1);
  everySecond();
  clock.advance(0);
  assert.equal(posted.length, 2);
});

test('what is closed sends nothing, also if a part was due', async () => {
  await opened();
  order({ type: 'drawn' });
  order({ type: 'tell', method: 'look', value: { words: 'x' } });
  order({ type: 'close', view: ++view });
  everySecond();
  clock.advance(1000);
  assert.equal(posted.length, 1);
  await opened();
});

test('an answer is that of what is shown; nothing answers for what is closed', async () => {
  order({ type: 'ask', n: 7, method: 'part' });
  assert.deepEqual(posted.at(-1), { answer: 7, value: null });
  await opened();
  order({ type: 'ask', n: 8, method: 'part' });
  assert.equal(posted.at(-1).value.total, 0);
});
