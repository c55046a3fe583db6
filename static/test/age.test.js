/** The age of documents according to EventStream, whatever the clocks of its machine do. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setup } from './fakes.js';

const NOON = Date.parse('2026-01-02T12:00:00Z');

/** A time in RFC 3339, in milliseconds from noon. @param {number} ms */
const at = ms => new Date(NOON + ms).toISOString();

/**
 * The data of an event `hb`.
 * @param {number} now milliseconds from noon
 * @param {Record<string, number>} made likewise
 * @param {number} [retry] at the start of a connection
 */
function hb(now, made, retry) {
  const times = Object.fromEntries(Object.entries(made).map(([stream, ms]) => [stream, at(ms)]));
  return JSON.stringify({ ...(retry === undefined ? {} : { retry }), now: at(now), made: times });
}

/**
 * An open stream.
 * @param {Parameters<typeof setup>[0]} [options]
 */
function open(options) {
  const all = setup(options);
  /** @type {(data: string) => void} */
  const beat = data => all.source().message(data, '', 'hb');
  /** Connects, and replays documents. @type {(now: number, made: Record<string, number>, replay?: string[]) => void} */
  const greet = (now, made, replay = []) => {
    all.source().open();
    beat(hb(now, made, 3000));
    for (const id of replay) all.source().message('1', id);
    beat(hb(now, made));
  };
  return { ...all, beat, greet };
}

test('the newest document of a stream is as old as the server says, whenever it arrives', () => {
  const { stream, clock, source, beat } = open();
  assert.deepEqual([stream.age(), stream.madeAt(), stream.serverNow], [null, null, null]);
  source().open();
  beat(hb(0, { default: -8000 }, 3000));
  source().message('1', 'e-1');
  assert.deepEqual([stream.age(), stream.madeAt(), stream.serverNow], [8000, NOON - 8000, NOON]);
  clock.advance(1234);
  assert.deepEqual([stream.age(), stream.madeAt(), stream.serverNow], [9234, NOON - 8000, NOON + 1234]);
  beat(hb(1234, { default: -8000 }));
  assert.equal(stream.age(), 9234);
});

test('a document that comes live is new, and then as old as the server says', () => {
  const { stream, clock, source, beat, greet } = open();
  greet(0, { default: -60_000 }, ['e-1']);
  clock.advance(5000);
  source().message('2', 'e-2');
  assert.deepEqual([stream.age(), stream.madeAt()], [0, NOON + 5000]);
  clock.advance(700);
  assert.equal(stream.age(), 700);
  beat(hb(5800, { default: 4950 }));
  assert.deepEqual([stream.age(), stream.madeAt()], [850, NOON + 4950]);
});

test('a replay is not live, however much it is and however often it comes', () => {
  const { stream, clock, source, beat } = open();
  for (let n = 0; n < 2; n++) {
    source().open();
    beat(hb(n * 90_000, { default: n * 90_000 - 30_000 }, 3000));
    for (const id of ['e-1', 'e-2', 'e-3']) {
      source().message('1', id);
      clock.advance(1000);
    }
    assert.equal(stream.age(), 33_000);
    beat(hb(n * 90_000 + 3000, { default: n * 90_000 - 30_000 }));
    source().message('1', 'e-4');
    assert.equal(stream.age(), 0);
    source().drop();
    clock.advance(87_000);
    assert.equal(stream.age(), 87_000, 'and it ages while nobody is there to tell');
  }
});

test('what comes before the first heartbeat of a connection is not live', () => {
  const { stream, clock, source, greet } = open();
  greet(0, { default: -8000 }, ['e-1']);
  source().drop();
  clock.advance(1000);
  source().open();
  source().message('1', 'e-2');
  assert.equal(stream.age(), 9000);
});

test('without heartbeats that tell the time no age is known', () => {
  for (const data of ['', '{}', 'null', '[]', '"now"', '{"retry":3000}', '{"made":{"default":"2026-01-02T12:00:00Z"}}',
    '{"now":"soon","made":{"default":"2026-01-02T12:00:00Z"}}', '{"now":1767355200000}', '{"now":null}']) {
    const { stream, source, diary, beat } = open();
    let told = 0;
    stream.addEventListener('time', () => told++);
    source().open();
    beat(data);
    source().message('1', 'e-1');
    assert.deepEqual([stream.madeAt(), stream.serverNow, told], [null, null, 0], data);
    assert.deepEqual(diary, ['live', { value: 1 }], data);
  }
  const { stream, source } = open();
  source().open();
  source().message('1', 'e-1');
  assert.equal(stream.age(), null, 'with none at all');
});

test('what is odd among the times says nothing, and harms nothing', () => {
  for (const made of ['null', '[]', '"x"', '7', '{"default":null}', '{"default":7}', '{"default":"then"}',
    '{"__proto__":"2026-01-02T11:00:00Z"}', '{"constructor":{}}']) {
    const { stream, source, beat } = open();
    source().open();
    beat(`{"now":"${at(0)}","made":${made}}`);
    assert.deepEqual([stream.age(), stream.serverNow], [null, NOON], made);
    assert.equal(stream.age('toString'), null);
  }
});

test('a stream without a document has no age until it has one', () => {
  const { stream, clock, source, greet } = open({ url: '/api/sse?stream=prices' });
  greet(0, {});
  assert.equal(stream.age(), null);
  source().message('1', 'e-1');
  clock.advance(250);
  assert.deepEqual([stream.age(), stream.age('prices'), stream.age('default')], [250, 250, null]);
});

test('of several streams each has its age; together they are as old as the newest', () => {
  const { stream, clock, source, beat, greet } = open({ url: '/api/sse?stream=a,b,c' });
  greet(0, { a: -1000, b: -9000, other: -1 });
  assert.deepEqual(['a', 'b', 'c'].map(name => stream.age(name)), [1000, 9000, null]);
  assert.deepEqual([stream.age(), stream.madeAt()], [1000, NOON - 1000]);
  clock.advance(100);
  source().message('1', 'e-1', 'b');
  clock.advance(100);
  assert.deepEqual(['a', 'b', 'c'].map(name => stream.age(name)), [1200, 100, null]);
  assert.deepEqual([stream.age(), stream.madeAt()], [100, NOON + 100]);
  beat(hb(200, { a: -1000, b: 100, c: 150 }));
  assert.deepEqual([stream.age(), stream.age('c')], [50, 50]);
});

test('deltas are documents: live they are new', () => {
  const { stream, clock, source, beat } = open({ url: '/api/sse?mode=patch' });
  source().open();
  beat(hb(0, { default: -8000 }, 3000));
  source().message('{"a":1}', 'e-1', 'snapshot');
  beat(hb(0, { default: -8000 }));
  assert.equal(stream.age(), 8000);
  source().message('{"base":"e-1","ops":[]}', 'e-2', 'patch');
  clock.advance(10);
  assert.equal(stream.age(), 10);
});

test('what cannot be read makes nothing young', () => {
  const { stream, source, greet } = open();
  greet(0, { default: -8000 }, ['e-1']);
  source().message('<html>', 'e-2');
  assert.equal(stream.age(), 8000);
});

test('a clock that is wrong by a day changes nothing', () => {
  for (const wrong of [-86_400_000, 86_400_000]) {
    const { stream, clock, source, greet } = open();
    clock.jump(wrong);
    greet(0, { default: -8000 }, ['e-1']);
    clock.advance(2000);
    assert.deepEqual([stream.age(), stream.serverNow], [10_000, NOON + 2000]);
    source().message('2', 'e-2');
    assert.equal(stream.age(), 0);
  }
});

test('when the machine has slept, or its clock was set, nothing is known until the server says it', () => {
  for (const jump of [-86_400_000, -3000, 3000, 3_600_000]) {
    const { stream, clock, source, beat, greet } = open();
    greet(0, { default: -8000 }, ['e-1']);
    clock.advance(1000);
    clock.jump(jump);
    assert.deepEqual([stream.age(), stream.serverNow], [null, null], `${jump}`);
    source().message('2', 'e-2');
    clock.advance(10);
    assert.deepEqual([stream.age(), stream.madeAt()], [10, null], 'a live document is new all the same');
    beat(hb(5000, { default: 4000 }));
    assert.deepEqual([stream.age(), stream.serverNow], [1000, NOON + 5000]);
  }
});

test('clocks that part a little are no reason for doubt', () => {
  const { stream, clock, greet } = open();
  greet(0, { default: 0 }, ['e-1']);
  clock.jump(1999);
  assert.equal(stream.age(), 0);
  clock.advance(3_600_000);
  clock.jump(30_000);
  assert.equal(stream.age(), 3_600_000, 'not after an hour either');
});

test('a heartbeat that was long on its way makes no document younger', () => {
  const { stream, clock, source, beat, greet } = open();
  greet(0, { default: -8000 }, ['e-1']);
  clock.advance(15_000);
  beat(hb(11_000, { default: -8000 }));
  assert.equal(stream.age(), 23_000);
  clock.advance(1000);
  source().message('2', 'e-2');
  beat(hb(16_000, { default: 14_000 }));
  assert.equal(stream.age(), 2000, 'while another document is judged by itself');
  beat(hb(17_500, { default: 14_000 }));
  assert.equal(stream.age(), 3500, 'and what is quicker counts');
});

test("a server's clock that was set back makes no age negative", () => {
  const { stream, clock, beat, greet } = open();
  greet(0, { default: 5000 }, ['e-1']);
  assert.equal(stream.age(), 0);
  clock.advance(1000);
  beat(hb(-60_000, { default: 5000 }));
  assert.equal(stream.age(), 1000);
});

test('the event time comes with each heartbeat that tells it, once all is known', () => {
  const { stream, clock, beat, greet } = open();
  /** @type {any[]} */
  const told = [];
  stream.addEventListener('time', ({ detail }) => told.push([detail.serverNow - NOON, stream.age()]));
  greet(0, { default: -8000 });
  clock.advance(15_000);
  beat(hb(15_000, { default: 14_000 }));
  assert.deepEqual(told, [[0, 8000], [0, 8000], [15_000, 1000]]);
});
