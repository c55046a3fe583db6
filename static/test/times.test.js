/** Positions and ages in Chromium, with its EventSource and its clocks. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, open } from './browser.js';
import { TestServer, event, greeting, heartbeat, mock } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => {
  server = await new TestServer().start();
  server.extra.set('/blank.html', { type: 'text/html', body: '<!doctype html><title>blank</title>' });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

/** Opens a stream in a new page, as `window.stream`. */
async function listen() {
  const { page } = await open(browser);
  await page.goto(`${server.origin}/blank.html`);
  await page.evaluate(async () => {
    const [module, ondemand, ages] = ['/client/pollux.js', '/client/ondemand.js', '/client/ages.js'];
    (await import(ondemand)).modules.ages = await import(ages);
    /** @type {any} */ (window).stream = new (await import(module)).EventStream('/api/sse');
  });
  return page;
}

/** Waits for a position of the stream in the page. @type {(page: Page, position: string) => Promise<unknown>} */
const stands = (page, position) =>
  page.waitForFunction(position => /** @type {any} */ (window).stream.position === position, position);

/** Waits for a request, and returns its position. @param {number} n from 0 */
async function resumed(n) {
  for (let tries = 0; server.requests.length <= n; tries++) {
    assert.ok(tries < 1000, `${server.requests.length} requests came, want ${n + 1}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  const { url, lastEventId } = server.requests[n];
  return { header: lastEventId, query: new URL(url, server.origin).searchParams.get('last_event_id') };
}

/** Waits for a text. @type {(page: Page, id: string, pattern: RegExp) => Promise<unknown>} */
const says = (page, id, pattern) => page.waitForFunction(({ id, pattern }) =>
  new RegExp(pattern).test(document.getElementById(id)?.textContent ?? ''), { id, pattern: pattern.source });

test('a block with nothing but an id is a position: to the browser at once, to the module with the next event', async () => {
  server.answer = response => server.open(response, `retry: 50\n\n${heartbeat({ retry: 50 })}id: e-0\n\n`);
  const page = await listen();
  await page.waitForFunction(() => /** @type {any} */ (window).stream.serverNow !== null);
  server.end();
  assert.deepEqual(await resumed(1), { header: 'e-0', query: null }, 'the browser resumes by itself');
  await page.waitForFunction(() => /** @type {any} */ (window).stream.state === 'live');
  server.send(heartbeat());
  await stands(page, 'e-0');
  await page.evaluate(() => /** @type {any} */ (window).stream.reconnect());
  assert.deepEqual(await resumed(2), { header: undefined, query: 'e-0' }, 'and the module by the query');
});

test('a heartbeat with an id tells both at once, and a reset takes it from neither', async () => {
  server.answer = response => server.open(response, heartbeat({ retry: 3000 }) + heartbeat({ id: 'old-7' }));
  const page = await listen();
  await stands(page, 'old-7');
  server.answer = (response, _, n) => server.open(response, n === 1
    ? `${heartbeat({ retry: 3000 })}event: reset\ndata: {"reason":"epoch"}\n\n`
    : `${heartbeat({ retry: 3000 })}event: reset\ndata: {"reason":"epoch"}\n\n${heartbeat({ id: 'new-0' })}`);
  await page.evaluate(() => new Promise(resolve => {
    const { stream } = /** @type {any} */ (window);
    stream.addEventListener('reset', resolve, { once: true });
    stream.reconnect();
  }));
  await stands(page, 'old-7');
  await page.evaluate(() => /** @type {any} */ (window).stream.reconnect());
  assert.deepEqual(await resumed(2), { header: undefined, query: 'old-7' }, 'where nothing else was told');
  await stands(page, 'new-0');
});

/**
 * Shifts the clock of a page's worker, which has the connection.
 * @param {Page} page
 * @param {string} by an expression for the worker, in milliseconds
 */
function shift(page, by) {
  return page.route('**/dashboard/worker.js', async route => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `{ const { now } = Date; Date.now = () => now() + (${by}); }\n${await response.text()}` });
  });
}

for (const days of [-1, 0, 1]) {
  test(`the page tells ages by the server's time: its own clock is off by ${days} days`, async () => {
    server.answer = response => server.open(response, greeting(3_600_000, event('e-1', mock(1))));
    const { page, complaints } = await open(browser);
    await shift(page, `${days * 86_400_000}`);
    await page.goto(server.origin);
    await says(page, 'age', /^1 h \d+ min ago$/);
    const made = Date.parse(String(await page.locator('#log time').first().getAttribute('datetime')));
    assert.ok(Math.abs(made - (Date.now() - 3_600_000)) < 60_000, new Date(made).toISOString());
    server.send(event('e-2', mock(2)));
    await says(page, 'age', /^(just now|\d+ s ago)$/);
    assert.deepEqual(complaints, []);
  });
}

test('nothing says that a document of half a minute is new', async () => {
  server.answer = response => server.open(response, greeting(30_000, event('e-1', mock(1))));
  const { page } = await open(browser);
  await page.goto(server.origin);
  await says(page, 'age', /^([345]\d s|\d+ min \d+ s) ago$/);
  assert.doesNotMatch(String(await page.locator('main').textContent()), /just now|moment/);
});

test('a page whose clock is set does not know an age until it is told', async () => {
  server.answer = (response, _, n) => server.open(response, greeting(n ? 3_600_000 : 8000, event('e-1', mock(1))));
  const { page } = await open(browser);
  await shift(page, 'globalThis.off ?? 0');
  const set = (/** @type {number} */ ms) => page.workers()[0].evaluate(ms => { /** @type {any} */ (globalThis).off = ms; }, ms);
  await page.goto(server.origin);
  await says(page, 'age', /^\d+ s ago$/);
  await set(-86_400_000);
  await says(page, 'age', /^age not known yet$/);
  server.send(heartbeat({ age: 60_000 }));
  await says(page, 'age', /^\d+ min \d+ s ago$/);
  assert.equal(server.requests.length, 1);
  // This looks like a sleep, after which the stream reconnects: for a moment the age is not known.
  await Promise.all([says(page, 'age', /^age not known yet$/), set(86_400_000)]);
  await says(page, 'age', /^1 h \d+ min ago$/);
  assert.equal(server.requests.length, 2);
});
