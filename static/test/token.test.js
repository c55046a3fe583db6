/** EventStream with a token or a ticket: what it sends, when it asks for another one, and what it says of refusals. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStream } from '../client/pollux.js';
import { StreamSet } from '../client/streams.js';
import { fakeFetch, settle, setup, setupAs } from './fakes.js';

/** @import { Options } from '../client/types.js' */

/**
 * A stream whose requests the test answers.
 * @param {Options & {url?: string}} options
 */
async function begin(options) {
  const { requests, request, fetch } = fakeFetch();
  const all = setup({ fetch, ...options });
  await settle();
  /** Lets time pass, and what it causes happen. @type {(ms: number) => Promise<void>} */
  const pass = async ms => {
    all.clock.advance(ms);
    await settle();
  };
  return { ...all, requests, request, pass };
}

/** A function that returns t1, t2 and so on. */
function counter() {
  let n = 0;
  return () => `t${++n}`;
}

const EXPIRED = 'event: status\ndata: {"stream":"default","state":"down","error":"expired"}\n\n';
const HELLO = 'retry: 3000\n: pollux\n\nevent: hb\ndata: {"retry":3000}\n\n';

test('a token is sent as a header, and nowhere else', async () => {
  const { stream, sources, request, requests, diary } = await begin({ url: '/api/sse?stream=a', token: 'secret' });
  assert.deepEqual([sources.length, requests.length, stream.state], [0, 1, 'connecting']);
  const { url, init, authorization } = request();
  assert.equal(url, '/api/sse?stream=a&heartbeat=event');
  assert.equal(authorization, 'Bearer secret');
  assert.equal(new Headers(init.headers).get('Accept'), 'text/event-stream');
  assert.deepEqual([init.credentials, init.cache, init.method], ['same-origin', 'no-store', undefined]);
  await request().open(`${HELLO}id: e-1\ndata: {"n":1}\n\n`);
  await request().send('event: status\ndata: {"state":"stale"}\n\nevent: reset\ndata: {"reason":"evicted"}\n\n');
  assert.deepEqual(diary, ['live', { value: { n: 1 } }, 'stale', { status: 'stale' }, { reset: 'evicted' }]);
  assert.deepEqual([stream.lastEventId, stream.position, stream.raw], ['e-1', 'e-1', '{"n":1}']);
  stream.close();
  assert.ok(request().aborted);
});

test('retry is obeyed, with heartbeats as events or without', async () => {
  const { stream, clock, request } = await begin({ token: 'secret' });
  await request().open('retry: 5000\n\nretry: 7000\nretry: soon\n\n');
  await request().end();
  assert.equal(stream.nextRetryAt, clock.time + 7000 + 500);
});

test('cookies go to another origin with withCredentials', async () => {
  const { request } = await begin({ token: 'secret', withCredentials: true });
  assert.equal(request().init.credentials, 'include');
});

test('each try has a new token, and resumes', async () => {
  const next = counter();
  const { stream, request, requests, pass, diary } = await begin({ token: async () => next() });
  await request().open(`${HELLO}id: e-1\ndata: 1\n\n`);
  await request().end();
  assert.deepEqual([stream.state, stream.error?.kind, stream.waiting], ['reconnecting', 'dropped', true]);
  await pass(3499);
  assert.equal(requests.length, 1);
  await pass(1);
  assert.equal(requests.length, 2, 'after retry, and half of the random second');
  await request().open('id: e-2\ndata: 2\n\nid: e-3\ndata: 3');
  await request().cut();
  await pass(4000);
  await request().fail();
  assert.equal(stream.error?.kind, 'unreachable');
  stream.reconnect();
  await settle();
  assert.deepEqual(requests.map(({ authorization }) => authorization), ['Bearer t1', 'Bearer t2', 'Bearer t3', 'Bearer t4']);
  assert.deepEqual(requests.map(({ url }) => new URL(url, 'http://x').searchParams.get('last_event_id')),
    [null, 'e-1', 'e-2', 'e-2'], 'and half an event is none');
  assert.deepEqual(diary.filter(each => each.value), [{ value: 1 }, { value: 2 }]);
});

test('a function that returns nothing: no header, so that a cookie counts', async () => {
  for (const nothing of [null, undefined, '']) {
    const { request } = await begin({ token: () => nothing });
    assert.deepEqual([request().authorization, request().init.credentials], [null, 'same-origin'], `${nothing}`);
  }
});

test('no token at all: native EventSource', async () => {
  for (const token of [null, undefined, '']) {
    const { sources, requests } = await begin({ token });
    assert.deepEqual([sources.length, requests.length], [1, 0], `${token}`);
  }
});

test('each try has a new ticket, in the URL', async () => {
  const next = counter();
  const { request, requests, pass } = await begin({ url: '/api/sse?ticket=old&stream=a', ticket: async () => next() });
  assert.equal(request().url, '/api/sse?stream=a&heartbeat=event&ticket=t1');
  assert.equal(request().authorization, null);
  await request().open(`${HELLO}id: e-1\ndata: 1\n\n`);
  await request().cut();
  await pass(3500);
  assert.equal(request().url, '/api/sse?stream=a&heartbeat=event&last_event_id=e-1&ticket=t2');
  await request().problem(401, 'The token is not valid, or not valid any more.');
  await pass(10_000);
  assert.equal(new URL(request().url, 'http://x').searchParams.get('ticket'), 't3');
  assert.equal(requests.length, 3);
});

test('a token that expires is replaced within a second, without a word, and the stream resumes', async () => {
  const next = counter();
  const { stream, clock, request, requests, diary, pass } = await begin({ token: next });
  await request().open(`${HELLO}id: e-1\ndata: 1\n\nevent: hb\ndata: {}\n\n`);
  await pass(60_000 / 2);
  await request().send(`${EXPIRED}${EXPIRED}`);
  assert.equal(requests.length, 1, 'the rest of the stream still comes');
  await request().send('id: e-5\n\n');
  await request().end();
  assert.deepEqual([stream.state, stream.waiting, stream.nextRetryAt], ['live', true, clock.time + 500]);
  await pass(499);
  assert.equal(requests.length, 1, 'at a random moment');
  await pass(1);
  assert.equal(requests.length, 2);
  assert.equal(request().authorization, 'Bearer t2');
  assert.equal(request().url, '/api/sse?heartbeat=event&last_event_id=e-5', 'after an ID without an event too');
  assert.deepEqual([stream.state, stream.waiting], ['live', false]);
  await pass(500);
  await request().open(`${HELLO}id: e-6\ndata: 2\n\nevent: hb\ndata: {}\n\n`);
  assert.deepEqual(diary, ['live', { value: 1 }, { value: 2 }]);
  assert.deepEqual([stream.status, stream.error], [null, null]);
  assert.ok(clock.pending <= 1);
  await pass(10_000);
  await request().end();
  assert.deepEqual([stream.state, stream.error?.kind], ['reconnecting', 'dropped'], 'any other end is one');
});

test('a new token that is late, or refused, is told', async () => {
  const { stream, request, pass } = await begin({ token: counter() });
  await request().open(HELLO + EXPIRED);
  await request().end();
  await pass(500);
  await pass(1999);
  assert.equal(stream.state, 'live');
  await pass(1);
  assert.equal(stream.state, 'reconnecting');
  await request().problem(401, 'The token is not valid, or not valid any more.');
  const { kind, message, status } = /** @type {import('../client/types.js').Problem} */ (stream.error);
  assert.deepEqual({ kind, message, status },
    { kind: 'unauthorized', message: 'The token is not valid, or not valid any more.', status: 401 });
});

test('attack: tokens that expire at once do not make the stream come back again and again', async () => {
  const { stream, request, requests, pass } = await begin({ token: counter() });
  const expire = async () => {
    await request().open(HELLO + EXPIRED);
    await request().end();
  };
  await expire();
  await pass(500);
  assert.equal(requests.length, 2, 'soon');
  await expire();
  await pass(500);
  assert.deepEqual([requests.length, stream.state, stream.error?.kind, stream.error?.message],
    [2, 'reconnecting', 'unauthorized', 'The token has expired.']);
  await pass(2999);
  assert.equal(requests.length, 2);
  await pass(1);
  assert.equal(requests.length, 3);
  await expire();
  await pass(4000);
  await request().open(HELLO);
  await pass(10_000);
  await request().send(EXPIRED);
  await request().end();
  await pass(500);
  assert.equal(requests.length, 5, 'soon again, later');
});

test('expired without a token: a status as any other', () => {
  const { stream, source, diary } = setup();
  source().open();
  source().message('{"stream":"default","state":"down","error":"expired"}', '', 'status');
  assert.deepEqual([stream.state, stream.status?.error], ['down', 'expired']);
  assert.deepEqual(diary, ['live', 'down', { status: 'down' }]);
});

test('401: with a function the stream comes back soon, with a fixed token after minutes', async () => {
  const { stream, clock, request, requests, pass, diary } = await begin({ token: counter() });
  await request().problem(401, 'This needs one token.', { 'WWW-Authenticate': 'Bearer realm="pollux"' });
  assert.deepEqual(diary, ['reconnecting', { problem: 'unauthorized' }]);
  assert.deepEqual([stream.error?.message, stream.error?.status], ['This needs one token.', 401]);
  assert.equal(stream.nextRetryAt, clock.time + 500);
  await pass(500);
  assert.equal(request().authorization, 'Bearer t2');
  await request().answer(401);
  assert.equal(stream.error?.message, 'The server wants a token, or another one.');
  assert.equal(stream.nextRetryAt, clock.time + 1000, 'and the waits grow');
  await pass(1000);
  await request().open();
  assert.deepEqual([stream.state, stream.error, requests.length], ['live', null, 3]);

  for (const [random, least, most] of [[0, 150_000, 150_000], [0.999, 299_850, 300_849 + 30_000]]) {
    const fixed = await begin({ token: 'secret', random: () => random });
    await fixed.request().answer(401);
    const wait = Number(fixed.stream.nextRetryAt) - fixed.clock.time;
    assert.ok(wait >= least && wait <= most, `${wait}`);
    await fixed.pass(least - 1);
    assert.equal(fixed.requests.length, 1);
    fixed.stream.reconnect();
    await settle();
    assert.equal(fixed.requests.length, 2, 'or when the application says so');
  }
});

test('403: said in the words of the server, and asked again after minutes', async () => {
  for (const token of ['secret', () => 'secret']) {
    const { stream, clock, request, pass, requests } = await begin({ token });
    await request().problem(403, 'The token does not allow to read that stream.');
    const { kind, message, status } = /** @type {import('../client/types.js').Problem} */ (stream.error);
    assert.deepEqual({ kind, message, status }, { kind: 'forbidden', message: 'The token does not allow to read that stream.', status: 403 });
    assert.ok(Number(stream.nextRetryAt) - clock.time >= 150_000);
    await pass(149_000);
    assert.equal(requests.length, 1);
    await pass(160_000);
    await request().answer(403);
    assert.equal(stream.error?.message, 'The token does not allow this.');
  }
});

test('403 is a reason to try other streams soon, even if the old ones were open', async () => {
  const names = () => new URL(request().url, 'http://x').searchParams.get('stream');
  const { stream, request, requests, pass } = await begin({ url: '/api/sse?stream=k/a', token: 'secret' });
  await request().answer(403);
  stream.setStreams(['k/a']);
  await pass(2000);
  assert.equal(requests.length, 1, 'which those are not');
  stream.setStreams(['k/b']);
  await pass(2000);
  assert.deepEqual([requests.length, names()], [2, 'k/b']);
  await request().open(`${HELLO}event: hb\ndata: {}\n\n`);
  await pass(100);
  stream.setStreams(['k/b', 'k/c']);
  await pass(0);
  assert.equal(names(), 'k/b,k/c');
  await request().answer(403);
  stream.setStreams(['k/b']);
  await pass(2000);
  assert.deepEqual([requests.length, names()], [4, 'k/b']);
});

test('any other refusal has its status and the words of the server', async () => {
  for (const [status, type, body, want] of /** @type {[number, string, string | null, string][]} */ ([
    [404, 'application/problem+json', '{"detail":"No stream has that name."}', 'The server answered 404. No stream has that name.'],
    [404, 'application/problem+json', '{"detail":5}', 'The server answered 404.'],
    [404, 'application/problem+json', '[', 'The server answered 404.'],
    [404, 'application/problem+json', 'null', 'The server answered 404.'],
    [502, 'text/html', '{"detail":"no"}', 'The server answered 502.'],
    [204, '', null, 'The server answered 204.'],
    [200, 'text/html', '<h1>Hello</h1>', 'The server did not answer with an event stream.'],
    [200, 'text/event-streams', '', 'The server did not answer with an event stream.'],
  ])) {
    const { stream, clock, request } = await begin({ token: 'secret' });
    await request().answer(status, body, type ? { 'Content-Type': type } : {});
    assert.deepEqual([stream.error?.kind, stream.error?.message, stream.error?.status], ['refused', want, status]);
    assert.equal(stream.nextRetryAt, clock.time + 500, want);
    assert.ok(request().aborted, 'and the connection is free');
  }
  for (const type of ['text/event-stream', 'TEXT/Event-Stream;charset=utf-8', 'text/event-stream ; x=y']) {
    const { stream, request } = await begin({ token: 'secret' });
    await request().answer(200, 'data: 1\n\n', { 'Content-Type': type });
    assert.equal(stream.value, 1, type);
  }
});

test('Retry-After is obeyed: boundary rows', async () => {
  for (const [header, wait] of /** @type {[string, number][]} */ ([
    ['0', 500], ['1', 1500], ['120', 120_500], ['3600', 3_600_500], ['3601', 3_600_500], ['9223372037', 3_600_500],
    ['-1', 500], ['1.5', 500], ['soon', 500], ['', 500], ['Wed, 31 Dec 1969 07:28:00 GMT', 500],
  ])) {
    const { stream, clock, request } = await begin({ token: 'secret' });
    await request().answer(503, null, { 'Retry-After': header });
    assert.equal(Number(stream.nextRetryAt) - clock.time, wait, header);
  }
});

test('Retry-After is a date too, by the clock of the server, or of the browser where the server does not tell its time', async () => {
  const date = (/** @type {number} */ time) => new Date(time).toUTCString();
  const year = 366 * 24 * 3_600_000;
  for (const [header, told, wait] of /** @type {[(now: number) => string, ((now: number) => string) | null, number][]} */ ([
    [now => date(now + 120_000), null, 120_500],
    [now => date(now + year + 120_000), now => date(now + year), 120_500], // the clock of the browser is a year slow
    [now => date(now - 120_000), null, 500],
    [now => date(now + year), null, 3_600_500],
    [now => date(now + 120_000), () => 'soon', 120_500],
    [() => 'Wednesday', null, 500],
  ])) {
    const { stream, clock, request } = await begin({ token: 'secret' });
    clock.time = Math.ceil(clock.time / 1000) * 1000; // a date has whole seconds
    await request().answer(503, null, { 'Retry-After': header(clock.time), ...(told && { Date: told(clock.time) }) });
    assert.equal(Number(stream.nextRetryAt) - clock.time, wait, `${header(clock.time)} ${told?.(clock.time)}`);
  }
});

test('a function that fails, or returns what is no token, is told and asked again', async () => {
  for (const [token, want] of /** @type {[any, RegExp][]} */ ([
    [() => { throw new Error('signed out'); }, /^There is no token: signed out$/],
    [() => Promise.reject(new Error('signed out')), /: signed out$/],
    [() => Promise.reject('later'), /: later$/],
    [() => 5, /no string, but a value of type number$/],
    [async () => ({ token: 'secret' }), /type object$/],
    [() => 'sec ret', /character that no token has$/],
    [() => 'secret\n', /character that no token has$/],
    [() => 'sécret', /character that no token has$/],
  ])) {
    let calls = 0;
    const { stream, clock, requests, pass } = await begin({ token: () => [calls++, token()][1] });
    assert.deepEqual([stream.state, stream.error?.kind, requests.length], ['reconnecting', 'token', 0]);
    assert.match(String(stream.error?.message), want);
    assert.doesNotMatch(String(stream.error?.message), /sec ret|sécret|secret/);
    assert.equal(stream.nextRetryAt, clock.time + 500);
    await pass(500);
    assert.equal(calls, 2);
  }
});

test('a user may take an hour to sign in', async () => {
  /** @type {((token: string) => void)[]} */ const asked = [];
  const token = () => new Promise(resolve => asked.push(resolve));
  const { stream, clock, request, requests, pass } = await begin({ token, silence: 45_000 });
  await pass(3_600_000);
  assert.deepEqual([stream.state, stream.waiting, asked.length, requests.length], ['connecting', false, 1, 0]);
  asked[0]('secret');
  await settle();
  assert.equal(request().authorization, 'Bearer secret');
  await pass(44_999);
  assert.equal(stream.state, 'connecting');
  await pass(1);
  assert.equal(stream.error?.kind, 'silent', 'while the server is watched from the request on');
  await pass(500);
  stream.reconnect();
  await settle();
  assert.equal(asked.length, 3, 'and reconnect asks again');
  asked[1]('late');
  await settle();
  assert.equal(requests.length, 1);
  asked[2]('new');
  await settle();
  assert.deepEqual([requests.length, request().authorization], [2, 'Bearer new']);
  assert.equal(clock.pending, 1);
});

test('nothing is sent after close, whenever it is called', async () => {
  /** @type {((token: string) => void)[]} */ const asked = [];
  const waiting = await begin({ token: () => new Promise(resolve => asked.push(resolve)) });
  waiting.stream.close();
  asked[0]('secret');
  await settle();
  assert.deepEqual([waiting.requests.length, waiting.clock.pending], [0, 0]);

  /** @type {import('../client/pollux.js').EventStream | undefined} */ let stream;
  const { requests, fetch } = fakeFetch();
  const inside = setup({ fetch, token: () => {
    stream?.close();
    return 'secret';
  } });
  ({ stream } = inside); // which exists when the function is called
  await settle();
  assert.deepEqual([requests.length, stream.state, inside.clock.pending], [0, 'closed', 0]);

  const sent = await begin({ token: 'secret' });
  sent.stream.close();
  await sent.request().open('data: 1\n\n');
  assert.deepEqual(sent.diary, ['closed']);
});

test('a delta that does not fit begins anew, without the ID of the connection', async () => {
  const { stream, request, pass } = await begin({ url: '/api/sse?mode=patch', token: 'secret' });
  await request().open(`${HELLO}id: e-1\nevent: snapshot\ndata: {"a":1}\n\n`);
  await request().send('id: e-3\nevent: patch\ndata: {"base":"e-2","ops":[]}\n\n');
  assert.equal(stream.error?.kind, 'delta');
  await pass(10_000);
  assert.equal(request().url, '/api/sse?mode=patch&heartbeat=event');
});

test('events with the names of turns are events', async () => {
  const { stream, request, diary } = await begin({ url: '/api/sse', token: 'secret', events: ['sent', 'open', 'error'] });
  await request().open('event: sent\ndata: 1\n\nevent: open\ndata: 2\n\nevent: error\ndata: 3\n\n');
  assert.deepEqual([stream.state, ...diary], ['live', 'live', { value: 1 }, { value: 2 }, { value: 3 }]);
});

test('a byte order mark, and a character in two pieces', async () => {
  const { stream, request } = await begin({ token: 'secret' });
  const bytes = new TextEncoder().encode('\ufeffdata: "é"\n\n');
  await request().open(bytes.subarray(0, 11));
  await request().send(bytes.subarray(11));
  assert.equal(stream.value, 'é');
});

test('what can be no token, and headers that cannot be sent, are told', async () => {
  for (const [options, want] of /** @type {[any, RegExp][]} */ ([
    [{ token: 5 }, /^There is no token: it is a value of type number$/],
    [{ token: Promise.resolve('secret') }, /type object$/],
    [{ ticket: 'once' }, /: a ticket is valid once, so want a function$/],
    [{ token: 'a', ticket: () => 'b' }, /: want either a token or a ticket$/],
    [{ headers: { 'a b': 'c' } }, /^There is no token: .*header/i],
  ])) {
    const { stream, requests, sources } = await begin(options);
    assert.deepEqual([stream.state, stream.error?.kind, requests.length, sources.length], ['reconnecting', 'token', 0, 0]);
    assert.match(String(stream.error?.message), want);
  }
});

test('an impossible URL is an error at once, with a token or without', () => {
  for (const Stream of [EventStream, StreamSet]) {
    for (const token of [undefined, 'secret']) assert.throws(() => setupAs(Stream, { url: 'http://[', token, fetch: fakeFetch().fetch }), { code: 'ERR_INVALID_URL' });
  }
});

test('headers are sent, beside a token, and 401 and 403 mean them', async () => {
  const { stream, clock, request } = await begin({ headers: { 'X-Key': 'k', accept: 'text/html' } });
  const headers = new Headers(request().init.headers);
  assert.deepEqual([headers.get('X-Key'), headers.get('Accept'), headers.get('Authorization')], ['k', 'text/event-stream', null]);
  await request().answer(401);
  assert.equal(stream.error?.kind, 'unauthorized');
  assert.ok(Number(stream.nextRetryAt) - clock.time >= 150_000, 'the same headers would be refused again');
  const alone = await begin({ headers: { 'X-Key': 'k' } });
  await alone.request().open(HELLO + EXPIRED);
  assert.deepEqual([alone.stream.state, alone.stream.status?.error], ['down', 'expired'], 'nobody renews headers');
  const both = await begin({ headers: [['X-Key', 'k']], token: 'secret' });
  assert.deepEqual([new Headers(both.request().init.headers).get('X-Key'), both.request().authorization], ['k', 'Bearer secret']);
});

test('a page that wakes does not ask sooner than Retry-After says', async () => {
  const { requests, request, page, pass } = await begin({ token: 'secret' });
  await request().answer(429, null, { 'Retry-After': '30' });
  for (const [wait, came] of [[29_999, 1], [1, 2]]) {
    await pass(wait);
    page.dispatchEvent(new Event('online'));
    await settle();
    assert.equal(requests.length, came);
  }
});
