/** Modules that are loaded when a stream needs them, and streams that wait for that. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { modules } from '../client/ondemand.js';
import { EventStream } from '../client/pollux.js';
import { fakeFetch, settle, setupAs } from './fakes.js';

const all = { ...modules };

afterEach(() => Object.assign(modules, all));

/** Forgets the modules that are loaded. */
function forget() {
  for (const name of Object.keys(modules)) delete modules[/** @type {keyof typeof modules} */ (name)];
}

/** Waits for what loading takes. @param {() => unknown} done */
async function until(done) {
  for (let n = 0; !done(); n++) {
    assert.ok(n < 1000);
    await settle();
  }
}

test('a stream of whole documents needs none', () => {
  forget();
  const { stream, sources, source, diary } = setupAs(EventStream);
  assert.equal(sources.length, 1);
  source().open();
  source().message('{"retry":3000,"now":"2026-01-02T12:00:00Z"}', '', 'hb');
  source().message('1', 'e-1');
  assert.deepEqual(diary, ['live', { value: 1 }]);
  stream.close();
  assert.deepEqual(modules, {});
});

test('deltas, several streams and a token wait for their modules, and for nothing else', async () => {
  for (const [url, options, needs] of /** @type {[string, object, string[]][]} */ ([
    ['/api/sse?mode=patch', {}, ['deltas']],
    ['/api/sse?stream=a,b', {}, ['streams']],
    ['/api/sse', { token: 'secret' }, ['fetch']],
    ['/api/sse', { headers: { 'X-Key': 'k' } }, ['fetch']],
    ['/api/sse?mode=merge&stream=a,b', { ticket: () => 't' }, ['deltas', 'fetch', 'streams']],
  ])) {
    forget();
    const { requests, fetch } = fakeFetch();
    const { stream, sources, clock } = setupAs(EventStream, { url, fetch, ...options, silence: 1000 });
    assert.deepEqual([stream.state, sources.length, requests.length], ['connecting', 0, 0], url);
    clock.advance(5000);
    assert.equal(stream.state, 'connecting', 'nobody was silent');
    await until(() => sources.length + requests.length > 0);
    assert.deepEqual(Object.keys(modules).sort(), needs, url);
    stream.close();
  }
});

test('close and reconnect while a module is loaded are obeyed', async () => {
  forget();
  const closed = setupAs(EventStream, { url: '/api/sse?mode=patch' });
  const again = setupAs(EventStream, { url: '/api/sse?mode=patch' });
  closed.stream.close();
  again.stream.reconnect();
  await until(() => again.sources.length > 0);
  await settle();
  assert.deepEqual([closed.sources.length, closed.clock.pending, again.sources.length], [0, 0, 1]);
});

test('ages are known once somebody has asked for them', async () => {
  forget();
  const { stream, source } = setupAs(EventStream);
  const beat = (/** @type {object} */ more) => source().message(JSON.stringify({ now: '2026-01-02T12:00:00Z', made: { default: '2026-01-02T11:59:52Z' }, ...more }), '', 'hb');
  source().open();
  beat({ retry: 3000 });
  assert.equal(stream.age(), null);
  await until(() => modules.ages);
  await settle();
  let times = 0;
  stream.addEventListener('time', () => times++);
  beat({});
  assert.deepEqual([stream.age(), stream.serverNow, times], [8000, Date.parse('2026-01-02T12:00:00Z'), 1]);
});
