/** EventStream with mode=patch and mode=merge, with a fake clock and a fake EventSource. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setup } from './fakes.js';
import { Random, changed, frozen, mergeOf, patchOf, text } from './generate.js';

/** @import { Options } from '../client/types.js' */

/**
 * An open stream, and a function that sends events to it.
 * @param {Options & {url?: string}} [options]
 */
function open(options) {
  const all = setup({ url: '/api/sse?mode=patch', ...options });
  /** @type {any[]} */
  const details = [];
  all.stream.addEventListener('value', ({ detail }) => details.push(detail));
  /** @type {(id: string, name: string, data: any) => void} */
  const say = (id, name, data) => all.source().message(typeof data === 'string' ? data : JSON.stringify(data), id, name);
  all.source().open();
  return { ...all, details, say };
}

const replace = (/** @type {string} */ path, /** @type {any} */ value) => ({ op: 'replace', path, value });

test('patches make whole documents, told as whole documents are', () => {
  const { stream, clock, details, diary, say } = open();
  say('e-1', 'snapshot', { a: 1, b: [2] });
  assert.deepEqual([stream.value, stream.lastEventId, stream.raw], [{ a: 1, b: [2] }, 'e-1', '{"a":1,"b":[2]}']);
  clock.advance(5);
  const raw = '{"base":"e-1","ops":[{"op":"add","path":"/b/-","value":3}]}';
  say('e-2', 'patch', raw);
  assert.deepEqual([stream.value, stream.lastEventId, stream.raw, stream.updatedAt, stream.error],
    [{ a: 1, b: [2, 3] }, 'e-2', raw, clock.time, null]);
  say('e-3', 'patch', { base: 'e-2', ops: [replace('/a', 2)] });
  say('e-4', 'snapshot', [5]);
  say('e-5', 'patch', { base: 'e-4', ops: [replace('/0', 6)] });
  assert.deepEqual(diary, ['live', { value: { a: 1, b: [2] } }, { value: { a: 1, b: [2, 3] } },
    { value: { a: 2, b: [2, 3] } }, { value: [5] }, { value: [6] }]);
  assert.deepEqual(details[1], { value: { a: 1, b: [2, 3] }, raw, lastEventId: 'e-2', type: 'message' });
  assert.ok(details.every(({ type }) => type === 'message'));
});

test('merges make whole documents', () => {
  const { stream, diary, say } = open({ url: '/api/sse?mode=merge' });
  say('e-1', 'snapshot', { a: 1, b: { c: 2 } });
  say('e-2', 'merge', { base: 'e-1', patch: { a: null, b: { d: [null] } } });
  assert.deepEqual(stream.value, { b: { c: 2, d: [null] } });
  say('e-3', 'merge', { base: 'e-2', patch: null });
  assert.equal(stream.value, null, 'null is a patch');
  assert.equal(diary.length, 4);
});

test('a stream that is named twice is heard once', () => {
  const { diary, say } = open({ events: ['a', 'a'] });
  say('e-1', 'snapshot:a', [1]);
  say('e-2', 'patch:a', { base: 'e-1', ops: [replace('/0', 2)] });
  assert.deepEqual(diary, ['live', { value: [1] }, { value: [2] }]);
});

test('what was handed out never changes', () => {
  const { details, say } = open();
  say('e-1', 'snapshot', { list: [{ n: 1 }, { n: 2 }], rest: {} });
  frozen(details[0].value);
  say('e-2', 'patch', { base: 'e-1', ops: [{ op: 'remove', path: '/list/0' }, replace('/list/0/n', 3)] });
  frozen(details[1].value);
  say('e-3', 'patch', { base: 'e-2', ops: [replace('/list', 0)] });
  assert.deepEqual(details.map(({ value }) => value),
    [{ list: [{ n: 1 }, { n: 2 }], rest: {} }, { list: [{ n: 3 }], rest: {} }, { list: 0, rest: {} }]);
  assert.equal(details[2].value.rest, details[0].value.rest, 'and is shared');
});

test('several streams: each delta is of its own stream', () => {
  const { stream, details, diary, say } = open({ url: '/api/sse?mode=patch&stream=a,b' });
  say('e-1', 'snapshot:a', { n: 1 });
  say('e-2', 'snapshot:b', { n: 10 });
  say('e-3', 'patch:a', { base: 'e-1', ops: [replace('/n', 2)] });
  say('e-4', 'patch:b', { base: 'e-2', ops: [replace('/n', 20)] });
  say('e-5', 'merge:a', { base: 'e-3', patch: { n: 3 } });
  assert.deepEqual(details.map(({ type, lastEventId, value }) => [type, lastEventId, value.n]),
    [['a', 'e-1', 1], ['b', 'e-2', 10], ['a', 'e-3', 2], ['b', 'e-4', 20], ['a', 'e-5', 3]]);
  say('e-6', 'patch:c', { base: 'e-5', ops: [] });
  assert.deepEqual([stream.lastEventId, diary.length], ['e-5', 6], 'and no other is heard');
  say('e-6', 'patch:b', { base: 'e-5', ops: [] });
  assert.deepEqual(diary.slice(-3), ['reconnecting', { problem: 'delta' }, { reset: 'delta' }], 'that of another stream does not count');
});

test('streams may have the names of events', () => {
  const names = ['snapshot', 'patch', 'message', 'status', 'reset', 'hb', '__proto__'];
  const { details, say } = open({ url: `/api/sse?mode=patch&stream=${names}` });
  for (const name of names) {
    say(`${name}-1`, `snapshot:${name}`, [name]);
    say(`${name}-2`, `patch:${name}`, { base: `${name}-1`, ops: [replace('/0', 1)] });
  }
  assert.deepEqual(details.map(({ type, value }) => [type, ...value]), names.flatMap(name => [[name, name], [name, 1]]));
});

test('without a mode, and where the option events says so, the names mean nothing', () => {
  for (const url of ['/api/sse', '/api/sse?mode=full', '/api/sse?mode=full&stream=a,b']) {
    const { diary, say } = open({ url });
    for (const name of ['snapshot', 'patch', 'merge', 'snapshot:a']) say('e-1', name, { base: 'e-0', ops: [] });
    assert.deepEqual(diary, ['live'], url);
  }
  const { diary, details, say } = open({ events: ['patch', 'x'] });
  say('e-1', 'patch', { base: 'e-0', ops: [] });
  assert.deepEqual(details.map(({ type, value }) => [type, value]), [['patch', { base: 'e-0', ops: [] }]]);
  say('e-2', 'snapshot:x', [1]);
  say('e-3', 'patch:x', { base: 'e-2', ops: [] });
  assert.deepEqual(diary.slice(2), [{ value: [1] }, { value: [1] }]);
});

test('a delta that does not fit is a reset: the document stays whole, and comes anew', () => {
  for (const [why, name, data] of /** @type {[string, string, any][]} */ ([
    ['another base', 'patch', { base: 'e-0', ops: [replace('/a', 2)] }],
    ['a newer base', 'patch', { base: 'e-2', ops: [replace('/a', 2)] }],
    ['another base, and nothing to do', 'patch', { base: 'e-0', ops: [] }],
    ['no base', 'patch', { ops: [replace('/a', 2)] }],
    ['base null', 'patch', { base: null, ops: [] }],
    ['not for this document', 'patch', { base: 'e-1', ops: [replace('/a', 2), replace('/b', 2)] }],
    ['no operations', 'patch', { base: 'e-1' }],
    ['no JSON', 'patch', '{"base":"e-1"'],
    ['null', 'patch', null],
    ['text', 'patch', 'true'],
    ['a merge with another base', 'merge', { base: 'e-0', patch: { a: 2 } }],
    ['a merge without a patch', 'merge', { base: 'e-1', ops: [] }],
  ])) {
    const { stream, clock, sources, source, diary, say } = open({ url: '/api/sse?last_event_id=mine&mode=patch' });
    say('e-1', 'snapshot', { a: 1 });
    say('e-2', name, data);
    assert.deepEqual(diary, ['live', { value: { a: 1 } }, 'reconnecting', { problem: 'delta' }, { reset: 'delta' }], why);
    assert.deepEqual([stream.value, stream.lastEventId, stream.state, stream.error?.kind],
      [{ a: 1 }, 'e-1', 'reconnecting', 'delta'], why);
    assert.equal(stream.position, '', why);
    assert.equal(stream.raw, typeof data === 'string' ? data : JSON.stringify(data), why);
    assert.equal(sources[0].readyState, 2, why);
    sources[0].message('{"base":"e-2","ops":[]}', 'e-3', 'patch');
    assert.equal(diary.length, 5, 'what still comes is not heard');
    clock.advance(500);
    assert.equal(source().url, '/api/sse?mode=patch&heartbeat=event', `${why}: neither the old id nor the one in the URL`);
    source().open();
    assert.equal(stream.error, null);
    say('e-9', 'snapshot', { a: 9 });
    say('e-10', 'patch', { base: 'e-9', ops: [replace('/a', 10)] });
    assert.deepEqual(diary.slice(5), ['live', { value: { a: 9 } }, { value: { a: 10 } }], why);
    assert.equal(sources.length, 2, why);
  }
});

test('a delta before any document is a reset', () => {
  const { stream, diary, say } = open();
  say('e-1', 'patch', { base: '', ops: [{ op: 'add', path: '', value: 1 }] });
  assert.deepEqual([stream.value, stream.updatedAt, stream.lastEventId], [undefined, null, '']);
  assert.deepEqual(diary, ['live', 'reconnecting', { problem: 'delta' }, { reset: 'delta' }]);
});

test('a snapshot that does not parse is a problem like any document, and no base', () => {
  const { stream, diary, say } = open();
  say('e-1', 'snapshot', { a: 1 });
  say('e-2', 'snapshot', '{"a":');
  assert.deepEqual([stream.value, stream.lastEventId, stream.position, stream.error?.kind, stream.state],
    [{ a: 1 }, 'e-1', 'e-2', 'invalid', 'live']);
  say('e-3', 'patch', { base: 'e-2', ops: [] });
  assert.deepEqual(diary.slice(2), [{ problem: 'invalid' }, 'reconnecting', { problem: 'delta' }, { reset: 'delta' }]);
});

test('a server whose deltas never fit is asked less and less often', () => {
  const { stream, clock, source, say } = open({ random: () => 0.999 });
  source().message('{"retry":3000}', '', 'hb');
  const misfit = () => {
    say('e-1', 'snapshot', 1);
    say('e-2', 'patch', { base: 'e-0', ops: [] });
    const wait = Number(stream.nextRetryAt) - clock.time - 3000;
    clock.advance(40_000);
    source().open();
    return Math.round(wait / 0.999);
  };
  assert.deepEqual(Array.from({ length: 7 }, misfit), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  say('e-1', 'snapshot', 1);
  for (let n = 0; n < 2; n++) {
    clock.advance(30_000);
    source().message('{}', '', 'hb');
  }
  assert.deepEqual([misfit(), misfit()], [1000, 2000], 'until a connection has been good for a minute');
});

test('what is known survives a dropped connection, and the id with it', () => {
  const { stream, source, say, diary } = open();
  say('e-1', 'snapshot', [1]);
  source().drop();
  source().open();
  say('e-2', 'patch', { base: 'e-1', ops: [replace('/0', 2)] });
  stream.reconnect();
  assert.equal(source().url, '/api/sse?mode=patch&heartbeat=event&last_event_id=e-2');
  source().open();
  say('', 'reset', { reason: 'epoch' });
  say('f-1', 'snapshot', [3]);
  say('f-2', 'patch', { base: 'f-1', ops: [replace('/0', 4)] });
  assert.deepEqual(diary.filter(each => each.value || each.reset),
    [{ value: [1] }, { value: [2] }, { reset: 'epoch' }, { value: [3] }, { value: [4] }]);
});

test('option parse is given the whole document, as text', () => {
  /** @type {string[]} */
  const texts = [];
  const parse = (/** @type {string} */ text) => {
    texts.push(text);
    return JSON.parse(text, (name, value) => {
      if (value === 'bad') throw new Error('bad');
      return name === 'at' ? new Date(value) : value;
    });
  };
  const { stream, diary, say } = open({ parse });
  say('e-1', 'snapshot', '{ "at": 1, "n": 9007199254740993 }');
  say('e-2', 'patch', { base: 'e-1', ops: [replace('/at', 2)] });
  assert.equal(stream.value.at.getTime(), 2);
  assert.deepEqual(texts, ['{"at":1,"n":9007199254740992}', '{"at":2,"n":9007199254740992}'], 'numbers do not flicker');
  say('e-3', 'patch', { base: 'e-2', ops: [replace('/n', 'bad')] });
  assert.deepEqual([stream.value.n, stream.lastEventId, stream.position, stream.error?.kind],
    [9007199254740992, 'e-2', 'e-3', 'invalid']);
  say('e-4', 'patch', { base: 'e-3', ops: [replace('/n', 0)] });
  assert.deepEqual([stream.value.n, stream.error], [0, null], 'the document was known all the same');
  assert.ok(!diary.some(each => each.reset !== undefined));
});

test('close and reconnect in the middle of a misfit are obeyed', () => {
  for (const type of /** @type {const} */ (['state', 'problem', 'reset'])) {
    for (const act of /** @type {const} */ (['close', 'reconnect'])) {
      const { stream, clock, sources, diary, say } = open();
      say('e-1', 'snapshot', 1);
      let acted = 0;
      stream.addEventListener(type, () => acted++ || stream[act]());
      say('e-2', 'patch', { base: 'e-0', ops: [] });
      clock.advance(60_000);
      if (act === 'reconnect') {
        assert.deepEqual([stream.state, stream.waiting, sources.length], ['reconnecting', false, 2], type);
        continue;
      }
      assert.deepEqual([stream.state, clock.pending, sources.length], ['closed', 0, 1], type);
      assert.equal(diary.indexOf('closed'), diary.length - 1, type);
    }
  }
});

test('property: whatever comes as deltas, the documents are those of the server', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const { diary, details, say } = open({ url: '/api/sse?mode=patch&stream=a,b' });
    /** @type {Record<string, {id: string, document: any}>} */
    const newest = {};
    /** @type {any[]} */
    const sent = [];
    for (let n = 1; n <= 20; n++) {
      const stream = random.of(['a', 'b']);
      const old = newest[stream];
      const document = old && random.below(10) ? changed(random, old.document) : JSON.parse(text(random));
      const id = `e-${n}`;
      const form = old ? random.of(['snapshot', 'patch', 'patch', 'merge']) : 'snapshot';
      const merge = form === 'merge' ? mergeOf(old.document, document) : undefined;
      if (form === 'patch') say(id, `patch:${stream}`, { base: old.id, ops: patchOf(old.document, document) });
      else if (merge !== undefined) say(id, `merge:${stream}`, { base: old.id, patch: merge });
      else say(id, `snapshot:${stream}`, JSON.stringify(document));
      newest[stream] = { id, document };
      sent.push({ type: stream, lastEventId: id, value: document });
      frozen(details[details.length - 1]?.value);
    }
    assert.deepEqual(details.map(({ type, lastEventId, value }) => ({ type, lastEventId, value })), sent, `seed ${seed}`);
    assert.equal(diary.length, 21, `seed ${seed}`);
  }
});
