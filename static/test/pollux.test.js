import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffBound } from '../client/backoff.js';
import { streamNames, wantsDeltas, withQuery } from '../client/query.js';
import { setup } from './fakes.js';

test('a stream goes from connecting to live, and shows the newest document', () => {
  const { stream, clock, source, diary } = setup();
  assert.equal(stream.state, 'connecting');
  assert.equal(stream.health, 'connecting');
  assert.deepEqual([stream.value, stream.raw, stream.updatedAt, stream.lastEventId], [undefined, null, null, '']);
  source().open();
  clock.advance(5);
  source().message('{"value": 7}', 'e-1');
  assert.deepEqual([stream.value, stream.raw, stream.updatedAt, stream.lastEventId, stream.error],
    [{ value: 7 }, '{"value": 7}', clock.time, 'e-1', null]);
  assert.deepEqual(diary, ['live', { value: { value: 7 } }]);
  assert.equal(stream.health, 'live');
});

test('falsy documents are documents', () => {
  const { stream, source } = setup();
  source().open();
  for (const [raw, value] of /** @type {[string, any][]} */ ([['null', null], ['0', 0], ['false', false], ['""', '']])) {
    source().message(raw, 'e-1');
    assert.equal(stream.value, value);
  }
});

test('a document that does not parse is a problem, and the last good value stays', () => {
  const { stream, source, diary } = setup();
  source().open();
  source().message('1', 'e-1');
  source().message('<html>', 'e-2');
  assert.deepEqual([stream.value, stream.raw, stream.lastEventId], [1, '<html>', 'e-2']);
  assert.equal(stream.error?.kind, 'invalid');
  assert.equal(stream.state, 'live');
  source().message('2', 'e-3');
  assert.equal(stream.error, null);
  assert.deepEqual(diary, ['live', { value: 1 }, { problem: 'invalid' }, { value: 2 }]);
});

test('option parse replaces JSON.parse', () => {
  const { stream, source } = setup({ parse: text => text.toUpperCase() });
  source().open();
  source().message('plain text');
  assert.equal(stream.value, 'PLAIN TEXT');
});

test('status makes a stream stale and live again; a new connection begins live', () => {
  const { stream, source, diary } = setup();
  source().open();
  const status = { stream: 'default', state: 'stale', since: 's', lastSuccess: 'l', error: 'timeout' };
  source().message(JSON.stringify(status), '', 'status');
  assert.deepEqual([stream.state, stream.health, stream.status], ['stale', 'stale', status]);
  source().message(JSON.stringify({ ...status, state: 'down' }), '', 'status');
  assert.deepEqual([stream.state, stream.health], ['stale', 'down']);
  source().message(JSON.stringify({ ...status, state: 'live', error: null }), '', 'status');
  assert.deepEqual([stream.state, stream.health], ['live', 'live']);
  source().message(JSON.stringify({ ...status, state: 'down' }), '', 'status');
  source().drop();
  assert.deepEqual([stream.state, stream.status?.state], ['waiting', 'down']);
  source().open();
  assert.deepEqual([stream.state, stream.status], ['live', null]);
  assert.deepEqual(diary, ['live', 'stale', { status: 'stale' }, { status: 'down' }, 'live', { status: 'live' },
    'stale', { status: 'down' }, 'waiting', { problem: 'dropped' }, 'live']);
});

test('of several streams the worst one counts', () => {
  const { stream, source } = setup({ url: '/api/sse?stream=a,b' });
  source().open();
  source().message('{"stream":"a","state":"down"}', '', 'status');
  source().message('{"stream":"b","state":"stale"}', '', 'status');
  assert.equal(stream.health, 'down');
  source().message('{"stream":"a","state":"live"}', '', 'status');
  assert.equal(stream.health, 'stale');
  source().message('{"stream":"b","state":"live"}', '', 'status');
  assert.equal(stream.health, 'live');
  source().message('{"stream":"a","state":"down"}', '', 'status');
  source().drop();
  source().open();
  source().message('{"stream":"b","state":"stale"}', '', 'status');
  assert.equal(stream.health, 'stale', 'what was said on the last connection is forgotten');
});

test('a status that is none is ignored', () => {
  for (const data of ['', 'null', '[]', '"live"', '{}', '{"state":"odd"}', '{']) {
    const { stream, source, diary } = setup();
    source().open();
    source().message(data, '', 'status');
    assert.equal(stream.state, 'live', data);
    assert.deepEqual(diary, ['live'], data);
  }
});

test('documents of several streams come by their names', () => {
  const { stream, source, diary } = setup({ url: '/api/sse?stream=a,b' });
  source().open();
  source().message('1', 'e-1', 'a');
  source().message('2', 'e-2', 'b');
  source().message('3', 'e-3', 'c');
  assert.deepEqual(diary, ['live', { value: 1 }, { value: 2 }]);
  assert.equal(stream.lastEventId, 'e-2');
});

test('a name in the option events is data, even one that means something else', () => {
  const { stream, source, diary } = setup({ events: ['status', 'reset', 'hb', 'error', 'open'] });
  source().open();
  const value = { state: 'down', reason: 'epoch', retry: 1 };
  for (const name of ['status', 'reset', 'hb', 'error', 'open']) source().message(JSON.stringify(value), '', name);
  assert.equal(stream.state, 'live');
  assert.deepEqual(diary, ['live', ...Array(5).fill({ value })]);
  source().drop();
  assert.equal(stream.nextRetryAt, null);
});

test("a server's events called error and open are not the browser's", () => {
  const { stream, source, diary } = setup();
  source().message('{}', '', 'open');
  assert.equal(stream.state, 'connecting');
  source().open();
  source().message('{}', '', 'error');
  assert.deepEqual(diary, ['live']);
});

test('reset drops the id and tells the reason', () => {
  const { stream, source, diary } = setup({ url: '/api/sse?last_event_id=mine' });
  assert.equal(source().url, '/api/sse?last_event_id=mine&heartbeat=event');
  source().open();
  source().message('1', 'old-9');
  source().message('{"reason":"epoch"}', 'old-9', 'reset');
  assert.equal(stream.lastEventId, '');
  assert.equal(stream.value, 1);
  stream.reconnect();
  assert.equal(source().url, '/api/sse?heartbeat=event', 'neither the old id nor the one in the URL');
  source().open();
  source().message('2', 'new-1');
  stream.reconnect();
  assert.equal(source().url, '/api/sse?heartbeat=event&last_event_id=new-1');
  assert.deepEqual(diary.filter(each => each.reset), [{ reset: 'epoch' }]);
});

test('an id in the URL, by any name, gives way to a newer one', () => {
  const { stream, source } = setup({ url: '/x?lastEventId=a&last_event_id=b', heartbeat: false, resumeParam: 'since' });
  assert.equal(source().url, '/x?lastEventId=a&last_event_id=b');
  source().open();
  source().message('1', 'c');
  stream.reconnect();
  assert.equal(source().url, '/x?since=c');
});

test('a reset without a readable reason is a reset', () => {
  for (const data of ['', '{', 'null', '{}']) {
    const { source, diary } = setup();
    source().open();
    source().message(data, '', 'reset');
    assert.deepEqual(diary, ['live', { reset: '' }], data);
  }
});

test('an open stream that drops is left to the browser, which obeys retry', () => {
  const { stream, clock, sources, source, diary } = setup();
  source().open();
  source().drop();
  assert.equal(stream.state, 'waiting');
  assert.equal(stream.health, 'reconnecting');
  assert.equal(stream.error?.kind, 'dropped');
  assert.equal(stream.nextRetryAt, null, 'only the browser knows');
  clock.advance(3_600_000);
  assert.equal(sources.length, 1);
  source().open();
  assert.deepEqual([stream.state, stream.error], ['live', null]);
  assert.deepEqual(diary, ['live', 'waiting', { problem: 'dropped' }, 'live']);
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
  assert.equal(stream.state, 'waiting');
  assert.equal(stream.error?.kind, 'refused');
  assert.equal(stream.nextRetryAt, clock.time + 500);
  clock.advance(499);
  assert.equal(sources.length, 1);
  clock.advance(1);
  assert.equal(sources.length, 2);
  assert.equal(source().url, '/api/sse?stream=a&heartbeat=event&last_event_id=e%201%262');
  assert.deepEqual([stream.state, stream.health, stream.nextRetryAt], ['connecting', 'reconnecting', null]);
  source().open();
  assert.deepEqual(diary, ['live', { value: 1 }, 'waiting', { problem: 'refused' }, 'connecting', 'live']);
});

test('an attempt that fails is taken over from the browser', () => {
  const { stream, clock, sources, source } = setup();
  source().drop();
  assert.deepEqual([stream.state, stream.error?.kind], ['waiting', 'unreachable']);
  assert.equal(sources[0].readyState, 2, 'the browser must not go on beside us');
  clock.advance(500);
  assert.equal(sources.length, 2);
});

test('the wait doubles with each failure, up to the cap, and begins anew after success', () => {
  const { stream, clock, source } = setup({ random: () => 0.999 });
  const waits = [];
  for (let i = 0; i < 8; i++) {
    source().refuse();
    waits.push(Math.round((/** @type {number} */ (stream.nextRetryAt) - clock.time) / 0.999));
    clock.advance(30_000);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  source().open();
  source().refuse();
  assert.equal(stream.nextRetryAt, clock.time + 999);
});

test('backoffBound', () => {
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
  ]) assert.equal(backoffBound(failures, base, cap), want, `${[failures, base, cap]}`);
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
  assert.equal(stream.nextRetryAt, clock.time + 300_000 + 500, 'and is bounded');
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
  assert.equal(stream.state, 'connecting');
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
  assert.deepEqual([stream.state, stream.error?.kind], ['waiting', 'silent']);
  assert.equal(sources[0].readyState, 2);
  clock.advance(500);
  assert.equal(source().url, '/api/sse?heartbeat=event&last_event_id=e-1');
  assert.deepEqual(diary, ['live', { value: 1 }, 'waiting', { problem: 'silent' }, 'connecting']);
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
  assert.equal(stream.state, 'waiting');
});

test('option silence: boundary rows', () => {
  for (const [silence, quiet, want] of /** @type {[number, number, string][]} */ ([
    [0, 10_000_000, 'connecting'], // off
    [Infinity, 10_000_000, 'connecting'],
    [1, 1, 'waiting'],
    [9_999, 9_998, 'connecting'],
    [10_000, 10_000, 'waiting'], // as long as the longest sleep between looks
    [10_001, 10_000, 'connecting'],
    [10_001, 10_001, 'waiting'],
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
  assert.equal(stream.state, 'connecting');
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

test('heartbeat=event is asked for unless switched off', () => {
  assert.equal(setup().source().url, '/api/sse?heartbeat=event');
  assert.equal(setup({ heartbeat: false }).source().url, '/api/sse');
});

test('option resumeParam names the parameter, or switches it off', () => {
  for (const [resumeParam, want] of [['lastEventID', '/x?a=1&lastEventID=7'], ['', '/x?a=1']]) {
    const { stream, source } = setup({ url: '/x?a=1', heartbeat: false, resumeParam });
    source().open();
    source().message('1', '7');
    stream.reconnect();
    assert.equal(source().url, want);
  }
});

test('withCredentials reaches the browser', () => {
  assert.deepEqual(setup().source().init, { withCredentials: false });
  assert.deepEqual(setup({ withCredentials: true }).source().init, { withCredentials: true });
});

test('impossible options are refused', () => {
  for (const name of ['silence', 'backoffBase', 'backoffCap']) {
    for (const value of [-1, NaN]) assert.throws(() => setup({ [name]: value }), RangeError, `${name} ${value}`);
  }
});

test('online ends a wait, and leaves a live stream alone', () => {
  const { stream, sources, source, page } = setup();
  source().open();
  page.dispatchEvent(new Event('online'));
  assert.equal(sources.length, 1);
  source().drop();
  page.dispatchEvent(new Event('online'));
  assert.equal(sources.length, 2);
  assert.equal(stream.state, 'connecting');
  assert.equal(sources[0].readyState, 2);
});

test('a page that leaves lets go, and one that comes back connects', () => {
  const { stream, clock, sources, source, page } = setup({ silence: 45_000 });
  source().open();
  source().message('1', 'e-1');
  page.dispatchEvent(new Event('pageshow'));
  assert.equal(sources.length, 1, 'the first pageshow is no return');
  page.dispatchEvent(new Event('pagehide'));
  assert.deepEqual([stream.state, sources[0].readyState, clock.pending], ['waiting', 2, 0]);
  page.dispatchEvent(new Event('online'));
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(sources.length, 1, 'nothing connects in the cache');
  page.dispatchEvent(new Event('pageshow'));
  assert.equal(source().url, '/api/sse?heartbeat=event&last_event_id=e-1');
  source().refuse();
  page.dispatchEvent(new Event('online'));
  assert.equal(sources.length, 3, 'and all is as before');
});

test('a tab that becomes visible catches up with its late timers', () => {
  const { stream, clock, sources, source, page } = setup();
  source().refuse();
  clock.jump(60_000);
  assert.equal(sources.length, 1);
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(sources.length, 2);
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(sources.length, 2);
  assert.ok(clock.pending <= 1, 'one timer, however often one looks');
  assert.equal(stream.state, 'connecting');
});

test('reconnect replaces an open connection', () => {
  const { stream, sources, source, diary } = setup();
  source().open();
  stream.reconnect();
  sources[0].message('1');
  sources[0].drop();
  assert.deepEqual(diary, ['live', 'connecting'], 'the old one is not heard any more');
  source().open();
  assert.equal(stream.state, 'live');
});

test('a new connection begins without the past of the old one', () => {
  const { stream, clock, source } = setup();
  source().open();
  stream.reconnect();
  source().drop();
  assert.equal(stream.error?.kind, 'unreachable', 'it has not been open');
  clock.advance(500);
  source().open();
  source().drop();
  clock.advance(20_000);
  stream.reconnect();
  source().refuse();
  assert.equal(stream.nextRetryAt, clock.time + 500, 'the wait that was cut short taught nothing');
});

test('close is final', () => {
  /** @type {((all: ReturnType<typeof setup>) => void)[]} */
  const moments = [
    () => {},
    ({ source }) => source().open(),
    ({ source }) => { source().open(); source().drop(); },
    ({ source }) => source().refuse(),
    ({ source, clock }) => { source().refuse(); clock.advance(500); },
    ({ page }) => page.dispatchEvent(new Event('pagehide')),
  ];
  for (const moment of moments) {
    const all = setup({ silence: 45_000 });
    const { stream, clock, sources, page, diary } = all;
    moment(all);
    let listeners = 4;
    const remove = page.removeEventListener.bind(page);
    page.removeEventListener = (type, listener) => {
      listeners--;
      remove(type, listener);
    };
    stream.close();
    stream.close();
    assert.equal(clock.pending, 0, 'no timer is left');
    assert.equal(listeners, 0, 'no listener is left');
    const { length } = sources;
    for (const source of sources) {
      source.open();
      source.message('1', 'e-1');
      source.message('{"state":"down"}', '', 'status');
      source.message('{}', '', 'reset');
      source.message('{}', '', 'hb');
      source.refuse();
    }
    for (const type of ['online', 'pageshow', 'visibilitychange', 'pagehide']) page.dispatchEvent(new Event(type));
    stream.reconnect();
    clock.advance(10_000_000);
    assert.deepEqual([stream.state, stream.health, stream.value], ['closed', 'closed', undefined]);
    assert.equal(sources.length, length);
    assert.equal(diary.indexOf('closed'), diary.length - 1, 'closed comes once, and last');
  }
});

test('close in the middle of any event is final too', () => {
  /** Closes the stream in the event number n, and answers whether there was one. @type {(n: number) => boolean} */
  const closeIn = n => {
    const { stream, clock, source, diary } = setup({ silence: 45_000 });
    let seen = 0;
    for (const type of /** @type {const} */ (['state', 'value', 'status', 'reset', 'problem'])) {
      stream.addEventListener(type, () => { if (seen++ === n) stream.close(); });
    }
    source().open();
    source().message('1');
    source().message('{', '');
    source().message('{"state":"down"}', '', 'status');
    source().message('{}', '', 'reset');
    source().drop();
    source().refuse();
    clock.advance(50_000);
    if (seen <= n) return false;
    assert.equal(stream.state, 'closed', `${n}`);
    assert.equal(diary.indexOf('closed'), diary.length - 1, `${n}: ${JSON.stringify(diary)}`);
    assert.equal(clock.pending, 0, `${n}`);
    return true;
  };
  let n = 0;
  while (closeIn(n)) n++;
  assert.ok(n >= 10, `${n} events`);
});

test('reconnect in the middle of a problem is obeyed', () => {
  const { stream, clock, sources, source } = setup();
  stream.addEventListener('state', ({ detail }) => { if (detail.state === 'waiting') stream.reconnect(); });
  source().open();
  source().refuse();
  assert.deepEqual([sources.length, stream.state], [2, 'connecting']);
  clock.advance(60_000);
  assert.equal(sources.length, 2, 'and no second one follows');
});

test('withQuery', () => {
  for (const [url, params, want] of /** @type {[string, Record<string, string | null>, string][]} */ ([
    ['/x', {}, '/x'],
    ['/x', { a: '1' }, '/x?a=1'],
    ['/x?', { a: '1' }, '/x?a=1'],
    ['/x?b=a,b&c', { a: '1' }, '/x?b=a,b&c&a=1'],
    ['/x?a=0&b=%20+&a=2', { a: '1' }, '/x?b=%20+&a=1'],
    ['/x?%61=0', { a: '1' }, '/x?a=1'],
    ['/x?a=0&b=1', { a: null }, '/x?b=1'],
    ['/x?a=0', { a: null }, '/x'],
    ['/x?b=1#a=2', { a: '&=#' }, '/x?b=1&a=%26%3D%23'],
    ['/x#f?b', { a: '1' }, '/x?a=1'],
    ['/x?toString=1', { a: '1' }, '/x?toString=1&a=1'],
    ['https://example.org/x?b=?', { a: '1' }, 'https://example.org/x?b=?&a=1'],
  ])) assert.equal(withQuery(url, params), want, url);
});

test('streamNames', () => {
  for (const [url, want] of /** @type {[string, string[]][]} */ ([
    ['/x', []], ['/x?stream=', []], ['/x?stream=a', []], ['/x?stream=a,', []], ['/x?stream=a,a', []],
    ['/x?stream=a&stream=b,c', ['a', 'b', 'c']],
    ['/x?stream=a,b', ['a', 'b']], ['/x?stream=a%2Cb&c=d', ['a', 'b']], ['/x#?stream=a,b', []],
  ])) assert.deepEqual(streamNames(url), want, url);
});

test('wantsDeltas', () => {
  for (const [url, want] of /** @type {[string, boolean][]} */ ([
    ['/x', false], ['/x?mode=', false], ['/x?mode=full', false], ['/x?mode=patches', false], ['/x#?mode=patch', false],
    ['/x?mode=patch', true], ['/x?mode=merge', true], ['/x?a=b&%6dode=Patch&stream=a,b', true], ['https://example.org/x?mode=MERGE#f', true],
    ['/x?mode=full&mode=patch', false], ['/x?mode=patch&mode=full', true], // the first one counts, as at the server
  ])) assert.equal(wantsDeltas(url), want, url);
});
