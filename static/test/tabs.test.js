/** Tabs that share one connection, in Chromium: in a worker, in one of the tabs, or not at all. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch } from './browser.js';
import { TestServer, event, heartbeat } from './server.js';

/** @import { Browser, BrowserContext, Page } from 'playwright-core' */
/** @import { Place } from '../client/tabs.js' */

/** @type {Browser} */ let browser;
/** @type {BrowserContext} */ let context;
/** @type {TestServer} */ let server;
let published = 0;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => {
  context = await browser.newContext();
  server = await new TestServer().start();
  server.policy = '';
  server.extra.set('/tab.html', { type: 'text/html', body: '<!doctype html><title>Tab</title>' });
  published = 0;
  server.answer = (response, request) => {
    const id = new URL(request.url ?? '', server.origin).searchParams.get('last_event_id') ?? request.headers['last-event-id'];
    const from = id ? Number(String(id).slice(2)) : Math.max(published - 1, 0);
    const missed = Array.from({ length: published - from }, (_, n) => event(`e-${from + n + 1}`, from + n + 1));
    server.open(response, `event: hb\ndata: {"retry":100}\n\n${missed.join('')}`);
  };
});
afterEach(async () => {
  await context.close();
  await server.stop();
});

function publish() {
  published++;
  server.send(event(`e-${published}`, published));
}

/**
 * Opens a tab, whose documents are in `window.got`.
 * @param {Place[]} [places]
 * @param {object} [options]
 */
async function openTab(places, options = {}) {
  const page = await context.newPage();
  await page.goto(`${server.origin}/tab.html`);
  await page.evaluate(async ([places, options]) => {
    const module = '/client/tabs.js';
    /** @type {typeof import('../client/tabs.js')} */
    const { TabStream } = await import(module);
    const { pass, ...others } = /** @type {any} */ (options);
    const stream = new TabStream('/api/sse', { ...(places && { places }), ...others, ...(pass && { token: () => pass }) });
    /** @type {any[]} */ const got = [];
    stream.addEventListener('value', ({ detail }) => got.push(detail.value));
    Object.assign(window, { stream, got });
  }, /** @type {const} */ ([places, options]));
  return page;
}

/** Waits until a tab has the documents. @type {(page: Page, documents: number[]) => Promise<void>} */
async function has(page, documents) {
  await page.waitForFunction(last => /** @type {any} */ (window).got.at(-1) === last, documents[documents.length - 1]);
  assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).got), documents);
}

/** Waits for a number of open streams. @param {number} n */
async function streams(n) {
  for (let tries = 0; server.streams.size !== n; tries++) {
    assert.ok(tries < 500, `${server.streams.size} streams, want ${n}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

for (const place of /** @type {Place[]} */ (['worker', 'lock'])) {
  test(`30 tabs over HTTP/1.1 have one stream, all live, and lose nothing when the first ones close: ${place}`, async () => {
    publish();
    /** @type {Page[]} */ const pages = [];
    for (let n = 0; n < 30; n++) {
      pages.push(await openTab([place]));
      server.send(heartbeat({ age: 0 })); // a stream that is silent for too long is opened again
    }
    for (const page of pages) await has(page, [1]);
    assert.deepEqual([server.requests.length, server.streams.size], [1, 1]);
    for (const page of pages) await page.waitForFunction(() => /** @type {any} */ (window).stream.state === 'live');
    publish();
    for (const page of pages) await has(page, [1, 2]);
    for (let n = 0; n < 3; n++) {
      const closing = pages.shift()?.close();
      publish();
      await closing;
      publish();
    }
    for (const page of pages) await has(page, [1, 2, 3, 4, 5, 6, 7, 8]);
    await streams(1);
    assert.equal(server.requests.length <= 4, true, `${server.requests.length} requests`);
    for (const page of pages) await page.close();
    await streams(0);
  });
}

test('a tab that comes late has the newest document and the facts; one that is closed hears nothing', async () => {
  publish();
  const first = await openTab(['worker']);
  await has(first, [1]);
  publish();
  const late = await openTab(['worker']);
  await has(late, [2]);
  const facts = await late.evaluate(() => {
    const { state, lastEventId, position, raw, error, streams } = /** @type {any} */ (window).stream;
    return { state, lastEventId, position, raw, error, streams };
  });
  assert.deepEqual(facts, { state: 'live', lastEventId: 'e-2', position: 'e-2', raw: '2', error: null, streams: ['default'] });
  await late.evaluate(() => /** @type {any} */ (window).stream.close());
  publish();
  await has(first, [1, 2, 3]);
  assert.deepEqual(await late.evaluate(() => [/** @type {any} */ (window).got, /** @type {any} */ (window).stream.state]), [[2], 'closed']);
  await first.evaluate(() => /** @type {any} */ (window).stream.close());
  await streams(0);
});

test('a policy that forbids the worker leaves the lock, and no place at all leaves each tab its own', async () => {
  server.policy = "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'";
  publish();
  const tabs = [await openTab(), await openTab()];
  for (const page of tabs) await has(page, [1]);
  assert.equal(server.requests.length, 1);
  const alone = [await openTab(['alone']), await openTab(['alone'])];
  for (const page of alone) await has(page, [1]);
  assert.equal(server.requests.length, 3);
});

for (const [what, fails] of /** @type {[string, () => unknown][]} */ ([
  ['is not there', () => server.others.set('/client/tabworker.js', response => response.writeHead(404).end())],
  ['is forbidden', () => { server.policy = "worker-src 'none'"; }],
])) {
  test(`a worker whose script ${what} leaves the lock`, async () => {
    fails();
    publish();
    const tabs = [await openTab(), await openTab()];
    for (const page of tabs) await has(page, [1]);
    assert.equal(server.requests.length, 1);
    publish();
    for (const page of tabs) await has(page, [1, 2]);
  });
}

test('one of the tabs gives the token, and other options are another connection', async () => {
  publish();
  for (const place of /** @type {Place[]} */ (['worker', 'lock'])) {
    const before = server.requests.length;
    const tabs = [await openTab([place], { pass: 'secret' }), await openTab([place], { pass: 'secret' }), await openTab([place], { token: 'fixed' })];
    for (const page of tabs) await has(page, [1]);
    assert.deepEqual(server.requests.slice(before).map(({ authorization }) => authorization).sort(), ['Bearer fixed', 'Bearer secret']);
    for (const page of tabs) await page.close();
    await streams(0);
  }
});
