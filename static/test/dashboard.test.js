/** The dashboard in Chromium, with the Content-Security-Policy of Pollux. */

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
 * @param {{path?: string, server?: TestServer, options?: BrowserContextOptions, clock?: boolean, refused?: number}} [how]
 */
async function visit({ path = '/', server: from = server, options, clock = false, refused } = {}) {
  const { page, complaints } = await open(browser, { reducedMotion: 'reduce', ...options });
  if (refused !== undefined) {
    from.answer = response => response.writeHead(refused).end();
    await page.route('**/api/streams?stream=*', route => route.fulfill({ status: refused }));
  }
  if (clock) await page.clock.install();
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
  assert.equal(await text(page, 'path-label'), 'value');
  assert.equal(await page.title(), '42 · Pollux');
  server.send(event('e-2', mock(7)));
  await arrived(page, 'e-2');
  assert.equal(await text(page, 'headline'), '7');
  assert.equal(await page.locator('#sparkline').getAttribute('aria-label'),
    'The last 2 values of value: lowest 7, highest 42, newest 7');
  assert.deepEqual(await page.locator('#log tr').first().locator('td').allTextContents().then(cells => cells.slice(1)),
    ['e-2', '7', JSON.stringify(mock(7))]);
  assert.deepEqual(complaints, []);
});

test('fifty events and a hundred values are kept', async () => {
  server.answer = response => server.open(response, events(120));
  const { page, calm } = await visit();
  await arrived(page, 'e-120');
  assert.equal(await page.locator('#log tr').count(), 50);
  assert.equal(await page.locator('#log tr td.id').last().textContent(), 'e-71');
  assert.equal(await text(page, 'count'), 'last 50 of 120');
  assert.match(/** @type {string} */ (await page.locator('#sparkline').getAttribute('aria-label')), /^The last 100 values/);
  const line = await page.locator('#sparkline .line').getAttribute('d');
  assert.equal(line?.split('L').length, 100);
  calm();
});

test('a rush of events is drawn less often than it comes, and nothing of it is lost', async () => {
  server.answer = response => server.open(response, event('e-0', mock(0)));
  const { page, calm } = await visit();
  await arrived(page, 'e-0');
  await page.evaluate(() => {
    const made = Object.assign(window, { drawn: 0 });
    new MutationObserver(changes => { made.drawn += changes.length; })
      .observe(/** @type {Element} */ (document.getElementById('headline')), { childList: true });
  });
  server.send(events(2000) + 'event: reset\ndata: {"reason":"evicted"}\n\n' + event('e-2001', mock(77)));
  await arrived(page, 'e-2001');
  const drawn = await page.evaluate(() => /** @type {any} */ (window).drawn);
  assert.ok(drawn < 1000, `drawn ${drawn} times`);
  assert.equal(await page.getAttribute('html', 'data-events'), '2002');
  assert.equal(await page.getAttribute('html', 'data-resets'), '1');
  assert.equal(await text(page, 'count'), 'last 50 of 2002');
  assert.deepEqual(await page.locator('#log tr td.id').allTextContents(),
    ['e-2001', '–', ...Array.from({ length: 48 }, (_, n) => `e-${2000 - n}`)]);
  calm();
});

test('connecting, live, stale, down and reconnecting differ in word, shape and explanation', async () => {
  let release = () => {};
  server.answer = response => { release = () => server.open(response, `retry: 600000\n\n${event('e-1', mock(42))}`); };
  const { page, calm } = await visit();
  /** @type {(string | null)[][]} */
  const looks = [];
  const look = async () => looks.push([await text(page, 'condition-word'), await text(page, 'condition-text'),
    await page.locator('#condition-icon').getAttribute('href')]);
  await state(page, 'connecting');
  await look();
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
  assert.match(String(looks[2][1]), /\(timeout\)/);
  assert.match(String(looks[3][1]), /\(http_503\)/);
  for (const [, , icon] of looks) assert.equal(await page.locator(`symbol${icon}`).count(), 1);
  calm();
});

test('a restart of the server: countdown, reset, fresh data', async () => {
  server.answer = response => server.open(response, `retry: 4000\nevent: hb\ndata: {"retry":4000}\n\n${event('old-9', mock(1))}`);
  const { page, calm } = await visit();
  await arrived(page, 'old-9');
  await server.stop();
  await state(page, 'reconnecting');
  await page.waitForFunction(() => /^Next try in [1-4] s$/.test(document.getElementById('countdown')?.textContent ?? ''));
  assert.ok(await page.locator('#retry').isVisible());
  server.answer = response => server.open(response, `event: reset\ndata: {"reason":"epoch"}\n\n${event('new-1', mock(2))}`);
  await server.start();
  await arrived(page, 'new-1');
  assert.equal(await page.getAttribute('html', 'data-resets'), '1');
  assert.equal(await page.getAttribute('html', 'data-state'), 'live');
  assert.equal(server.requests.at(-1)?.lastEventId ?? new URL(server.origin + server.requests.at(-1)?.url)
    .searchParams.get('last_event_id'), 'old-9');
  assert.equal(await page.locator('#retry').isVisible(), false);
  assert.match(String(await page.locator('#log').textContent()), /reset.*missed \(epoch\)/);
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

test('silence is noticed, and the age of the data ticks', async () => {
  server.answer = (response, _, n) => server.open(response, greeting(0, event(`e-${n}`, mock(n))));
  const { page, calm } = await visit({ clock: true });
  await arrived(page, 'e-0');
  await page.clock.runFor(10_000);
  assert.match(String(await text(page, 'age')), /^Updated (9|1[0-4]) s ago$/);
  assert.equal(server.requests.length, 1);
  await page.clock.runFor(30_000);
  assert.equal(server.requests.length, 1);
  await page.clock.runFor(8_000);
  await arrived(page, 'e-1');
  calm();
});

test('back online, a waiting page connects at once', async () => {
  server.answer = (response, _, n) => server.open(response, `retry: 600000\n\n${event(`e-${n}`, mock(n))}`);
  const { page, calm } = await visit();
  await arrived(page, 'e-0');
  await page.context().setOffline(true);
  server.cut();
  await state(page, 'reconnecting');
  await page.context().setOffline(false);
  await arrived(page, 'e-1');
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

test('several streams: the first one without being asked, then a choice', async () => {
  server.names = ['_canary', 'builds', 'prices'];
  server.answer = (response, request) => {
    const name = new URL(request.url ?? '', server.origin).searchParams.get('stream');
    if (name === null) response.writeHead(404).end();
    else server.open(response, event(`e-${name}`, name));
  };
  const { page, calm } = await visit();
  await arrived(page, 'e-builds');
  assert.equal(await page.locator('#stream').inputValue(), 'builds');
  await page.getByLabel('Stream', { exact: true }).selectOption('prices');
  await arrived(page, 'e-prices');
  assert.equal(new URL(page.url()).search, '?stream=prices');
  calm();

  server.names = ['default'];
  server.answer = response => server.open(response, event('e-1', 1));
  const { page: single } = await visit();
  await arrived(single, 'e-1');
  assert.equal(await single.locator('#stream').isVisible(), false);
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
  await arrived(page, 'e-builds');
  assert.deepEqual(await page.locator('#stream option').allTextContents(), ['builds', 'prices/…']);
  const key = page.getByLabel('Key', { exact: true });
  assert.equal(await key.isVisible(), false);
  await page.getByLabel('Stream', { exact: true }).selectOption('prices');
  assert.equal(await key.getAttribute('placeholder'), '[A-Z.-]{2,10}');
  assert.equal(new URL(page.url()).search, '?stream=builds', 'a keyed stream alone is nothing to show');

  for (const wrong of ['', 'btc', 'BTC/ETH', 'BTC,ETH']) {
    await key.fill(wrong);
    await key.press('Enter');
    assert.equal(await key.evaluate(field => /** @type {HTMLInputElement} */ (field).validationMessage),
      'Keys of prices match [A-Z.-]{2,10}.', wrong);
  }
  await key.fill('btc');
  assert.equal(await key.evaluate(field => /** @type {HTMLInputElement} */ (field).validity.valid), true, 'nobody is told off while typing');
  await key.fill(' BTC-X ');
  await key.press('Enter');
  await arrived(page, 'e-prices/BTC-X');
  assert.equal(new URL(page.url()).searchParams.get('stream'), 'prices/BTC-X');
  assert.equal(server.requests.at(-1)?.url, '/api/sse?stream=prices/BTC-X&heartbeat=event');
  assert.equal(await text(page, 'snippet-curl'), `curl -N '${server.origin}/api/sse?stream=prices/BTC-X'`);
  assert.equal(await page.title(), 'prices/BTC-X · prices/BTC-X · Pollux');
  await page.waitForFunction(() => /** @type {any} */ (document.getElementById('key')).value === 'BTC-X');
  assert.equal(await page.locator('#stream').inputValue(), 'prices');
  await page.getByLabel('Stream', { exact: true }).selectOption('builds');
  await arrived(page, 'e-builds');
  calm();
});

test('only keyed streams: the page asks for a key, and for nothing else', async () => {
  server.names = ['_canary', keyedStream('prices', '[A-Z]{2,10}'), keyedStream('odd', '(?i)[[:alpha:]]+')];
  serveKeys();
  const { page, calm } = await visit();
  await state(page, 'closed');
  assert.equal(new URL(page.url()).search, '?stream=prices');
  await page.waitForFunction(() => document.activeElement?.id === 'key');
  assert.deepEqual([await text(page, 'condition-word'), await text(page, 'condition-text')],
    ['Closed', 'Type a key of prices to see its documents.']);
  assert.equal(await page.locator(`symbol${await page.locator('#condition-icon').getAttribute('href')}`).count(), 1);
  assert.deepEqual(await page.evaluate(pale), []);
  await page.keyboard.type('ETH');
  await page.keyboard.press('Enter');
  await arrived(page, 'e-prices/ETH');
  calm();

  const { page: odd, calm: oddCalm } = await visit({ path: '/?stream=odd' });
  await state(odd, 'closed');
  await odd.locator('#key').fill('x');
  await odd.keyboard.press('Enter');
  await odd.waitForURL('**/?stream=odd%2Fx');
  oddCalm();

  server.names = [keyedStream('prices', '[A-Z]{2,10}')];
  const { page: single } = await visit({ path: '/?stream=prices/ETH', options: { viewport: { width: 360, height: 740 } } });
  await arrived(single, 'e-prices/ETH');
  await single.locator('#key').waitFor();
  assert.equal(await single.locator('#stream').isVisible(), false);
  assert.equal(await single.evaluate(() => document.documentElement.scrollWidth), 360);
  assert.deepEqual(await single.evaluate(pale), []);
});

test('a wrong key in the address: the page says what matches, and does not ask for it again', async () => {
  server.names = [keyedStream('prices', '[A-Z]{2,10}')];
  serveKeys();
  const { page } = await visit({ path: '/?stream=prices/btc' });
  await state(page, 'closed');
  assert.equal(await text(page, 'condition-text'), 'Keys of prices match [A-Z]{2,10}. Type a key of prices to see its documents.');
  assert.deepEqual(await page.locator('#key').evaluate(field => [/** @type {HTMLInputElement} */ (field).value, field === document.activeElement]),
    ['btc', true]);
  const { length } = server.requests;
  await page.locator('#key').fill('ETH');
  await page.keyboard.press('Enter');
  await arrived(page, 'e-prices/ETH');
  assert.equal(server.requests.length, length + 1);
});

test('attack: a quote in a key does not end a string of the code to copy', async () => {
  server.names = [keyedStream('prices', '.+')];
  server.answer = response => server.open(response, event('e-1', 1));
  const { page } = await visit({ path: `/?stream=${encodeURIComponent("prices/'$(x)'`\"")}` });
  await page.waitForFunction(() => document.getElementById('snippet-curl')?.textContent);
  const url = `${server.origin}/api/sse?stream=prices/%27%24(x)%27%60%22`;
  assert.equal(await text(page, 'snippet-curl'), `curl -N '${url}'`);
  assert.ok(String(await text(page, 'snippet-html')).includes(`new EventStream('${url}')`));
});

test('attack: markup in the name and the pattern of a keyed stream stays text', async () => {
  const attack = '<img src=x onerror="window.hacked=1">';
  server.names = ['default', keyedStream(attack, attack)];
  server.answer = response => server.open(response, event('e-1', 1));
  const { page, calm } = await visit({ path: `/?stream=${encodeURIComponent(`${attack}/x`)}` });
  await page.locator('#key').waitFor();
  assert.equal(await page.locator('#key').getAttribute('placeholder'), attack);
  assert.equal(await page.evaluate(() => 'hacked' in window), false);
  calm();
});

test('skipped documents are told as such', async () => {
  server.answer = response => server.open(response, 'event: reset\ndata: {"reason":"skipped","skipped":298}\n\n' + event('e-1', mock(1)));
  const { page, calm } = await visit();
  await arrived(page, 'e-1');
  assert.equal(await page.locator('#log [data-kind=reset] code').textContent(), '298 older documents were skipped.');
  assert.equal(await page.getAttribute('html', 'data-resets'), '1');
  calm();
});

test('any other document: a number that moves, a choice of numbers, the whole laid out', async () => {
  const varz = (/** @type {number} */ mem) => ({ server_id: 'X', port: 4222, mem, routes: [{ pending: 3 }], now: 'n' });
  server.answer = response => server.open(response, event('e-1', varz(100)) + event('e-2', varz(250)));
  const { page, calm } = await visit();
  await arrived(page, 'e-2');
  assert.equal(await text(page, 'headline'), '250');
  assert.equal(await page.locator('#path').inputValue(), 'mem');
  await page.locator('#path').selectOption('routes[0].pending');
  assert.equal(await text(page, 'headline'), '3');
  server.send(event('e-3', varz(300)));
  await arrived(page, 'e-3');
  assert.equal(await page.getAttribute('html', 'data-value'), '3');
  assert.equal(await text(page, 'document'), JSON.stringify(varz(300), null, 2));
  for (const [document, headline] of /** @type {[any, string][]} */ ([
    ['text', 'text'], [null, 'null'], [[], '0 items'], [{ a: 'b' }, '1 field'], [12.5, '12.5'],
  ])) {
    server.send(event('e-4', document));
    await page.waitForFunction(headline => document.documentElement.dataset.value === headline, headline);
    assert.equal(await text(page, 'headline'), headline);
  }
  calm();
});

test('a huge document is shown in part', async () => {
  server.answer = response => server.open(response, event('e-1', { value: 1, blob: 'x'.repeat(2_000_000) }));
  const { page, calm } = await visit();
  await arrived(page, 'e-1');
  assert.equal((await text(page, 'document'))?.length, 20_000);
  assert.ok(Number((await page.locator('#log td.text').first().textContent())?.length) <= 200);
  calm();
});

test('attack: markup in data, ids, names of numbers and errors stays text', async () => {
  const attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  server.answer = response => server.open(response,
    event(`e${attack}`, { [attack]: 1, [`b${attack}`]: 2, message: attack }) + status('down', attack) +
    `event: reset\ndata: ${JSON.stringify({ reason: attack })}\n\ndata: ${attack}\n\n`);
  const { page, calm } = await visit();
  await page.waitForFunction(() => document.querySelectorAll('#log tr').length === 4);
  assert.equal(await text(page, 'message'), attack);
  assert.ok((await text(page, 'condition-text'))?.includes(attack));
  assert.equal(await page.locator('body img, main script, footer script').count(), 0);
  assert.equal(await page.evaluate(() => 'hacked' in window), false);
  const title = attack.repeat(2);
  server.send(event('e-2', title));
  await arrived(page, 'e-2');
  assert.ok((await text(page, 'document'))?.includes('onerror'));
  calm();
});

test('a document that cannot be read is said so, and the last value stays', async () => {
  server.answer = response => server.open(response, `${event('e-1', mock(5))}id: e-2\ndata: {"half":\n\n`);
  const { page, calm } = await visit();
  await page.waitForFunction(() => document.querySelectorAll('#log tr').length === 2);
  assert.equal(await text(page, 'headline'), '5');
  assert.match(String(await text(page, 'condition-text')), /cannot be read/);
  assert.equal(await page.getAttribute('html', 'data-state'), 'live');
  calm();
});

test('keyboard: skip link, pause, and nothing that cannot be reached', async () => {
  server.answer = response => server.open(response, event('e-1', mock(1)));
  const { page, calm } = await visit();
  await arrived(page, 'e-1');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the events');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'pause');
  const outline = await page.evaluate(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle);
  assert.equal(outline, 'solid', 'the focus can be seen');
  await page.keyboard.press('Space');
  server.send(event('e-2', mock(2)) + event('e-3', mock(3)));
  await arrived(page, 'e-3');
  assert.equal(await page.locator('#log tr').count(), 1);
  assert.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'true');
  assert.equal(await text(page, 'pause'), 'Resume (2 new)');
  assert.equal(await text(page, 'headline'), '3', 'only the list stands still');
  await page.keyboard.press('Space');
  assert.deepEqual(await page.locator('#log td.id').allTextContents(), ['e-3', 'e-2', 'e-1']);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.className), 'scroll', 'the list scrolls by key');
  calm();
});

test('snippets carry the address, and can be copied', async () => {
  server.answer = response => server.open(response, event('e-1', mock(1)));
  const { page, calm } = await visit();
  assert.equal(await text(page, 'snippet-curl'), `curl -N '${server.origin}/api/sse'`);
  for (const id of ['snippet-html', 'snippet-react']) {
    assert.ok((await text(page, id))?.includes(`${server.origin}/api/sse`), id);
  }
  await page.getByRole('button', { name: 'Copy the HTML' }).click();
  await page.waitForFunction(() => document.getElementById('copied')?.textContent);
  assert.match(String(await text(page, 'copied')), /^(Copied|Selected)/);
  calm();
});

test('a stream that needs a token: said in words, and not asked for again', async () => {
  for (const [refused, word, explanation, title, todo] of /** @type {[number, string, string, string, string][]} */ ([
    [401, 'Token needed', 'This stream needs a token.', 'Token needed · Pollux',
      'Paste a token to sign in. The operator of this server makes them.'],
    [403, 'Not allowed', 'The token does not allow this stream.', 'Not allowed · Pollux',
      'Sign in with another token.'],
  ])) {
    server.names = ['default', { name: '<b>', keys: { match: '.+' } }];
    const { page, calm } = await visit({ refused, options: { viewport: { width: 360, height: 740 } } });
    await page.locator('#door').waitFor();
    await state(page, 'closed');
    await page.waitForFunction(() => document.getElementById('condition-word')?.textContent !== 'Closed');
    assert.deepEqual([await text(page, 'condition-word'), await text(page, 'condition-text'), await page.title(), await text(page, 'door-todo')],
      [word, explanation, title, todo]);
    assert.equal(await text(page, 'door-open'), 'Open to you: default, <b>');
    assert.equal(await page.getByRole('link', { name: '<b>' }).getAttribute('href'), '?stream=%3Cb%3E');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'token');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    assert.deepEqual(await page.evaluate(pale), []);
    const { length } = server.requests;
    await page.locator('#retry').click();
    await page.waitForFunction(() => !document.getElementById('door')?.hidden);
    assert.equal(server.requests.length, length + 1, 'only when somebody wants it');
    calm();
  }
  const { page } = await visit({ refused: 404 });
  await page.waitForFunction(() => document.querySelector('#log [data-kind=problem]'));
  assert.equal(await page.locator('#door').isVisible(), false);
});

test('a sign-in that ends: said in words, and what was shown stays', async () => {
  server.answer = response => server.open(response, event('e-1', mock(42)));
  const { page, calm } = await visit();
  await arrived(page, 'e-1');
  server.answer = response => response.writeHead(401).end();
  await page.route('**/api/streams?stream=*', route => route.fulfill({ status: 401 }));
  server.send(status('down', 'expired'));
  await state(page, 'down');
  assert.equal(await text(page, 'condition-text'), 'The sign-in has ended. The last good value stays on show.');
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
  let answer = { status: 401, contentType: 'application/problem+json', body: '{"detail":"The token is not valid."}' };
  await page.route('**/api/login', route => {
    sent.push(route.request().headers().authorization);
    return route.fulfill(answer);
  });
  const tries = async (/** @type {string} */ token, /** @type {RegExp} */ said) => {
    await field.fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForFunction(said => new RegExp(said).test(document.getElementById('door-said')?.textContent ?? ''), said.source);
  };
  await tries('sec ret', /^A token has no spaces/);
  await tries(' secret\n', /^The token is not valid\.$/);
  answer = { status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' };
  await tries('secret', /^The server answered 502\.$/);
  answer = { status: 204, contentType: '', body: '' };
  await tries('secret', /^The browser did not keep the cookie\./);
  assert.deepEqual(sent, ['Bearer secret', 'Bearer secret', 'Bearer secret']);
  await page.unroute('**/api/login');
  await page.route('**/api/login', route => route.abort());
  await tries('secret', /^The server could not be reached\.$/);
  const kept = await page.evaluate(() => [location.href, document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage)].join());
  assert.equal(kept, `${server.origin}/,`);
  calm();
});

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`360 pixels are wide enough, and all text has contrast: ${colorScheme}`, async () => {
    const long = { value: 123456789012345, message: 'm'.repeat(300), list: Array.from({ length: 60 }, (_, i) => i) };
    server.answer = response => server.open(response, events(60, 'e'.repeat(36)) + event('long-1', long));
    const { page, calm } = await visit({ options: { colorScheme, viewport: { width: 360, height: 740 } } });
    await arrived(page, 'long-1');
    const check = async (/** @type {string} */ what) => {
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, `${what}: scrolls sideways`);
      assert.deepEqual(await page.evaluate(pale), [], what);
    };
    await check('live');
    for (const what of ['stale', 'down']) {
      server.send(status(what, 'timeout'));
      await state(page, what);
      await check(what);
    }
    server.answer = () => {};
    server.cut();
    await state(page, 'reconnecting');
    await check('reconnecting');
    await page.reload();
    await state(page, 'connecting');
    await check('connecting');
    await page.setViewportSize({ width: 1200, height: 900 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 1200);
    calm();
  });
}

/** Runs in the page: the texts whose contrast is below WCAG AA, 4.5:1, or 3:1 for large ones. */
function pale() {
  /** @type {(color: string) => number[]} */
  const rgba = color => {
    const [r, g, b, a = 1] = (color.match(/-?[\d.]+(e-?\d+)?/g) ?? []).map(Number);
    return color.startsWith('color(srgb') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  /** @type {(element: Element | null) => number[]} */
  const behind = element => {
    if (!element) return [255, 255, 255];
    const [r, g, b, a] = rgba(getComputedStyle(element).backgroundColor);
    if (a === 1) return [r, g, b];
    const under = behind(element.parentElement);
    return [r, g, b].map((channel, i) => channel * a + under[i] * (1 - a));
  };
  /** @type {(rgb: number[]) => number} */
  const luminance = rgb => {
    const [r, g, b] = rgb.map(channel => channel / 255).map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pale = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!element?.checkVisibility() || !node.textContent?.trim() || element.closest('noscript')) continue;
    const style = getComputedStyle(element);
    const front = rgba(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [luminance(front.slice(0, 3)), luminance(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) {
      pale.push(`${node.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)} (${style.color})`);
    }
  }
  return pale;
}

test('motion only for those who do not mind', async () => {
  server.answer = response => server.open(response, 'retry: 600000\n\n' + event('e-1', mock(1)));
  const running = async (/** @type {'reduce' | 'no-preference'} */ reducedMotion) => {
    const { page } = await visit({ options: { reducedMotion } });
    await arrived(page, 'e-1');
    server.cut();
    await state(page, 'reconnecting');
    return page.evaluate(() => document.getAnimations().length);
  };
  assert.equal(await running('reduce'), 0);
  assert.ok(await running('no-preference') > 0);
});
