/** How an EventStream reconnects: after a drop, a refusal, silence, sleep, and a clock that was set. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffWait } from '../client/backoff.js';
import { setup } from './fakes.js';

test('an open stream that drops is left to the browser, which obeys retry', () => {
  const { stream, clock, sources, source, diary } = setup();
  source().open();
  source().drop();
  assert.deepEqual([stream.state, stream.waiting], ['reconnecting', true]);
  assert.equal(stream.error?.kind, 'dropped');
  assert.equal(stream.nextRetryAt, null, 'only the browser knows');
  clock.advance(3_600_000);
  assert.equal(sources.length, 1);
  source().open();
  assert.deepEqual([stream.state, stream.error], ['live', null]);
  assert.deepEqual(diary, ['live', 'reconnecting', { problem: 'dropped' }, 'live']);
});

test('the time of the next try is known when the server told it', () => {
  const { stream, clock, source } = setup();
  source().open();
  source().message('{"retry":3127}', '', 'hb');
  clock.advance(500);
  source().drop();
  assert.equal(stream.nextRetryAt, clock.time + 3127);
  source().open();
  assert.equal(stream.nextRetryAt, null);
});

test('a retry that is no time is ignored', () => {
  for (const retry of ['-1', '"5"', 'null', '1e999', '{}']) {
    const { stream, source } = setup();
    source().open();
    source().message(`{"retry":${retry}}`, '', 'hb');
    source().drop();
    assert.equal(stream.nextRetryAt, null, retry);
  }
});

test('what EventSource gives up on is tried again, with its id in the query', () => {
  const { stream, clock, sources, source, diary } = setup({ url: '/api/sse?stream=a' });
  source().open();
  source().message('1', 'e 1&2');
  source().refuse();
  assert.equal(stream.state, 'reconnecting');
  assert.equal(stream.error?.kind, 'refused');
  assert.equal(stream.nextRetryAt, clock.time + 500);
  clock.advance(499);
  assert.equal(sources.length, 1);
  clock.advance(1);
  assert.equal(sources.length, 2);
  assert.equal(source().url, '/api/sse?stream=a&heartbeat=event&last_event_id=e%201%262');
  assert.deepEqual([stream.state, stream.waiting, stream.nextRetryAt], ['reconnecting', false, null]);
  source().open();
  assert.deepEqual(diary, ['live', { value: 1 }, 'reconnecting', { problem: 'refused' }, 'live']);
});

test('an attempt that fails is taken over from the browser', () => {
  const { stream, clock, sources, source } = setup();
  source().drop();
  assert.deepEqual([stream.state, stream.error?.kind], ['reconnecting', 'unreachable']);
  assert.equal(sources[0].readyState, 2, 'the browser must not go on beside us');
  clock.advance(500);
  assert.equal(sources.length, 2);
});

test('the wait doubles with each failure, up to the cap, and begins anew after a minute of success', () => {
  const { stream, clock, source } = setup({ random: () => 0.999 });
  const waits = [];
  for (let i = 0; i < 8; i++) {
    source().refuse();
    waits.push(Math.round((/** @type {number} */ (stream.nextRetryAt) - clock.time) / 0.999));
    clock.advance(30_000);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  for (const [open, bound] of [[0, 30_000], [59_999, 30_000], [60_000, 1000], [59_999, 2000]]) {
    source().open();
    clock.advance(open);
    source().refuse();
    assert.equal(Math.round((/** @type {number} */ (stream.nextRetryAt) - clock.time) / 0.999), bound, `after ${open} ms`);
    clock.advance(30_000);
  }
});

test('attack: a server that accepts each connection and drops it is asked less and less', () => {
  const { stream, clock, source, sources } = setup({ url: '/api/sse?mode=patch', random: () => 0.999 });
  for (let n = 0; n < 8; n++) {
    source().open();
    source().message('{"base":"e-1","ops":[]}', 'e-2', 'patch');
    clock.advance(Number(stream.nextRetryAt) - clock.time);
  }
  const { length } = sources;
  source().open();
  source().message('{"base":"e-1","ops":[]}', 'e-2', 'patch');
  clock.advance(29_000);
  assert.equal(sources.length, length);
});

test('backoffWait', () => {
  for (const [failures, base, cap, want] of [
    [0, 1000, 30_000, 1000],
    [1, 1000, 30_000, 2000],
    [4, 1000, 30_000, 16_000],
    [5, 1000, 30_000, 30_000],
    [1024, 1000, 30_000, 30_000], // 2 ** 1024 is Infinity
    [1e9, 1000, 30_000, 30_000],
    [0, 0, 30_000, 0],
    [0, 1000, 0, 0],
    [0, 1000, 999, 999],
    [0, 1000, 1000, 1000],
    [1, 1000, 2001, 2000],
  ]) {
    const options = { backoffBase: base, backoffCap: cap };
    assert.equal(backoffWait(failures, 0, { ...options, random: () => 1 }), want, `${[failures, base, cap]}`);
    assert.equal(backoffWait(failures, 7, { ...options, random: () => 0.5 }), 7 + want / 2, `${[failures, base, cap]}`);
  }
});

test('the wait is drawn from the whole range: full jitter', () => {
  for (const [random, want] of [[0, 0], [0.25, 250], [0.999, 999]]) {
    const { stream, clock, source } = setup({ random: () => random });
    source().refuse();
    assert.equal(stream.nextRetryAt, clock.time + want);
  }
});

test("the server's reconnection time comes before the random part", () => {
  const { stream, clock, source } = setup();
  source().open();
  source().message('{"retry":4000}', '', 'hb');
  source().refuse();
  assert.equal(stream.nextRetryAt, clock.time + 4000 + 500);
});

test('a reconnection time that was not told is learned by watching the browser wait', () => {
  const { stream, clock, source } = setup();
  source().open();
  source().drop();
  clock.advance(7000); // retry: 7000
  source().refuse(); // and a 503
  assert.equal(stream.nextRetryAt, clock.time + 7000 + 500);
  clock.advance(7500);
  source().open();
  source().drop();
  clock.advance(10_000_000);
  source().drop();
  assert.equal(stream.nextRetryAt, clock.time + 300_000 + 1000, 'and is bounded');
});

test('a clock that is set back teaches no negative time', () => {
  const { stream, clock, source } = setup();
  source().open();
  source().drop();
  clock.advance(3000);
  clock.jump(-60_000);
  source().refuse();
  assert.ok(Number(stream.nextRetryAt) >= clock.time + 500);
});

test('a very long wait neither overflows a timer nor ends early', () => {
  const { stream, clock, sources, source } = setup();
  source().open();
  source().message('{"retry":9223372037}', '', 'hb');
  source().refuse();
  clock.advance(9223372037);
  assert.equal(sources.length, 1);
  clock.advance(500);
  assert.equal(sources.length, 2);
  assert.deepEqual([stream.state, stream.waiting], ['reconnecting', false]);
});

test('the watchdog replaces a silent connection once the server has shown a heartbeat', () => {
  const { stream, clock, sources, source, diary } = setup();
  source().open();
  source().message('1', 'e-1');
  clock.advance(10_000_000);
  assert.equal(stream.state, 'live', 'a server without heartbeats may be silent');
  source().message('{}', '', 'hb');
  clock.advance(44_999);
  assert.equal(stream.state, 'live');
  clock.advance(1);
  assert.deepEqual([stream.state, stream.error?.kind], ['reconnecting', 'silent']);
  assert.equal(sources[0].readyState, 2);
  clock.advance(500);
  assert.equal(source().url, '/api/sse?heartbeat=event&last_event_id=e-1');
  assert.deepEqual(diary, ['live', { value: 1 }, 'reconnecting', { problem: 'silent' }]);
});

test('every sign of life holds the watchdog off', () => {
  const { stream, clock, source } = setup({ silence: 45_000 });
  clock.advance(44_000);
  source().open();
  const signs = [() => source().message('1'), () => source().message('{}', '', 'hb'),
    () => source().message('{"state":"live"}', '', 'status'), () => source().message('{}', '', 'reset')];
  for (const sign of signs) {
    clock.advance(44_000);
    sign();
  }
  clock.advance(44_999);
  assert.equal(stream.state, 'live');
  clock.advance(1);
  assert.equal(stream.state, 'reconnecting');
});

test('a connection that comes back by itself is watched as closely as the first', () => {
  const { stream, clock, source } = setup({ silence: 3_000 });
  source().open();
  clock.advance(1_000);
  source().drop();
  clock.advance(3_500);
  source().open();
  clock.advance(2_999);
  assert.equal(stream.state, 'live');
  clock.advance(1);
  assert.equal(stream.state, 'reconnecting');
});

test('option silence: boundary rows', () => {
  for (const [silence, quiet, want] of /** @type {[number, number, string][]} */ ([
    [0, 10_000_000, 'connecting'], // off
    [Infinity, 10_000_000, 'connecting'],
    [1, 1, 'reconnecting'],
    [9_999, 9_998, 'connecting'],
    [10_000, 10_000, 'reconnecting'], // as long as the longest sleep of the clock
    [10_001, 10_000, 'connecting'],
    [10_001, 10_001, 'reconnecting'],
  ])) {
    const { stream, clock } = setup({ silence });
    clock.advance(quiet);
    assert.equal(stream.state, want, `silence ${silence}, quiet ${quiet}`);
  }
});

test('with silence 0 a heartbeat arms nothing', () => {
  const { stream, clock, source } = setup({ silence: 0 });
  source().open();
  source().message('{}', '', 'hb');
  clock.advance(10_000_000);
  assert.equal(stream.state, 'live');
  assert.equal(clock.pending, 0);
});

test('the watchdog knows the difference between a browser that waits and one that hangs', () => {
  const { stream, clock, sources, source } = setup();
  source().open();
  source().message('{"retry":60000}', '', 'hb');
  source().drop();
  clock.advance(60_000 + 44_999);
  assert.equal(sources.length, 1, 'it may wait, and then take a while');
  clock.advance(1);
  assert.equal(stream.error?.kind, 'silent');
});

test('a browser that waits for a time which nobody told gets five minutes', () => {
  const { stream, clock, source } = setup({ silence: 45_000 });
  source().open();
  source().drop();
  clock.advance(300_000 + 44_999);
  assert.equal(stream.error?.kind, 'dropped');
  clock.advance(1);
  assert.equal(stream.error?.kind, 'silent');
});

test('after a sleep the connection is replaced soon, whatever the timers think', () => {
  const { stream, clock, sources, source } = setup();
  source().open();
  source().message('{"retry":5000}', '', 'hb');
  clock.advance(1000);
  clock.jump(3_600_000);
  clock.advance(10_000);
  assert.equal(sources.length, 2);
  assert.deepEqual([stream.state, stream.waiting], ['reconnecting', false]);
  clock.advance(45_000);
  const { nextRetryAt, error } = stream;
  assert.equal(nextRetryAt, Number(error?.at) + 5000 + 1000, 'while silence of the server itself waits its time');
});

test('a clock that is set back neither blinds the watchdog nor lengthens a wait', () => {
  const { stream, clock, sources, source } = setup();
  source().open();
  source().message('{}', '', 'hb');
  clock.jump(-86_400_000);
  clock.advance(55_000);
  assert.equal(stream.error?.kind, 'silent');
  const { length } = sources;
  source().refuse();
  clock.jump(-86_400_000);
  clock.advance(20_000);
  assert.ok(sources.length > length, 'tried again');
});

test('a clock that is set back takes along the time of the next try, but not what has happened', () => {
  const { stream, clock, sources, source } = setup();
  source().open();
  source().message('1');
  source().message('{"retry":60000}', '', 'hb');
  source().refuse();
  const { updatedAt, error } = stream;
  const arrived = clock.time;
  clock.advance(20_000);
  clock.jump(-86_400_000);
  clock.advance(10_000);
  assert.equal(stream.nextRetryAt, clock.time + 40_000 + 500);
  assert.deepEqual([stream.updatedAt, updatedAt, stream.error, error?.at], [arrived, arrived, error, arrived]);
  clock.advance(40_499);
  assert.equal(sources.length, 1);
  clock.advance(1);
  assert.equal(sources.length, 2);
  source().open();
  source().message('2');
  assert.equal(stream.updatedAt, clock.time, 'and what happens then happens by the new time');
});

test('a wait of a page that is hidden often has one timer', () => {
  const { clock, sources, source, page } = setup();
  source().refuse();
  Object.assign(page, { document: { hidden: true } });
  for (let n = 0; n < 3; n++) page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(clock.pending, 1);
  clock.advance(500);
  assert.deepEqual([sources.length, clock.pending], [2, 0]);
});

test('a page that wakes comes back at once: seen, with a network, from the cache; not while it is hidden', () => {
  for (const [types, hidden, comes] of /** @type {[string[], boolean, boolean][]} */ ([
    [['visibilitychange'], false, true], [['visibilitychange'], true, false], [['online'], false, true],
    [['pagehide', 'pageshow'], false, true], [['pageshow'], false, false], [['pagehide', 'visibilitychange'], false, false],
  ])) {
    const { stream, sources, source, page } = setup({ backoffBase: 60_000 });
    Object.assign(page, { document: { hidden } });
    source().refuse();
    for (const type of types) page.dispatchEvent(new Event(type));
    assert.equal(sources.length, comes ? 2 : 1, `${types} ${hidden}`);
    assert.equal(stream.waiting, !comes);
  }
});

test('a page that wakes leaves an open connection alone, and replaces one that died in its sleep', () => {
  const { stream, clock, sources, source, page } = setup();
  source().open();
  source().message('{"retry":5000}', 'e-1', 'hb');
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(sources.length, 1);
  clock.jump(3_600_000);
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(stream.error?.kind, 'silent');
  page.dispatchEvent(new Event('online'));
  assert.equal(source().url, '/api/sse?heartbeat=event&last_event_id=e-1');
});

test('a signal closes the stream, once and for good', () => {
  const controller = new AbortController();
  const { stream, clock, sources, source, diary } = setup({ signal: controller.signal });
  source().open();
  controller.abort();
  assert.deepEqual([stream.state, sources[0].readyState, clock.pending], ['closed', 2, 0]);
  assert.deepEqual(diary, ['live', 'closed']);
  const late = setup({ signal: controller.signal });
  assert.deepEqual([late.stream.state, late.sources.length, late.clock.pending], ['closed', 0, 0]);
});

test('a stream that is closed lets go of its signal', () => {
  const { signal } = new AbortController();
  let listeners = 0;
  signal.addEventListener = (/** @type {string} */ _, /** @type {any} */ __, /** @type {any} */ { signal: end }) => {
    listeners++;
    end.addEventListener('abort', () => listeners--);
  };
  const { stream } = setup({ signal });
  assert.equal(listeners, 1);
  stream.close();
  assert.equal(listeners, 0);
});
