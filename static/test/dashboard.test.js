/** The dashboard in Chromium and Firefox, with the Content-Security-Policy of Pollux. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, open } from './browser.js';
import { TestServer, event, greeting, mock } from './server.js';

/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */
/** @import { Answer } from './server.js' */

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => { server = await new TestServer().start(); });
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

/** Lines that Chromium writes to the console when a test breaks the stream on purpose. */
const BROKEN = /^Failed to load resource|EventSource's response has a MIME type/;

/**
 * Opens the dashboard. `calm` asserts that there are no complaints, except about what the test broke.
 * `refused` is the status with which the server refuses its stream.
 * @param {{path?: string, server?: TestServer, options?: BrowserContextOptions, refused?: number}} [how]
 */
async function visit({ path = '/', server: from = server, options, refused } = {}) {
  const { page, complaints } = await open(browser, { reducedMotion: 'reduce', ...options });
  page.setDefaultTimeout(120_000);
  if (refused !== undefined) {
    from.answer = response => response.writeHead(refused).end();
    from.about = () => ({ status: refused, body: '{}' });
  }
  await page.goto(from.origin + path);
  const calm = () => assert.deepEqual(complaints.filter(text => !BROKEN.test(text)), []);
  return { page, complaints, calm };
}

/** @type {(page: Page, state: string) => Promise<unknown>} */
const state = (page, state) => page.waitForSelector(`html[data-state="${state}"]`, { state: 'attached' });

/** @type {(page: Page, id: string) => Promise<unknown>} */
const arrived = (page, id) => page.waitForSelector(`html[data-last-event-id="${id}"]`, { state: 'attached' });

/** @type {(page: Page, id: string) => Promise<string | null>} */
const text = (page, id) => page.locator(`#${id}`).textContent();

/** Waits until an element has a text. @type {(page: Page, selector: string, want: RegExp) => Promise<unknown>} */
const says = (page, selector, want) => page.waitForFunction(({ selector, source }) =>
  new RegExp(source).test(document.querySelector(selector)?.textContent ?? ''), { selector, source: want.source });

/** A status event. @type {(state: string, error: string | null) => string} */
const status = (state, error) => `event: status\ndata: ${JSON.stringify({
  stream: 'default', state, since: '2026-01-02T03:04:05Z', lastSuccess: '2026-01-02T03:03:05Z', error,
})}\n\n`;

/** Several events of the mock source. @type {(n: number, epoch?: string) => string} */
const events = (n, epoch = 'e') => Array.from({ length: n }, (_, i) => event(`${epoch}-${i + 1}`, mock(i % 100))).join('');

test('the newest document is shown at once, and the next as it comes', async () => {
  server.answer = response => server.open(response, event('e-1', mock(42)));
  const { page, complaints } = await visit();
  await arrived(page, 'e-1');
  assert.equal(await page.getAttribute('html', 'data-state'), 'live');
  assert.equal(await page.getAttribute('html', 'data-value'), '42');
  assert.deepEqual([await text(page, 'headline'), await text(page, 'message')], ['42', 'Random update: 42']);
  assert.equal(await text(page, 'condition-word'), 'Live');
  assert.equal(await page.title(), '42 · Pollux');
  server.send(event('e-2', mock(7)));
  await arrived(page, 'e-2');
  assert.equal(await text(page, 'headline'), '7');
  assert.deepEqual(await page.locator('.figure .label').evaluate(label => [label.textContent, /** @type {HTMLElement} */ (label).title]), ['value', 'value']);
  assert.match(String(await page.locator('.chart > svg').getAttribute('aria-label')), /^value: lowest 7, highest 42, newest 7/);
  await says(page, '#log .summary', /^value: 42 → 7 · 1 more$/);
  assert.deepEqual(complaints, []);
});

test('a rush of events is drawn less often than it comes, and nothing of it is lost', async () => {
  server.answer = response => server.open(response, event('e-0', mock(0)));
  const { page, calm } = await visit();
  await arrived(page, 'e-0');
  const draws = () => page.evaluate(() => Number(document.documentElement.dataset.draws));
  const before = await draws();
  server.send(events(2000) + 'event: reset\ndata: {"reason":"evicted"}\n\n' + event('e-2001', mock(77)));
  await arrived(page, 'e-2001');
  assert.ok(await draws() - before < 500, `drawn ${await draws() - before} times`);
  assert.equal(await page.getAttribute('html', 'data-events'), '2002');
  assert.equal(await page.getAttribute('html', 'data-resets'), '1');
  await says(page, '#count', /^last 500 of 2,003$/);
  assert.ok(await page.locator('#log .event').count() < 100, 'only what is on show exists');
  calm();
});

test('connecting, live, stale, down and reconnecting differ in word, shape and explanation', async () => {
  let release = () => {};
  server.answer = response => { release = () => server.open(response, `retry: 600000\n\n${event('e-1', mock(42))}`); };
  const { page, calm } = await visit();
  /** @type {(string | null)[][]} */
  const looks = [];
  const look = async () => looks.push([await text(page, 'condition-word'), await text(page, 'condition-text'),
    await page.locator('.condition > .icon use').getAttribute('href')]);
  await says(page, '#condition-text', /Opening/);
  await look();
  while (server.requests.length === 0) await new Promise(resolve => setTimeout(resolve, 10));
  release();
  await arrived(page, 'e-1');
  await look();
  server.send(status('stale', 'timeout'));
  await state(page, 'stale');
  await look();
  server.send(status('down', 'http_503'));
  await state(page, 'down');
  await look();
  assert.equal(await text(page, 'headline'), '42', 'the last good value stays');
  server.send(status('live', null));
  await state(page, 'live');
  server.cut();
  await state(page, 'reconnecting');
  await look();
  assert.equal(await text(page, 'headline'), '42', 'the last good value stays');
  assert.deepEqual(looks.map(([word]) => word), ['Connecting', 'Live', 'Stale', 'Down', 'Reconnecting']);
  for (const i of [1, 2]) assert.equal(new Set(looks.map(all => all[i])).size, looks.length);
  assert.match(String(looks[2][1]), /does not answer in time \(timeout\)/);
  assert.match(String(looks[3][1]), /answered 503 Service Unavailable \(http_503\)/);
  for (const [, , icon] of looks) assert.equal(await page.locator(`symbol${icon}`).count(), 1);
  calm();
});

test('a server that is full says so', async () => {
  server.answer = response => {
    server.open(response, `retry: 600000\nevent: hb\ndata: {"retry":600000}\n\n${status('down', 'overloaded')}`);
    response.end();
  };
  const { page, calm } = await visit();
  await says(page, '#condition-text', /^The server is full\./);
  await state(page, 'reconnecting');
  await says(page, '#countdown', /^Next try in \d+ (?:s|min)$/);
  calm();
});

test('a restart of the server: countdown, reset, fresh data', async () => {
  server.answer = response => server.open(response, `retry: 4000\nevent: hb\ndata: {"retry":4000}\n\n${event('old-9', mock(1))}`);
  const { page, calm } = await visit();
  await arrived(page, 'old-9');
  await server.stop();
  await state(page, 'reconnecting');
  await says(page, '#countdown', /^Next try in [1-4] s$/);
  assert.ok(await page.locator('#retry').isVisible());
  server.answer = response => server.open(response, `event: reset\ndata: {"reason":"epoch"}\n\n${event('new-1', mock(2))}`);
  await server.start();
  await arrived(page, 'new-1');
  assert.equal(await page.getAttribute('html', 'data-resets'), '1');
  assert.equal(await page.getAttribute('html', 'data-state'), 'live');
  assert.equal(server.requests.at(-1)?.lastEventId ?? new URL(server.origin + server.requests.at(-1)?.url)
    .searchParams.get('last_event_id'), 'old-9');
  assert.equal(await page.locator('#retry').isVisible(), false);
  await says(page, '#log', /reset: .*missed \(epoch\)/);
  calm();
});

/** Failures between the page and its stream. @type {[string, Answer][]} */
const BREAKS = [
  ['404', response => response.writeHead(404).end()],
  ['502', response => response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad gateway</h1>')],
  ['503', response => response.writeHead(503, { 'Retry-After': '120' }).end()],
  ['204', response => response.writeHead(204).end()],
  ['a wrong MIME type', response => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Hello</h1>')],
  ['a cut before the headers', response => response.destroy()],
  ['a cut in the middle of an event', response => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('retry: 50\n\nid: e-7\ndata: {"val', () => response.destroy());
  }],
];

test('comes back after anything, on joining and in the middle', async () => {
  /** @type {(what: string, break_: Answer) => Promise<void>} */
  const comesBack = async (what, break_) => {
    const server = await new TestServer().start();
    let id = '';
    server.answer = (response, request, n) =>
      (id ? server.open(response, `retry: 50\n\n${event(id, mock(n))}`) : break_(response, request, n));
    const { page, calm } = await visit({ server });
    const problems = (/** @type {number} */ n) =>
      page.waitForFunction(n => document.querySelectorAll('#log [data-kind=problem]').length >= n, n);
    await problems(1);
    id = 'e-1';
    await arrived(page, 'e-1');
    await state(page, 'live');
    assert.equal(server.streams.size, 1);
    const { length } = server.requests;
    const said = await page.locator('#log [data-kind=problem]').count();
    id = '';
    server.cut();
    await problems(said + 2);
    id = 'e-2';
    await arrived(page, 'e-2');
    await state(page, 'live');
    for (const { url, lastEventId } of server.requests.slice(length)) {
      assert.equal(lastEventId ?? new URL(url, server.origin).searchParams.get('last_event_id'), 'e-1', `${what}: ${url}`);
    }
    calm();
    await server.stop();
  };
  // In parallel, because each page waits before it reconnects.
  await Promise.all(BREAKS.map(([what, break_]) => comesBack(what, break_).catch(error => {
    throw new Error(`after ${what}`, { cause: error });
  })));
});

test('a server in between is named by what it said', async () => {
  for (const [status, type, want] of /** @type {[number, string, RegExp][]} */ ([
    [502, 'text/html', /answered 502 Bad Gateway\./], [503, 'text/plain', /answered 503 Service Unavailable\./], [200, 'text/html', /answered with an HTML page/],
  ])) {
    const server = await new TestServer().start();
    server.answer = response => response.writeHead(status, { 'Content-Type': type }).end('<h1>Hello</h1>');
    server.about = () => ({ status, type, body: '<h1>Hello</h1>' });
    const { page } = await visit({ server });
    await says(page, '#condition-text', want);
    await server.stop();
  }
});

test('Try now does not wait', async () => {
  server.answer = (response, _, n) => server.open(response, `retry: 600000\n\n${event(`e-${n}`, mock(n))}`);
  const { page, calm } = await visit();
  await arrived(page, 'e-0');
  server.end();
  await state(page, 'reconnecting');
  await page.locator('#retry').click();
  await arrived(page, 'e-1');
  calm();
});

test('the age is by the clock of the server, whatever that of the browser says', async () => {
  const beat = (/** @type {object} */ more) => `event: hb\ndata: ${JSON.stringify({ ...more, now: '2020-01-01T00:02:05.000Z', made: { default: '2020-01-01T00:00:00.000Z' } })}\n\n`;
  server.answer = response => server.open(response, beat({ retry: 3000 }) + event('e-1', mock(1)) + beat({}));
  const { page, calm } = await visit();
  await says(page, '#age', /^2 min (?:[5-9]|\d\d) s ago$/);
  calm();
});

test('another stream is asked for by name', async () => {
  server.answer = response => server.open(response, event('e-1', 1));
  const { page, calm } = await visit({ path: '/?stream=a%26b' });
  await arrived(page, 'e-1');
  assert.equal(server.requests[0].url, '/api/sse?stream=a%26b&heartbeat=event');
  assert.equal(await page.title(), '1 · a&b · Pollux');
  calm();
});

/** Answers with the newest document of each stream, named as on a connection with several. */
function serveAll() {
  server.answer = (response, request) => {
    const url = new URL(request.url ?? '', server.origin);
    const names = (url.searchParams.get('stream') ?? 'default').split(',');
    const snapshot = url.searchParams.get('mode') === 'patch' ? 'snapshot' : '';
    server.open(response, names.map(name => {
      const type = [snapshot, names.length > 1 ? name : ''].filter(Boolean).join(':');
      return `${type ? `event: ${type}\n` : ''}${event(`e-${name}`, { value: name.length, name })}`;
    }).join(''));
  };
}

test('several streams: all of them in the order of people, then one of them, and back', async () => {
  server.names = ['_canary', 'service-10', 'service-2', 'prices'];
  serveAll();
  const { page, calm } = await visit();
  await page.waitForFunction(() => document.querySelectorAll('.stream .value .text').length === 4 && document.querySelector('.stream[data-name=prices] .text')?.textContent === '6');
  assert.deepEqual(await page.locator('.stream .name a').allTextContents(), ['_canary', 'prices', 'service-2', 'service-10']);
  assert.equal(await page.title(), '4 streams · Pollux');
  await page.getByLabel('Filter the streams').fill('serv');
  await page.waitForFunction(() => document.querySelectorAll('.stream').length === 2);
  await page.keyboard.press('Enter');
  await arrived(page, 'e-service-2');
  assert.equal(new URL(page.url()).search, '?stream=service-2');
  assert.equal(await page.locator('#where').textContent(), 'service-2');
  await page.getByRole('link', { name: 'Streams', exact: true }).click();
  await page.locator('.stream').nth(3).waitFor();
  await page.goBack();
  await arrived(page, 'e-service-2');
  calm();
});

test('1,000 streams: few rows exist, and those that come on show are listened to', async () => {
  server.names = Array.from({ length: 1000 }, (_, i) => `stream-${i}`);
  serveAll();
  const { page, calm } = await visit();
  await page.waitForFunction(() => document.documentElement.dataset.streams === '1000' && document.querySelector('.stream[data-name="stream-0"] .text')?.textContent === '8');
  assert.ok(await page.locator('.stream').count() < 100);
  assert.equal(await page.locator('[role=table]').getAttribute('aria-rowcount'), '1001');
  await page.locator('.overview .list').evaluate(list => { list.scrollTop = list.scrollHeight; });
  await page.waitForFunction(() => document.querySelector('.stream[data-name="stream-999"] .text')?.textContent === '10');
  assert.ok(await page.locator('.stream').count() < 100);
  await page.getByLabel('Filter the streams').fill('-77');
  await page.waitForFunction(() => document.querySelectorAll('.stream').length === 11);
  assert.deepEqual((await page.locator('.stream .name a').allTextContents()).sort()[0], 'stream-77');
  calm();
});

test('an unknown stream: said so, with those that there are; and shown when it comes', async () => {
  server.names = ['a', 'b'];
  let known = false;
  server.about = () => (known ? null : { status: 404, type: 'application/problem+json', body: JSON.stringify({ title: 'Not Found', status: 404, detail: 'No.', streams: ['a', 'b'] }) });
  server.answer = response => (known ? server.open(response, event('e-1', 1)) : response.writeHead(404).end());
  const { page, calm } = await visit({ path: '/?stream=%3Cb%3Ex' });
  await page.locator('#door').waitFor();
  assert.deepEqual([await text(page, 'door-title'), await text(page, 'door-open'), await text(page, 'condition-word')],
    ['There is no stream “<b>x” here', 'Streams that there are: a, b', 'No such stream']);
  assert.equal(await page.getByLabel('Token', { exact: true }).isVisible(), false);
  const { length } = server.requests;
  assert.ok(length <= 1, 'it is not asked for again and again');
  known = true;
  await arrived(page, 'e-1');
  assert.equal(await page.locator('#door').isVisible(), false);
  calm();
});

/** A keyed stream, as `/api/streams` has it. @type {(name: string, match: string) => any} */
const keyedStream = (name, match) => ({ name, keys: { match, max: 10_000, count: 2, watched: 1, absent: 0 } });

/** Answers as a server whose only keys are those of prices that match. */
function serveKeys() {
  server.answer = (response, request) => {
    const name = new URL(request.url ?? '', server.origin).searchParams.get('stream') ?? 'default';
    if (!/^(builds|prices\/[A-Z.-]{2,10})$/.test(name)) response.writeHead(404).end();
    else server.open(response, event(`e-${name}`, name));
  };
}

test('a keyed stream: a field for its key, with the pattern as a hint', async () => {
  server.names = [keyedStream('prices', '[A-Z.-]{2,10}'), 'builds'];
  serveKeys();
  const { page, calm } = await visit();
  await page.getByRole('link', { name: 'prices/…' }).click();
  const key = page.getByLabel('Key', { exact: true });
  assert.equal(await key.getAttribute('placeholder'), '[A-Z.-]{2,10}');
  assert.match(String(await text(page, 'condition-text')), /^Type a key of prices to see its documents\. 2 exist now\.$/);
  for (const wrong of ['', 'btc', 'BTC/ETH', 'BTC,ETH']) {
    await key.fill(wrong);
    await key.press('Enter');
    assert.equal(await key.evaluate(field => /** @type {HTMLInputElement} */ (field).validationMessage),
      'Keys of prices match [A-Z.-]{2,10}.', wrong);
  }
  await key.fill(' BTC ');
  await key.press('Enter');
  await arrived(page, 'e-prices/BTC');
  assert.equal(new URL(page.url()).search, '?stream=prices/BTC');
  assert.equal(await key.inputValue(), 'BTC');
  await key.fill('ETH');
  await key.press('Enter');
  await arrived(page, 'e-prices/ETH');
  calm();
});

test('a key in the address that does not match is not asked for', async () => {
  server.names = [keyedStream('prices', '[A-Z]+'), 'builds'];
  serveKeys();
  const { page, calm } = await visit({ path: '/?stream=prices/btc' });
  await says(page, '#condition-text', /^Keys of prices match \[A-Z\]\+\. Type a key/);
  await state(page, 'closed');
  assert.deepEqual(server.requests, []);
  calm();
});

test('skipped documents are told as such', async () => {
  server.answer = response => server.open(response, 'event: reset\ndata: {"reason":"skipped","skipped":298}\n\n' + event('e-1', mock(1)));
  const { page, calm } = await visit();
  await arrived(page, 'e-1');
  await says(page, '#log [data-kind=reset] .summary', /298 older documents were skipped\.$/);
  assert.equal(await page.getAttribute('html', 'data-resets'), '1');
  calm();
});

test('a document that cannot be read is said so, and the last value stays', async () => {
  server.answer = response => server.open(response, `${event('e-1', mock(5))}id: e-2\ndata: {"half":\n\n`);
  const { page, calm } = await visit();
  await says(page, '#condition-text', /cannot be read/);
  assert.equal(await text(page, 'headline'), '5');
  assert.equal(await page.getAttribute('html', 'data-state'), 'live');
  calm();
});

test('a stream that needs a token: said in words, and not asked for again', async () => {
  for (const [refused, word, explanation, title, todo] of /** @type {[number, string, string, string, string][]} */ ([
    [401, 'Token needed', 'This stream needs a token.', 'Token needed · Pollux',
      'Paste a token to sign in. The operator of this server makes them.'],
    [403, 'Not allowed', 'The token does not allow this stream.', 'Not allowed · Pollux',
      'Sign in with another token.'],
  ])) {
    server.names = ['default'];
    const { page, calm } = await visit({ refused, options: { viewport: { width: 360, height: 740 } } });
    await page.locator('#door').waitFor();
    await state(page, 'closed');
    assert.deepEqual([await text(page, 'condition-word'), await text(page, 'condition-text'), await page.title(), await text(page, 'door-todo')],
      [word, explanation, title, todo]);
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'token');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    assert.ok(server.requests.length <= 1, 'not asked for again and again');
    server.requests.length = 0;
    calm();
    await page.context().close();
  }
});

test('a sign-in that ends: said in words, and what was shown stays', async () => {
  server.answer = response => server.open(response, event('e-1', mock(42)));
  const { page, calm } = await visit();
  await arrived(page, 'e-1');
  server.send(status('down', 'expired'));
  await state(page, 'down');
  assert.equal(await text(page, 'condition-text'), 'The sign-in has ended. The last good document stays on show.');
  server.answer = response => response.writeHead(401).end();
  server.about = () => ({ status: 401, body: '{}' });
  server.end();
  await state(page, 'closed');
  await page.locator('#door').waitFor();
  assert.deepEqual([await text(page, 'condition-word'), await text(page, 'door-title'), await text(page, 'headline')],
    ['Token needed', 'The sign-in has ended', '42']);
  assert.equal(await page.title(), 'Token needed · 42 · Pollux');
  calm();
});

test('signing in: each failure is said in words, and the token is kept nowhere', async () => {
  const { page, calm } = await visit({ refused: 401 });
  await page.locator('#door').waitFor();
  const field = page.getByLabel('Token', { exact: true });
  /** @type {(string | undefined)[]} */ const sent = [];
  let answer = { status: 401, type: 'application/problem+json', body: '{"detail":"The token is not valid."}' };
  server.others.set('/api/login', (response, request) => {
    sent.push(request.headers.authorization);
    response.writeHead(answer.status, { 'Content-Type': answer.type }).end(answer.body);
  });
  const tries = async (/** @type {string} */ token, /** @type {RegExp} */ said) => {
    await field.fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await says(page, '#door-said', said);
  };
  await tries('sec ret', /^A token has no spaces/);
  await tries(' secret\n', /^The token is not valid\.$/);
  answer = { status: 502, type: 'text/html', body: '<h1>Bad gateway</h1>' };
  await tries('secret', /^The server answered 502\.$/);
  answer = { status: 204, type: 'text/plain', body: '' };
  await tries('secret', /^The browser did not keep the cookie\./);
  assert.deepEqual(sent, ['Bearer secret', 'Bearer secret', 'Bearer secret']);
  server.others.set('/api/login', response => response.destroy());
  await tries('secret', /^The server could not be reached\.$/);
  const kept = await page.evaluate(() => [location.href, document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage)].join());
  assert.equal(kept, `${server.origin}/,`);
  calm();
});

// Only Chromium can be told what its user minds.
if (!process.env.TEST_BROWSER || process.env.TEST_BROWSER === 'chromium') {
  test('motion only for those who do not mind', async () => {
    server.answer = response => server.open(response, 'retry: 600000\n\n' + greeting(0, event('e-1', mock(1))));
    const running = async (/** @type {'reduce' | 'no-preference'} */ reducedMotion) => {
      const { page } = await visit({ options: { reducedMotion } });
      await arrived(page, 'e-1');
      server.cut();
      await state(page, 'reconnecting');
      return page.evaluate(() => document.getAnimations().filter(animation => 'animationName' in animation).length);
    };
    assert.equal(await running('reduce'), 0);
    assert.ok(await running('no-preference') > 0);
  });
}
