/** EventStream.setStreams: streams that come and go while the position stays. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setup } from './fakes.js';
import { Random } from './generate.js';
import { Model } from './model.js';

/**
 * The query of a URL, with lists for the parameters that are lists.
 * @param {{url: string}} source
 */
function query({ url }) {
  const { searchParams } = new URL(url, 'http://x');
  const list = (/** @type {string} */ name) => searchParams.get(name)?.split(',') ?? [];
  return { streams: list('stream'), fresh: list('fresh'), id: searchParams.get('last_event_id') };
}

/**
 * A stream whose connection is old enough to be replaced at once, and a diary of documents by their streams.
 * @param {Parameters<typeof setup>[0]} [options]
 */
function open(options) {
  const all = setup({ url: '/api/sse?stream=k/a', ...options });
  const { stream, clock, source } = all;
  /** @type {any[]} */
  const heard = [];
  stream.addEventListener('value', ({ detail }) => {
    heard.push([detail.type === 'message' ? stream.streams[0] : detail.type, detail.value]);
  });
  /** Opens the newest connection, which replays. @type {(...replay: [string, string, string][]) => void} */
  const greet = (...replay) => {
    source().open();
    source().message('{"retry":3000}', '', 'hb');
    for (const [type, id, data] of replay) source().message(data, id, type);
    source().message('{}', '', 'hb');
  };
  /** Changes the streams, and lets the connection be replaced. @type {(...names: string[]) => void} */
  const change = (...names) => {
    clock.advance(100);
    stream.setStreams(names);
    clock.advance(0);
  };
  return { ...all, heard, greet, change };
}

test('a connection with other streams resumes, and says of which it has nothing', () => {
  const { stream, sources, source, clock, diary, heard, greet } = open();
  greet(['message', 'e-5', '1']);
  clock.advance(100);
  stream.setStreams(['k/a', 'k/b']);
  assert.equal(sources.length, 1, 'not in the same task');
  assert.deepEqual(stream.streams, ['k/a']);
  stream.setStreams(['k/a', 'k/b', 'k/c']);
  clock.advance(0);
  assert.equal(sources.length, 2, 'one connection for several changes');
  assert.equal(source().url,
    '/api/sse?heartbeat=event&last_event_id=e-5&stream=k%2Fa%2Ck%2Fb%2Ck%2Fc&fresh=k%2Fb%2Ck%2Fc');
  assert.equal(sources[0].readyState, 2);
  assert.deepEqual([stream.streams, stream.state, stream.value], [['k/a', 'k/b', 'k/c'], 'live', 1]);
  greet(['k/b', 'e-2', '20'], ['k/a', 'e-6', '2']);
  source().message('21', 'e-7', 'k/b');
  assert.deepEqual(heard, [['k/a', 1], ['k/b', 20], ['k/a', 2], ['k/b', 21]]);
  assert.deepEqual(diary.filter(each => typeof each === 'string'), ['live'], 'and the state has not moved');
});

test('a page without setStreams asks for what it always asked for', () => {
  for (const url of ['/api/sse', '/api/sse?stream=a,b', '/api/sse?stream=a&stream=b', '/x?fresh=1&stream=a']) {
    const { stream, source, greet } = open({ url });
    assert.equal(source().url, `${url}${url.includes('?') ? '&' : '?'}heartbeat=event`);
    greet(['message', 'e-1', '1'], ['a', 'e-1', '1']);
    stream.setStreams(stream.streams);
    stream.reconnect();
    assert.equal(source().url, `${url}${url.includes('?') ? '&' : '?'}heartbeat=event&last_event_id=e-1`);
  }
});

test('a stream is fresh until its first document', () => {
  const { source, greet, change, stream } = open();
  greet(['message', 'e-5', '1']);
  change('k/a', 'k/b', 'k/c');
  source().open();
  source().message('{"retry":3000}', '', 'hb');
  source().message('20', 'e-2', 'k/b');
  stream.reconnect();
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b', 'k/c'], fresh: ['k/c'], id: 'e-5' },
    'and the others resume from where they were, not from that older document');
});

test('a stream is fresh until a replay ends without a document of it', () => {
  const { source, greet, change, stream } = open();
  greet(['message', 'e-5', '1']);
  change('k/a', 'k/b');
  source().open();
  source().message('{"retry":3000}', '', 'hb');
  stream.reconnect();
  assert.deepEqual(query(source()).fresh, ['k/b'], 'the first heartbeat ends none');
  source().open();
  source().message('{"retry":3000}', '', 'hb');
  source().message('{}', 'e-9', 'hb');
  stream.reconnect();
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b'], fresh: [], id: 'e-9' });
});

test('a document that cannot be read is a document: its stream is not fresh', () => {
  const { source, greet, change, stream } = open();
  greet(['message', 'e-5', '1']);
  change('k/a', 'k/b');
  source().open();
  source().message('{', 'e-2', 'k/b');
  stream.reconnect();
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b'], fresh: [], id: 'e-5' });
});

test('without a position nothing is fresh', () => {
  const { source, change, stream } = open();
  source().open();
  change('k/a', 'k/b');
  assert.equal(source().url, '/api/sse?stream=k/a&heartbeat=event', 'it has its time');
  stream.reconnect();
  assert.equal(source().url, '/api/sse?heartbeat=event&stream=k%2Fa%2Ck%2Fb');
  source().open();
  source().message('1', 'e-5', 'k/a');
  stream.reconnect();
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b'], fresh: ['k/b'], id: 'e-5' });
});

test('the ID in the URL is a position', () => {
  const { source, change, clock } = open({ url: '/api/sse?last_event_id=mine&stream=k/a', heartbeat: false });
  source().open();
  change('k/a', 'k/b');
  clock.advance(2000);
  assert.equal(source().url, '/api/sse?last_event_id=mine&stream=k%2Fa%2Ck%2Fb&fresh=k%2Fb');
});

test('with resumeParam empty nothing is resumed, and nothing is fresh', () => {
  const { source, greet, change } = open({ resumeParam: '' });
  greet(['message', 'e-5', '1']);
  change('k/a', 'k/b');
  assert.equal(source().url, '/api/sse?heartbeat=event&stream=k%2Fa%2Ck%2Fb');
});

test('where all streams are new there is nothing to resume', () => {
  const { source, greet, change, stream } = open();
  greet(['message', 'e-5', '1']);
  change('k/b');
  assert.equal(source().url, '/api/sse?heartbeat=event&stream=k%2Fb');
  source().refuse();
  stream.reconnect();
  assert.equal(source().url, '/api/sse?heartbeat=event&stream=k%2Fb', 'and its newest document is not skipped later');
  greet(['message', 'e-2', '20']);
  assert.equal(stream.position, 'e-2');
});

test('a stream that was away is fresh again, unless it was back before the connection was replaced', () => {
  const { source, sources, clock, stream, greet, change } = open({ url: '/api/sse?stream=k/a,k/b' });
  greet(['k/a', 'e-5', '1'], ['k/b', 'e-6', '2']);
  clock.advance(100);
  stream.setStreams(['k/a']);
  stream.setStreams(['k/b', 'k/a']);
  clock.advance(10_000);
  assert.equal(sources.length, 1);
  change('k/a');
  greet();
  change('k/a', 'k/b');
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b'], fresh: ['k/b'], id: 'e-6' });
});

test('bounds: 1 to 100 streams', () => {
  const names = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => `k/${i}`);
  const { stream, source, change, greet } = open();
  greet(['message', 'e-1', '1']);
  for (const wrong of [[], [''], names(101)]) assert.throws(() => stream.setStreams(wrong), RangeError, `${wrong.length}`);
  change(...names(100), 'k/0');
  assert.equal(query(source()).streams.length, 100);
  change('k/0');
  assert.equal(query(source()).streams.length, 100, 'it has its time');
});

test('a connection is replaced after its replay, and 100 ms; or after 2 s', () => {
  for (const [greets, wait] of /** @type {[boolean, number][]} */ ([[true, 100], [false, 2000]])) {
    const { stream, clock, sources, source } = open();
    clock.advance(50);
    source().open();
    source().message('{"retry":3000}', 'e-0', 'hb');
    if (greets) source().message('{}', '', 'hb');
    stream.setStreams(['k/a', 'k/b']);
    clock.advance(wait - 1);
    assert.equal(sources.length, 1, `${wait}`);
    clock.advance(1);
    assert.equal(sources.length, 2, `${wait}`);
    clock.advance(1999);
    stream.setStreams(['k/a', 'k/b', 'k/c']);
    assert.equal(sources.length, 2, 'nor before it is open');
    clock.advance(1);
    assert.equal(sources.length, 3);
  }
});

test('the end of a replay lets a change go on that has waited for it', () => {
  const { stream, clock, sources, source } = open();
  stream.setStreams(['k/a', 'k/b']);
  source().open();
  clock.advance(150);
  source().message('{"retry":3000}', 'e-0', 'hb');
  assert.equal(sources.length, 1);
  source().message('{}', '', 'hb');
  clock.advance(0);
  assert.equal(sources.length, 2);
});

test('streams that are added all the time do not keep documents away', () => {
  const { stream, clock, sources, heard, greet } = open();
  greet(['message', 'e-5', '0']);
  /** @type {string[]} */
  const names = ['k/a'];
  let answered = sources.length;
  for (let n = 0; n < 90; n++) {
    names.push(`k/${n}`);
    stream.setStreams(names);
    clock.advance(20);
    if (sources.length === answered) continue;
    answered = sources.length;
    greet(...query(sources[answered - 1]).fresh.map(name => /** @type {[string, string, string]} */ ([name, 'e-5', '1'])));
  }
  assert.ok(heard.length > 70, `${heard.length} documents`);
  assert.ok(sources.length < 25, `${sources.length} connections`);
});

test('a change does not shorten a wait, and the next try has it', () => {
  const { stream, clock, sources, source, greet } = open();
  greet(['message', 'e-5', '1']);
  source().refuse();
  stream.setStreams(['k/a', 'k/b']);
  clock.advance(3499);
  assert.equal(sources.length, 1);
  clock.advance(1);
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b'], fresh: ['k/b'], id: 'e-5' });
});

test('a change leaves a browser alone that reconnects by itself', () => {
  const { stream, clock, sources, source, greet, diary } = open();
  greet(['message', 'e-5', '1']);
  source().drop();
  stream.setStreams(['k/a', 'k/b']);
  clock.advance(2900);
  assert.equal(sources.length, 1);
  greet(['message', 'e-6', '2']);
  clock.advance(100);
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b'], fresh: ['k/b'], id: 'e-6' });
  assert.deepEqual(diary, ['live', { value: 1 }, 'reconnecting', { problem: 'dropped' }, 'live', { value: 2 }]);
});

test('a connection with fresh= in its URL is not left to the browser, which would repeat it', () => {
  const { stream, clock, sources, source, greet, change, diary } = open();
  greet(['message', 'e-5', '1']);
  change('k/a', 'k/b');
  greet(['k/b', 'e-2', '20']);
  source().message('21', 'e-7', 'k/b');
  source().drop();
  assert.deepEqual([source().readyState, stream.state, stream.error?.kind], [2, 'reconnecting', 'dropped']);
  assert.equal(stream.nextRetryAt, clock.time + 3500, 'it waits as long as the server says, and a random time');
  clock.advance(3500);
  assert.deepEqual(query(source()), { streams: ['k/a', 'k/b'], fresh: [], id: 'e-7' });
  greet();
  source().drop();
  clock.advance(10_000);
  assert.equal(sources.length, 3, 'while one without it is');
  assert.deepEqual(diary.slice(-3), ['live', 'reconnecting', { problem: 'dropped' }]);
});

test('a page that is in the back/forward cache connects with the new streams when it returns', () => {
  const { stream, clock, sources, source, page, greet } = open();
  greet(['message', 'e-5', '1']);
  page.dispatchEvent(new Event('pagehide'));
  stream.setStreams(['k/a', 'k/b']);
  clock.advance(100_000);
  assert.equal(sources.length, 1);
  page.dispatchEvent(new Event('pageshow'));
  assert.deepEqual(query(source()).fresh, ['k/b']);
});

test('after close setStreams does nothing', () => {
  const { stream, clock, sources, greet } = open();
  greet();
  clock.advance(100);
  stream.setStreams(['k/a', 'k/b']);
  stream.close();
  stream.setStreams(['k/c']);
  clock.advance(100_000);
  assert.deepEqual([sources.length, clock.pending], [1, 0]);
});

test('a connection that replaces another and does not open is said to be late after 2 s', () => {
  const { stream, clock, sources, source, greet, change, diary } = open();
  greet(['message', 'e-5', '1']);
  change('k/a', 'k/b');
  clock.advance(1999);
  assert.equal(stream.state, 'live');
  clock.advance(1);
  assert.deepEqual([stream.state, stream.waiting], ['reconnecting', false]);
  greet();
  assert.equal(stream.state, 'live');
  change('k/a');
  source().refuse();
  assert.deepEqual([stream.state, stream.error?.kind], ['reconnecting', 'refused'], 'and one that fails, at once');
  assert.equal(sources.length, 3);
  assert.deepEqual(diary.slice(2), ['reconnecting', 'live', 'reconnecting', { problem: 'refused' }]);
});

test('close and reconnect, when it is said to be late, are obeyed', () => {
  for (const act of /** @type {const} */ (['close', 'reconnect'])) {
    const { stream, clock, sources, greet, change } = open();
    greet(['message', 'e-5', '1']);
    change('k/a', 'k/b');
    stream.setStreams(['k/a']);
    let acted = false;
    stream.addEventListener('state', () => { if (!acted) { acted = true; stream[act](); } });
    clock.advance(2000);
    assert.equal(sources.length, act === 'close' ? 2 : 3);
    if (act === 'close') assert.equal(clock.pending, 0);
  }
});

test('each stream has its state', () => {
  const { stream, source, greet, change, diary } = open();
  /** @type {any[]} */
  const changes = [];
  stream.addEventListener('streams', ({ detail }) => changes.push(detail.streams));
  const states = () => ['k/a', 'k/b'].map(name => stream.stateOf(name));
  assert.deepEqual(states(), ['connecting', 'connecting']);
  greet(['message', 'e-5', '1'], ['status', '', '{"stream":"k/a","state":"stale"}']);
  assert.deepEqual(states(), ['stale', 'connecting']);
  change('k/a', 'k/b');
  assert.deepEqual(states(), ['stale', 'connecting'], 'not before its connection is open');
  assert.deepEqual(changes, []);
  source().open();
  assert.deepEqual([...states(), stream.state], ['stale', 'live', 'stale'], 'known until the server repeats it');
  assert.deepEqual(changes, [['k/a', 'k/b']]);
  source().message('{"retry":3000}', '', 'hb');
  source().message('{"stream":"k/b","state":"down"}', '', 'status');
  assert.deepEqual([...states(), stream.state], ['stale', 'down', 'down']);
  source().message('{}', '', 'hb');
  assert.deepEqual([...states(), stream.state], ['live', 'down', 'down'], 'or does not');
  change('k/a');
  assert.deepEqual([stream.stateOf('k/a'), stream.status], ['live', null]);
  greet();
  assert.deepEqual([...states(), stream.state], ['live', 'connecting', 'live'], 'what is gone counts no more');
  source().message('{"state":"down"}', '', 'status');
  assert.equal(stream.stateOf('k/a'), 'down', 'a status without a stream is one of all');
  source().drop();
  assert.deepEqual(states(), ['reconnecting', 'reconnecting']);
  stream.close();
  assert.deepEqual(states(), ['closed', 'closed']);
  assert.deepEqual(diary.filter(each => typeof each === 'string'),
    ['live', 'stale', 'down', 'live', 'down', 'reconnecting', 'closed']);
});

test('a server without heartbeats may have told that a stream is live in between', () => {
  const { stream, source, change, clock } = open();
  source().open();
  source().message('1', 'e-5');
  source().message('{"stream":"k/a","state":"stale"}', '', 'status');
  clock.advance(2000);
  change('k/a', 'k/b');
  source().open();
  assert.deepEqual([stream.state, stream.stateOf('k/a')], ['live', 'live']);
});

test('each stream has its age, which stays', () => {
  const { stream, source, greet, change, clock } = open();
  const hb = (/** @type {object} */ made, /** @type {object} */ more) =>
    source().message(JSON.stringify({ ...more, now: '2026-01-02T12:00:00Z', made }), '', 'hb');
  const made = { 'k/a': '2026-01-02T11:59:52Z', 'k/b': '2026-01-02T11:59:00Z' };
  greet(['message', 'e-5', '1']);
  hb({ 'k/a': made['k/a'] }, {});
  change('k/a', 'k/b');
  assert.deepEqual([stream.age('k/a'), stream.age('k/b')], [8100, null]);
  source().open();
  hb(made, { retry: 3000 });
  source().message('20', 'e-2', 'k/b');
  hb(made, {});
  assert.deepEqual([stream.age('k/a'), stream.age('k/b')], [8100, 60_000]);
  clock.advance(10);
  source().message('21', 'e-6', 'k/b');
  assert.deepEqual([stream.age('k/a'), stream.age('k/b')], [8110, 0]);
  change('k/b');
  assert.deepEqual([stream.age('k/a'), stream.age()], [null, 100], 'and what is gone has none');
});

test('deltas begin with a snapshot, and their names follow', () => {
  const { stream, source, greet, change, heard } = open({ url: '/api/sse?mode=patch&stream=k/a' });
  const patch = (/** @type {string} */ base, /** @type {number} */ value) =>
    JSON.stringify({ base, ops: [{ op: 'replace', path: '/n', value }] });
  greet(['snapshot', 'e-1', '{"n":1}'], ['patch', 'e-2', patch('e-1', 2)]);
  change('k/a', 'k/b');
  assert.equal(source().url, '/api/sse?mode=patch&heartbeat=event&last_event_id=e-2&stream=k%2Fa%2Ck%2Fb&fresh=k%2Fb');
  greet(['snapshot:k/b', 'e-0', '{"n":10}'], ['snapshot:k/a', 'e-3', '{"n":3}'], ['patch:k/a', 'e-4', patch('e-3', 4)],
    ['patch:k/b', 'e-5', patch('e-0', 11)]);
  change('k/b');
  greet(['snapshot', 'e-6', '{"n":12}'], ['patch', 'e-7', patch('e-6', 13)]);
  assert.deepEqual(heard.map(([name, { n }]) => [name, n]), [['k/a', 1], ['k/a', 2], ['k/b', 10], ['k/a', 3], ['k/a', 4],
    ['k/b', 11], ['k/b', 12], ['k/b', 13]]);
  change('k/a');
  greet(['patch', 'e-9', patch('e-7', 14)]);
  assert.equal(stream.error?.kind, 'delta', 'no document of another connection is a base');
});

test('option events stays, and the names of streams are heard beside it', () => {
  const { source, greet, change, heard } = open({ events: ['extra'] });
  greet(['message', 'e-1', '1'], ['extra', 'e-2', '2']);
  change('k/a', 'k/b');
  greet(['k/a', 'e-3', '3'], ['k/b', 'e-4', '4'], ['extra', 'e-5', '5']);
  assert.deepEqual(heard.map(([, value]) => value), [1, 2, 3, 4, 5]);
  assert.equal(source().readyState, 1);
});

test('resets tell how much was skipped, and of which stream', () => {
  for (const [data, want] of /** @type {[string, any][]} */ ([
    ['{"reason":"skipped","skipped":298}', { reason: 'skipped', skipped: 298, stream: null }],
    ['{"reason":"skipped","skipped":1,"stream":"k/b"}', { reason: 'skipped', skipped: 1, stream: 'k/b' }],
    ['{"reason":"evicted","stream":"k/b"}', { reason: 'evicted', skipped: null, stream: 'k/b' }],
    ['{"reason":"epoch"}', { reason: 'epoch', skipped: null, stream: null }],
    ['{"reason":"skipped","skipped":"9","stream":7}', { reason: 'skipped', skipped: null, stream: null }],
    ['{"reason":"skipped","skipped":-1}', { reason: 'skipped', skipped: null, stream: null }],
    ['{"reason":"skipped","skipped":1.5}', { reason: 'skipped', skipped: null, stream: null }],
    ['{', { reason: '', skipped: null, stream: null }],
  ])) {
    const { stream, source } = open();
    /** @type {any} */ let told;
    stream.addEventListener('reset', ({ detail }) => { told = detail; });
    source().open();
    source().message(data, '', 'reset');
    assert.deepEqual(told, want, data);
  }
});

test('property: whatever comes, goes and breaks, streams that stay miss nothing, and new ones begin with their newest', () => {
  const all = ['k/a', 'k/b', 'k/c', 'k/d'];
  for (let seed = 0; seed < 400; seed++) {
    const random = new Random(seed);
    const model = new Model();
    const { stream, clock, sources } = setup({ url: '/api/sse?stream=k/a', random: () => random.below(100) / 100 });
    /** @type {Record<string, number>} */
    const made = Object.fromEntries(all.map(name => [name, 0]));
    /** What each stream got last, and where it has to go on: anywhere from `least`, or else with the next document. */
    const got = Object.fromEntries(all.map(name => [name, { last: 0, least: /** @type {number | null} */ (0) }]));
    let wanted = ['k/a'];
    /** @type {string[]} */ const wrong = [];
    stream.addEventListener('value', ({ detail: { type, value } }) => {
      const name = type === 'message' ? stream.streams[0] : type;
      const { last, least } = got[name];
      if (value <= last) return; // it came twice
      const fits = !wanted.includes(name) || (least === null ? value === last + 1 : value >= least);
      if (!fits) wrong.push(`${name} got ${value} after ${last}, want ${least}`);
      got[name] = { last: value, least: null };
    });
    /** The network of each source. @type {Map<any, {queue: any[], close: () => void, lastId: string}>} */
    const nets = new Map();
    const serve = () => {
      for (const source of sources) {
        if (source.readyState !== 0) continue;
        const lastId = nets.get(source)?.lastId ?? '';
        source.open();
        /** @type {any[]} */
        const queue = [];
        nets.set(source, { queue, lastId, close: model.connect(source.url, lastId, frame => queue.push(frame)) });
      }
    };
    const deliver = (/** @type {number} */ most) => {
      for (const [source, net] of nets) {
        for (let n = 0; n < most && net.queue.length > 0 && source.readyState === 1; n++) {
          const { type, id, data } = net.queue.shift();
          net.lastId = id || net.lastId;
          source.message(data, id, type);
        }
        if (source.readyState === 2) net.close();
      }
    };
    const publish = () => {
      const name = random.of(all);
      model.publish(name, ++made[name]);
    };
    for (let n = random.below(8); n > 0; n--) publish();
    got['k/a'].least = made['k/a'];
    for (let n = 0; n < 60; n++) {
      const act = random.below(10);
      if (act < 3) publish();
      else if (act < 5) deliver(1 + random.below(3));
      else if (act < 6) serve();
      else if (act < 7) clock.advance(random.of([0, 100, 2000, 5000]));
      else if (act < 8) {
        const names = all.filter(() => random.below(2));
        if (names.length === 0) continue;
        for (const name of names) if (!wanted.includes(name)) got[name].least = stream.streams.includes(name) ? 0 : made[name];
        wanted = names;
        stream.setStreams(names);
      } else {
        const source = sources[sources.length - 1];
        const net = nets.get(source);
        if (source.readyState !== 1 || !net) continue;
        net.close();
        net.queue.length = 0;
        if (act < 9) source.drop();
        else source.refuse();
      }
    }
    for (let n = 0; n < 5; n++) {
      clock.advance(40_000);
      serve();
      deliver(1000);
    }
    assert.deepEqual(wrong, [], `seed ${seed}`);
    for (const name of wanted) assert.equal(got[name].last, made[name], `seed ${seed}: ${name} is up to date`);
    assert.deepEqual([...stream.streams].sort(), wanted, `seed ${seed}`);
  }
});
