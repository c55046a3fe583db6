import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setup } from './fakes.js';

test('a stream goes from connecting to live, and shows the newest document', () => {
  const { stream, clock, source, diary } = setup();
  assert.equal(stream.state, 'connecting');
  assert.deepEqual([stream.value, stream.raw, stream.updatedAt, stream.lastEventId], [undefined, null, null, '']);
  source().open();
  clock.advance(5);
  source().message('{"value": 7}', 'e-1');
  assert.deepEqual([stream.value, stream.raw, stream.updatedAt, stream.lastEventId, stream.error],
    [{ value: 7 }, '{"value": 7}', clock.time, 'e-1', null]);
  assert.deepEqual(diary, ['live', { value: { value: 7 } }]);
  assert.equal(stream.state, 'live');
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
  assert.deepEqual([stream.value, stream.raw, stream.lastEventId, stream.position], [1, '<html>', 'e-1', 'e-2']);
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
  assert.deepEqual([stream.state, stream.status], ['stale', status]);
  source().message(JSON.stringify({ ...status, state: 'down' }), '', 'status');
  assert.equal(stream.state, 'down');
  source().message(JSON.stringify({ ...status, state: 'live', error: null }), '', 'status');
  assert.equal(stream.state, 'live');
  source().message(JSON.stringify({ ...status, state: 'down' }), '', 'status');
  source().drop();
  assert.deepEqual([stream.state, stream.waiting, stream.status?.state], ['reconnecting', true, 'down']);
  source().open();
  assert.deepEqual([stream.state, stream.status], ['live', null]);
  assert.deepEqual(diary, ['live', 'stale', { status: 'stale' }, 'down', { status: 'down' }, 'live', { status: 'live' },
    'down', { status: 'down' }, 'reconnecting', { problem: 'dropped' }, 'live']);
});

test('of several streams the worst one counts', () => {
  const { stream, source } = setup({ url: '/api/sse?stream=a,b' });
  source().open();
  source().message('{"stream":"a","state":"down"}', '', 'status');
  source().message('{"stream":"b","state":"stale"}', '', 'status');
  assert.equal(stream.state, 'down');
  source().message('{"stream":"a","state":"live"}', '', 'status');
  assert.equal(stream.state, 'stale');
  source().message('{"stream":"b","state":"live"}', '', 'status');
  assert.equal(stream.state, 'live');
  source().message('{"stream":"a","state":"down"}', '', 'status');
  source().drop();
  source().open();
  source().message('{"stream":"b","state":"stale"}', '', 'status');
  assert.equal(stream.state, 'stale', 'what was said on the last connection is forgotten');
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

test('reset tells the reason, and takes nothing away', () => {
  const { stream, source, diary } = setup();
  source().open();
  source().message('1', 'old-9');
  source().message('{"reason":"epoch"}', '', 'reset');
  assert.deepEqual([stream.value, stream.lastEventId, stream.position], [1, 'old-9', 'old-9']);
  source().message('2', 'new-1');
  assert.deepEqual([stream.value, stream.lastEventId, stream.position], [2, 'new-1', 'new-1']);
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
  for (const data of ['', '{', 'null', '{}', '{"reason":{"toString":1,"valueOf":1}}']) {
    const { source, diary } = setup();
    source().open();
    source().message(data, '', 'reset');
    assert.deepEqual(diary, ['live', { reset: '' }], data);
  }
});

test('a status of a stream with an odd name is a status', () => {
  const { stream, source } = setup();
  source().open();
  source().message('{"state":"down","stream":{"toString":1,"valueOf":1}}', '', 'status');
  assert.equal(stream.state, 'down');
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
  assert.ok(!setup().source().init?.withCredentials);
  assert.equal(setup({ withCredentials: true }).source().init?.withCredentials, true);
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
  assert.deepEqual([stream.state, stream.waiting], ['reconnecting', false]);
  assert.equal(sources[0].readyState, 2);
});

test('a page that leaves lets go, and one that comes back connects', () => {
  const { stream, clock, sources, source, page } = setup({ silence: 45_000 });
  source().open();
  source().message('1', 'e-1');
  page.dispatchEvent(new Event('pageshow'));
  assert.equal(sources.length, 1, 'the first pageshow is no return');
  page.dispatchEvent(new Event('pagehide'));
  assert.deepEqual([stream.state, sources[0].readyState, clock.pending], ['reconnecting', 2, 0]);
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
  assert.deepEqual([stream.state, stream.waiting], ['reconnecting', false]);
});

test('reconnect replaces an open connection', () => {
  const { stream, sources, source, diary } = setup();
  source().open();
  stream.reconnect();
  sources[0].message('1');
  sources[0].drop();
  assert.deepEqual(diary, ['live', 'reconnecting'], 'the old one is not heard any more');
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
  assert.equal(stream.nextRetryAt, clock.time + 1000, 'the wait that was cut short taught nothing');
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
    assert.deepEqual([stream.state, stream.value], ['closed', undefined]);
    assert.equal(sources.length, length);
    assert.equal(diary.indexOf('closed'), diary.length - 1, 'closed comes once, and last');
  }
});

test('close in the middle of any event is final too', () => {
  /** Closes the stream in event number n, and returns whether there was one. @type {(n: number) => boolean} */
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
  stream.addEventListener('state', ({ detail }) => { if (detail.state === 'reconnecting') stream.reconnect(); });
  source().open();
  source().refuse();
  assert.deepEqual([sources.length, stream.state, stream.waiting], [2, 'reconnecting', false]);
  clock.advance(60_000);
  assert.equal(sources.length, 2, 'and no second one follows');
});
