/** Streams that share a connection, between a fake clock and a fake EventSource. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedStreams, canShare } from '../client/shared.js';
import { Clock, fakeEventSource, fakeFetch, settle } from './fakes.js';
import { Random } from './generate.js';
import { Model } from './model.js';

/** @import { SharedView } from '../client/sharedview.js' */

function setup() {
  const clock = new Clock();
  const { sources, EventSource } = fakeEventSource();
  const { requests, fetch } = fakeFetch();
  const { now, monotonic, setTimeout, clearTimeout } = clock;
  const page = new EventTarget();
  const streams = new SharedStreams({ EventSource, fetch, now, monotonic, setTimeout, clearTimeout, page, random: () => 0.5 });
  const source = () => sources[sources.length - 1];
  /** Opens a view, and keeps a diary of it. @type {(name: string, options?: object) => {view: SharedView, diary: any[]}} */
  const open = (name, options) => {
    const view = streams.open(`/api/sse?stream=${name}`, options);
    /** @type {any[]} */
    const diary = [];
    view.addEventListener('state', ({ detail }) => diary.push(detail.state));
    view.addEventListener('value', ({ detail }) => diary.push({ value: detail.value, type: detail.type }));
    view.addEventListener('status', ({ detail }) => diary.push({ status: detail.state }));
    view.addEventListener('reset', ({ detail }) => diary.push({ reset: detail.reason }));
    view.addEventListener('problem', ({ detail }) => diary.push({ problem: detail.kind }));
    view.addEventListener('time', () => diary.push('time'));
    return { view, diary };
  };
  /** Opens the newest connection, which replays. @type {(...replay: [string, string, string][]) => void} */
  const greet = (...replay) => {
    source().open();
    source().message('{"retry":3000}', '', 'hb');
    for (const [type, id, data] of replay) source().message(data, id, type);
    source().message('{}', '', 'hb');
    clock.advance(100);
  };
  /** The streams that each connection has asked for, and those that were fresh. */
  const asked = () => sources.map(({ url }) => {
    const { searchParams } = new URL(url, 'http://x');
    return [searchParams.get('stream'), ...searchParams.getAll('fresh')].join(' ');
  });
  return { clock, sources, source, requests, open, greet, asked };
}

test('canShare: one key, and nothing that is about a connection of its own', () => {
  for (const [url, options, want] of /** @type {[string, any, boolean][]} */ ([
    ['/api/sse?stream=k/a', {}, true], ['/api/sse?stream=k%2Fa&mode=patch', { silence: 1 }, true],
    ['https://x.example/api/sse?fields=/a&stream=k/a', { withCredentials: true }, true],
    ['/api/sse', {}, false], ['/api/sse?stream=k', {}, false], ['/api/sse?stream=k/a,k/b', {}, false],
    ['/api/sse?stream=k/a&stream=k/b', {}, false], ['/api/sse?stream=k/a&since=1h', {}, false],
    ['/api/sse?stream=k/a&limit=1', {}, false], ['/api/sse?stream=k/a&last_event_id=e-1', {}, false],
    ['/api/sse?stream=k/a&lastEventId=e-1', {}, false], ['/api/sse?stream=k/a&fresh=k/a', {}, false],
    ...['k/', 'k/%20', 'k/a%20b', 'k/a/b', 'k/..', 'k/\u00e9', `k/${'x'.repeat(129)}`, '/a', 'k!/a', 'status/a', `${'k'.repeat(65)}/a`]
      .map(name => /** @type {[string, any, boolean]} */ ([`/api/sse?stream=${name}`, {}, false])),
    [`/api/sse?stream=${'k'.repeat(64)}/${'x'.repeat(128)}`, {}, true], ['/api/sse?stream=statuses/~', {}, true],
    ['/api/sse?stream=k/a', { events: [] }, false], ['/api/sse?stream=k/a', { resumeParam: '' }, false],
  ])) assert.equal(canShare(url, options), want, `${url} ${JSON.stringify(options)}`);
});

test('two views, one connection', () => {
  const { clock, sources, source, open, greet } = setup();
  const [a, b] = [open('k/a'), open('k%2Fb')];
  assert.equal(sources.length, 0, 'not in the same task');
  assert.deepEqual([a.view.state, a.view.value, a.view.error, a.view.lastEventId, a.view.updatedAt, a.view.age(), a.view.madeAt()],
    ['connecting', undefined, null, '', null, null, null]);
  clock.advance(0);
  assert.deepEqual(sources.map(({ url }) => url), ['/api/sse?stream=k%2Fa%2Ck%2Fb&heartbeat=event']);
  greet(['k/a', 'e-1', '1'], ['k/b', 'e-2', '2']);
  assert.deepEqual([a.view.value, a.view.lastEventId, a.view.updatedAt], [1, 'e-1', clock.time - 100]);
  assert.deepEqual([b.view.value, b.view.lastEventId, b.view.state], [2, 'e-2', 'live']);
  source().message('3', 'e-3', 'k/a');
  assert.deepEqual(a.diary, ['live', { value: 1, type: 'message' }, { value: 3, type: 'message' }]);
  assert.deepEqual(b.diary, ['live', { value: 2, type: 'message' }]);
});

test('a view that comes later joins the connection, and one that is there already has the document at once', () => {
  const { clock, sources, open, greet, asked } = setup();
  const a = open('k/a');
  clock.advance(0);
  greet(['message', 'e-5', '1']);
  const again = open('k/a');
  assert.deepEqual([again.view.value, again.view.lastEventId, again.view.state], [1, 'e-5', 'live']);
  const b = open('k/b');
  clock.advance(0);
  assert.deepEqual(asked(), ['k/a', 'k/a,k/b k/b']);
  assert.deepEqual([a.view.state, b.view.state], ['live', 'connecting']);
  sources[1].open();
  assert.deepEqual(b.diary, ['live'], 'before anything comes');
  greet(['k/b', 'e-2', '2'], ['k/a', 'e-6', '3']);
  assert.deepEqual([a.view.value, again.view.value, b.view.value], [3, 3, 2]);
  assert.deepEqual(a.diary, ['live', { value: 1, type: 'message' }, { value: 3, type: 'message' }], 'and a has not noticed');
  assert.deepEqual(b.diary, ['live', { value: 2, type: 'message' }]);
  assert.equal(sources.length, 2);
});

test('a view that leaves keeps the others; its stream leaves after 5 s, and the connection with the last view', () => {
  const { clock, sources, source, open, greet, asked } = setup();
  const [a, b] = [open('k/a'), open('k/b')];
  clock.advance(0);
  greet(['k/a', 'e-1', '1'], ['k/b', 'e-2', '2']);
  b.view.close();
  b.view.close();
  assert.deepEqual([b.view.state, b.view.value, b.diary.at(-1)], ['closed', 2, 'closed']);
  clock.advance(4999);
  source().message('{"state":"stale"}', '', 'status');
  source().message('3', 'e-3', 'k/b');
  source().message('4', 'e-4', 'k/a');
  assert.equal(sources.length, 1);
  clock.advance(1);
  clock.advance(0);
  assert.deepEqual(asked(), ['k/a,k/b', 'k/a']);
  greet(['message', 'e-5', '5']);
  assert.deepEqual([a.view.value, b.view.value, b.diary.at(-1)], [5, 3, 'closed'], 'what is closed tells nothing');
  a.view.close();
  assert.deepEqual([source().readyState, clock.pending, a.view.state], [2, 0, 'closed']);
  clock.advance(100_000);
  assert.equal(sources.length, 2);
  open('k/a');
  clock.advance(0);
  assert.equal(sources.length, 3, 'the next one begins anew');
});

test('a stream without a view leaves with the next change, and stays if a view returns', () => {
  const { clock, sources, open, greet, asked } = setup();
  const [, b] = [open('k/a'), open('k/b')];
  clock.advance(0);
  greet(['k/a', 'e-1', '1'], ['k/b', 'e-2', '2']);
  b.view.close();
  clock.advance(3000);
  const back = open('k/b');
  assert.deepEqual([back.view.value, back.view.state], [2, 'live']);
  clock.advance(10_000);
  assert.equal(sources.length, 1);
  back.view.close();
  open('k/c');
  clock.advance(0);
  assert.deepEqual(asked(), ['k/a,k/b', 'k/a,k/c k/c']);
  clock.advance(10_000);
  assert.equal(sources.length, 2, 'once');
});

test('a stream that leaves has its 5 s, whatever came before', () => {
  const { clock, sources, open, greet, asked } = setup();
  const [, b, c] = [open('k/a'), open('k/b'), open('k/c')];
  clock.advance(0);
  greet(['k/a', 'e-1', '1']);
  b.view.close();
  c.view.close();
  clock.advance(1000);
  const back = open('k/b');
  clock.advance(3899);
  assert.equal(sources.length, 1, 'a return is no change');
  const d = open('k/d');
  clock.advance(0);
  assert.deepEqual(asked(), ['k/a,k/b,k/c', 'k/a,k/b,k/d k/d']);
  greet();
  d.view.close();
  back.view.close();
  clock.advance(4999);
  assert.equal(sources.length, 2);
  clock.advance(1);
  clock.advance(0);
  assert.equal(asked()[2], 'k/a');
});

test('a key for another one costs one connection, whichever comes first', () => {
  for (const closesFirst of [true, false]) {
    const { clock, sources, open, greet, asked } = setup();
    const [, b] = [open('k/a'), open('k/b')];
    clock.advance(0);
    greet(['k/a', 'e-1', '1'], ['k/b', 'e-2', '2']);
    if (closesFirst) b.view.close();
    open('k/c');
    if (!closesFirst) b.view.close();
    clock.advance(10_000);
    assert.deepEqual(asked(), ['k/a,k/b', 'k/a,k/c k/c']);
    assert.equal(sources.length, 2);
  }
});

test('a view that comes and goes at once costs nothing', () => {
  const { clock, sources, open, greet } = setup();
  const none = open('k/a');
  none.view.close();
  clock.advance(100);
  assert.deepEqual([sources.length, clock.pending], [0, 0]);
  open('k/a');
  open('k/x').view.close();
  clock.advance(0);
  assert.equal(sources[0].url, '/api/sse?stream=k%2Fa&heartbeat=event');
  greet(['message', 'e-1', '1']);
  open('k/b').view.close();
  clock.advance(10_000);
  assert.equal(sources.length, 1);
});

test('100 streams fill a connection, or 3000 characters', () => {
  const { clock, sources, open, asked, greet } = setup();
  const views = Array.from({ length: 101 }, (_, n) => open(`k/${n}`));
  clock.advance(0);
  assert.deepEqual(asked().map(streams => streams.split(',').length), [100, 1]);
  views[7].view.close();
  open('k/100');
  assert.equal(clock.pending, 1, 'one that is on a connection stays there, although another has room');
  open('k/more');
  sources[0].open();
  clock.advance(2000);
  assert.deepEqual(asked().map(streams => streams.split(',').length), [100, 1, 100], 'what has left makes room');
  greet();

  const long = setup();
  const key = 'x'.repeat(100);
  for (let n = 10; n < 80; n++) long.open(`k/${key}${n}`);
  long.clock.advance(0);
  assert.deepEqual(long.asked().map(streams => streams.split(',').length), [27, 27, 16]);
  assert.ok(long.sources.every(({ url }) => url.length < 3100));
});

test('other options, another path or other parameters are another connection', () => {
  const { clock, sources, open } = setup();
  open('k/a');
  open('k/b&mode=patch');
  open('k/c', { silence: 1000 });
  open('k/d', { silence: 2000 });
  open('k/e', { silence: 2000 });
  clock.advance(0);
  assert.deepEqual(sources.map(({ url }) => url), ['/api/sse?stream=k%2Fa&heartbeat=event',
    '/api/sse?mode=patch&stream=k%2Fb&heartbeat=event', '/api/sse?stream=k%2Fc&heartbeat=event',
    '/api/sse?stream=k%2Fd%2Ck%2Fe&heartbeat=event']);
});

test('what is wrong with URL and options is told at once, and leaves nothing', () => {
  const { clock, sources, open } = setup();
  assert.throws(() => open('k/a', { silence: -1 }), RangeError);
  const streams = new SharedStreams();
  assert.throws(() => streams.open('http://[/api/sse?stream=k/a'));
  assert.deepEqual([clock.pending, sources.length], [0, 0]);
});

test('statuses, resets and problems concern one stream where they name one', () => {
  const { clock, source, open, greet } = setup();
  const [a, b] = [open('k/a'), open('k/b')];
  clock.advance(0);
  greet(['k/a', 'e-1', '1'], ['k/b', 'e-2', '2']);
  for (const { diary } of [a, b]) diary.length = 0;
  source().message('{"stream":"k/a","state":"down"}', '', 'status');
  assert.deepEqual([a.view.state, b.view.state], ['down', 'live']);
  source().message('{"stream":"k/b","state":"stale"}', '', 'status');
  assert.deepEqual([a.view.state, b.view.state], ['down', 'stale']);
  source().message('{"stream":"k/b","state":"live"}', '', 'status');
  source().message('{"reason":"skipped","skipped":3,"stream":"k/b"}', '', 'reset');
  source().message('{"reason":"epoch"}', '', 'reset');
  source().message('{', 'e-3', 'k/a');
  const errors = () => [a, b].map(({ view }) => view.error?.kind);
  assert.deepEqual([...errors(), a.view.value], ['invalid', undefined, 1]);
  source().message('4', 'e-4', 'k/b');
  assert.deepEqual(errors(), ['invalid', undefined], 'until its own next document');
  source().message('5', 'e-5', 'k/a');
  assert.deepEqual(errors(), [undefined, undefined]);
  source().message('{"now":"2026-01-02T12:00:00Z"}', '', 'hb');
  source().refuse();
  assert.deepEqual(errors(), ['refused', 'refused']);
  clock.advance(3500);
  greet(['status', '', '{"state":"stale"}']);
  assert.deepEqual([a.view.error, b.view.error], [null, null]);
  assert.deepEqual(a.diary, ['down', { status: 'down' }, { reset: 'epoch' }, { problem: 'invalid' },
    { value: 5, type: 'message' }, 'time', 'reconnecting', { problem: 'refused' }, 'live', 'stale', { status: 'stale' }]);
  assert.deepEqual(b.diary, ['stale', { status: 'stale' }, 'live', { status: 'live' }, { reset: 'skipped' }, { reset: 'epoch' },
    { value: 4, type: 'message' }, 'time', 'reconnecting', { problem: 'refused' }, 'live', 'stale', { status: 'stale' }]);
});

test('a stream that does not exist is an error of its views alone, until it exists', () => {
  const { clock, source, open, greet, asked } = setup();
  const [a, b] = [open('k/a'), open('k/b')];
  const removed = '{"stream":"k/b","state":"down","error":"removed"}';
  clock.advance(0);
  greet(['status', '', removed], ['k/a', 'e-1', '1']);
  assert.deepEqual([a.view.state, a.view.error, b.view.state], ['live', null, 'down']);
  const { error } = b.view;
  assert.deepEqual(error, { kind: 'removed', message: 'The server has no stream k/b.', at: error?.at });
  source().message('2', 'e-2', 'k/a');
  assert.equal(b.view.error, error, 'the same object, so that no component renders again');
  assert.deepEqual(a.diary, ['live', { value: 1, type: 'message' }, { value: 2, type: 'message' }]);
  assert.deepEqual(b.diary, ['live', 'down', { status: 'down' }, { problem: 'removed' }]);
  open('k/c');
  clock.advance(100);
  greet(['status', '', removed]);
  assert.equal(b.view.error?.kind, 'removed');
  clock.advance(1000);
  source().drop(); // with fresh= in its URL it is not left to the browser
  clock.advance(3500);
  assert.deepEqual(asked(), ['k/a,k/b', 'k/a,k/b,k/c k/b,k/c', 'k/a,k/b,k/c k/b']);
  greet(['k/b', 'e-1', '7']);
  assert.deepEqual([b.view.value, b.view.state, b.view.error], [7, 'live', null]);
  source().message(removed, '', 'status');
  assert.deepEqual([b.view.value, b.view.state, b.view.error?.kind, a.view.state], [7, 'down', 'removed', 'live']);
});

test('streams of which none was ever open wait for others no longer than 2 s', () => {
  const { clock, sources, open, asked } = setup();
  open('k/wrong');
  clock.advance(0);
  for (let n = 0; n < 6; n++) {
    sources[n].refuse();
    while (sources.length === n + 1) clock.advance(1);
  }
  sources[6].refuse();
  open('k/a');
  clock.advance(1999);
  assert.equal(sources.length, 7);
  clock.advance(1);
  assert.equal(asked()[7], 'k/wrong,k/a');
});

test('each view has the age of its stream', () => {
  const { clock, source, open } = setup();
  const [a, b] = [open('k/a'), open('k/b')];
  clock.advance(0);
  source().open();
  source().message('{"now":"2026-01-02T12:00:00Z","made":{"k/a":"2026-01-02T11:59:00Z","k/b":"2026-01-02T11:59:59Z"}}', '', 'hb');
  assert.deepEqual([a.view.age(), b.view.age(), a.view.age('k/b')], [60_000, 1000, 1000]);
  assert.deepEqual([a.view.madeAt(), b.view.madeAt('k/a')], Array(2).fill(Date.parse('2026-01-02T11:59:00Z')));
});

test('a view that closes others, or itself, in an event', () => {
  const { clock, source, open, greet } = setup();
  const [a, b, c] = [open('k/a'), open('k/a'), open('k/b')];
  clock.advance(0);
  greet(['k/a', 'e-1', '1']);
  a.view.addEventListener('value', () => { a.view.close(); b.view.close(); });
  source().message('2', 'e-2', 'k/a');
  assert.deepEqual([b.view.state, b.diary.at(-1), c.view.state], ['closed', 'closed', 'live']);
  c.view.addEventListener('status', () => c.view.close());
  source().message('{"state":"stale"}', '', 'status');
  assert.deepEqual([c.diary.at(-1), source().readyState, clock.pending], ['closed', 2, 0]);
});

test('property: views come and go, and each gets every document of its stream', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const model = new Model();
    const { clock, sources, open } = setup();
    const names = ['k/a', 'k/b', 'k/c'];
    const made = Object.fromEntries(names.map(name => [name, 0]));
    /** @type {{name: string, view: SharedView, last: number}[]} */
    const users = [];
    /** @type {string[]} */ const wrong = [];
    const served = new Map();
    const queues = new Map();
    const serve = () => {
      for (const source of sources) {
        const close = served.get(source);
        if (source.readyState === 2) close?.();
        if (source.readyState !== 0 || close) continue;
        source.open();
        /** @type {any[]} */ const queue = [];
        served.set(source, model.connect(source.url, '', frame => queue.push(frame)));
        queues.set(source, queue);
      }
      for (const [source, queue] of queues) for (const { type, id, data } of queue.splice(0)) source.message(data, id, type);
    };
    for (let n = 0; n < 80; n++) {
      const act = random.below(8);
      const name = random.of(names);
      if (act < 3) model.publish(name, ++made[name]);
      else if (act < 5) clock.advance(random.of([0, 100, 1000, 6000]));
      else if (act < 6 || users.length === 0) {
        const { view } = open(name);
        const user = { name, view, last: view.value ?? 0 };
        view.addEventListener('value', ({ detail: { value } }) => {
          if (value > user.last + 1 && user.last > 0) wrong.push(`${name}: ${value} after ${user.last}`);
          user.last = Math.max(user.last, value);
        });
        users.push(user);
      } else if (act < 7) users.splice(random.below(users.length), 1)[0].view.close();
      serve();
    }
    for (let n = 0; n < 4; n++) {
      clock.advance(5000);
      serve();
    }
    assert.deepEqual(wrong, [], `seed ${seed}`);
    for (const { name, view } of users) assert.deepEqual([view.value ?? 0, view.state], [made[name], 'live'], `seed ${seed}: ${name}`);
    for (const { view } of users) view.close();
    serve();
    assert.deepEqual([model.open, clock.pending], [0, 0], `seed ${seed}`);
  }
});

test('views with a function for the token share a connection, and one that is still there is asked', async () => {
  const { clock, sources, requests, open } = setup();
  const advance = async (/** @type {number} */ ms) => {
    clock.advance(ms);
    await settle();
  };
  const a = open('k/a', { token: () => 'of-a' });
  const b = open('k/b', { token: async () => 'of-b' });
  await advance(0);
  assert.deepEqual([sources.length, requests.map(({ authorization }) => authorization)], [0, ['Bearer of-a']]);
  await requests[0].open('event: hb\ndata: {"retry":3000}\n\nevent: k/b\ndata: 1\n\nevent: hb\ndata: {}\n\n');
  assert.equal(b.view.value, 1);
  await requests[0].send('event: status\ndata: {"stream":"k/a","state":"down","error":"removed"}\n\n');
  assert.equal(a.view.error?.message, 'The server has no stream k/a, or the token does not allow it.');
  a.view.close();
  await advance(5000);
  assert.equal(requests[1].authorization, 'Bearer of-b');
  await requests[1].problem(403, 'Not that one.');
  assert.deepEqual([b.view.state, b.view.error?.kind, b.view.error?.message], ['reconnecting', 'forbidden', 'Not that one.']);
});

test('other tokens are other connections, and no token is another one than none', async () => {
  const { clock, sources, requests, open } = setup();
  open('k/a', { token: 'one' });
  open('k/b', { token: 'two' });
  open('k/c', { token: 'one', silence: undefined });
  open('k/d', { token: () => 'true' });
  open('k/e', { token: 'true' });
  open('k/f', { ticket: () => 'once' });
  open('k/g');
  open('k/h', { token: null });
  clock.advance(0);
  await settle();
  assert.deepEqual(requests.map(({ url, authorization }) => [new URL(url, 'http://x').searchParams.get('stream'), authorization]), [
    ['k/a,k/c', 'Bearer one'], ['k/b', 'Bearer two'], ['k/d', 'Bearer true'], ['k/e', 'Bearer true'], ['k/f', null],
  ]);
  assert.deepEqual(sources.map(({ url }) => url), ['/api/sse?stream=k%2Fg%2Ck%2Fh&heartbeat=event']);
});
