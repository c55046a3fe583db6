/**
 * What people see when something fails between the real program and `<SseExample>`, in Chromium and in Firefox: the page says
 * why in the words of the server, comes back by itself, and shows every document once and in order.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Between } from './between.js';
import { launch, open } from './browser.js';
import { GUARDED, Program, signed } from './program.js';
import { startReactServer } from './react-server.js';

/** @import { AddressInfo } from 'node:net' */
/** @import { Browser, Page } from 'playwright-core' */
/** @import { TestServer } from './server.js' */

const OFFLINE = 30_000; // milliseconds
const PATIENCE = { timeout: 180_000 };

/** @type {Browser} */ let browser;
/** @type {Program} */ let program;
/** @type {TestServer} */ let server;
/** @type {Between} */ let between;
/** Of each page. @type {string[][]} */ let complaints;

before(async () => {
  program = await Program.build();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await program.remove();
});
beforeEach(async () => {
  server = await startReactServer();
  between = new Between(() => program.origin);
  server.answer = between.answer;
  complaints = [];
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
  await program.stop();
  // Browsers complain about connections that fail. Nothing else may go wrong.
  assert.deepEqual(complaints.flat().filter(text => /^(exception|policy):/.test(text)), []);
});

/**
 * Starts the program with streams that everybody may read.
 * @param {string[]} streams
 * @param {string[]} [more]
 */
async function run(streams, more = []) {
  await program.configure(streams, more);
  await program.start();
}

/**
 * Opens a page that shows a stream.
 * @param {string} [url]
 * @param {string} [token]
 */
async function show(url = '/api/sse', token) {
  const opened = await open(browser);
  complaints.push(opened.complaints);
  const query = new URLSearchParams({ url, ...(token && { token }) });
  await opened.page.goto(`${server.origin}/react.html?${query}#stream`);
  return opened.page;
}

/** Waits for what a page says about its stream. @type {(page: Page, text: string) => Promise<unknown>} */
const says = (page, text) => page.waitForFunction(text =>
  document.querySelector('.sse-example [role=status]')?.textContent === text, text, PATIENCE);

/** The alert of a page. @param {Page} page */
const alert = page => page.locator('.sse-example').getByRole('alert').textContent();

/** Waits until a page shows a document, and returns all that it shows, oldest first. @type {(page: Page, last: any) => Promise<any[]>} */
async function shows(page, last) {
  await page.waitForFunction(last => document.querySelector('.sse-example li')?.textContent === last, JSON.stringify(last), PATIENCE);
  return (await page.locator('.sse-example li').allTextContents()).reverse().map(text => JSON.parse(text));
}

/** How many clients each stream has. @returns {Promise<Record<string, number>>} */
async function clients() {
  const { streams } = await (await fetch(`${program.origin}/api/streams`)).json();
  return Object.fromEntries(streams.map((/** @type {{name: string, clients: number}} */ { name, clients }) => [name, clients]));
}

/** Waits for the numbers of clients. @param {Record<string, number>} want */
async function clientsAre(want) {
  for (let tries = 0; JSON.stringify(await clients()) !== JSON.stringify(want); tries++) {
    assert.ok(tries < 1000, `${JSON.stringify(await clients())}, want ${JSON.stringify(want)}`);
    await setTimeout(50);
  }
}

test('the server is killed and comes back', async () => {
  await run(['{name: default, push: true}']);
  const page = await show();
  await says(page, 'Live');
  await program.publish('default', 1);
  await shows(page, 1);
  await program.stop();
  await says(page, 'Reconnecting: The connection was lost');
  assert.match(String(await alert(page)), /^The (connection was lost|server could not be reached)\.$/);
  assert.deepEqual(await shows(page, 1), [1], 'what was there is kept');
  await program.start();
  await says(page, 'Live');
  await program.publish('default', 2);
  assert.deepEqual(await shows(page, 2), [1, 2]);
});

test('30 s without a network, which nobody tells the page, and which the browser tells it', async () => {
  await run(['{name: default, push: true}']);
  const page = await show();
  const told = 'setOffline' in browser.contexts()[0] ? await show() : null; // Firefox cannot be told
  await program.publish('default', 1);
  for (const one of [page, told]) if (one) await shows(one, 1);
  await told?.context().setOffline(true);
  between.die();
  for (const n of [2, 3, 4]) {
    await program.publish('default', n);
    await setTimeout(OFFLINE / 3);
  }
  between.fault = 'pass'; // for new connections; those that were open stay as dead as they are
  await told?.context().setOffline(false);
  await program.publish('default', 5);
  for (const one of [told, page]) if (one) assert.deepEqual(await shows(one, 5), [1, 2, 3, 4, 5]);
  await says(page, 'Live');
});

for (const status of [502, 503]) {
  test(`a proxy in between answers ${status}`, async () => {
    await run(['{name: default, push: true, access: public}'], GUARDED);
    await program.publish('default', 1);
    const native = await show();
    const fetched = await show('/api/sse', signed(['default']));
    for (const page of [native, fetched]) await shows(page, 1);
    between.fault = status;
    between.cut();
    await native.waitForFunction(() => document.querySelector('[role=alert]')?.textContent === 'The server did not answer with an event stream.',
      undefined, PATIENCE);
    await fetched.waitForFunction(text => document.querySelector('[role=alert]')?.textContent === text, `The server answered ${status}.`, PATIENCE);
    for (const n of [2, 3]) await program.publish('default', n);
    between.fault = 'pass';
    for (const page of [native, fetched]) {
      assert.deepEqual(await shows(page, 3), [1, 2, 3]);
      await says(page, 'Live');
      assert.equal(await page.locator('[role=alert]').count(), 0);
    }
  });
}

test('the source answers 503, answers HTML, does not answer, and is well again', async context => {
  let ill = false;
  const source = createServer((request, response) => {
    if (!ill) response.end('{"n":1}');
    else if (request.url === '/failing') response.writeHead(503).end();
    else if (request.url === '/html') response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Login</h1>');
    else response.destroy();
  }).listen(0, '127.0.0.1');
  await once(source, 'listening');
  context.after(() => {
    source.closeAllConnections();
    source.close();
  });
  const origin = `http://127.0.0.1:${/** @type {AddressInfo} */ (source.address()).port}`;
  await run(['failing', 'html', 'none'].map(name => `{name: ${name}, url: "${origin}/${name}", every: 2s}`));
  const pages = await Promise.all(['failing', 'html', 'none'].map(name => show(`/api/sse?stream=${name}`)));
  for (const page of pages) await shows(page, { n: 1 });
  ill = true;
  const reasons = ['The source answered 503', 'The source answered, but not with JSON; it may be an HTML page',
    'The source cut the connection'];
  // All at the same time: a page says that it is stale for three intervals.
  await Promise.all(reasons.map((reason, n) => says(pages[n], `Stale: ${reason}`)));
  await Promise.all(reasons.map((reason, n) => says(pages[n], `Down: ${reason}`)));
  for (const page of pages) assert.deepEqual(await shows(page, { n: 1 }), [{ n: 1 }], 'what was there is kept');
  ill = false;
  for (const page of pages) await says(page, 'Live');
});

test('the server has no room for another client', async () => {
  await run(['{name: default, push: true}'], ['max_clients: 1']);
  const first = await show();
  await says(first, 'Live');
  const second = await show();
  await says(second, 'Reconnecting: The server is full. It lets this page in as soon as there is room');
  assert.equal(await alert(second), 'The server is full. It lets this page in as soon as there is room.');
  await first.context().close();
  await clientsAre({ default: 0 });
  await second.evaluate(() => dispatchEvent(new Event('online'))); // the server wants it to wait for 30 s and more
  await says(second, 'Live');
  await program.publish('default', 1);
  assert.deepEqual(await shows(second, 1), [1]);
});

test('there is no such stream, until there is', async () => {
  await run(['{name: default, push: true}']);
  const alone = await show('/api/sse?stream=news');
  const beside = await show('/api/sse?stream=default,news');
  await alone.waitForSelector('[role=alert]', PATIENCE);
  assert.equal(await alert(alone), 'The server did not answer with an event stream.');
  await says(beside, 'Down: The server has no such stream');
  await program.publish('default', 1);
  assert.deepEqual(await shows(beside, 1), [1]);
  await program.configure(['{name: default, push: true}', '{name: news, push: true}']);
  assert.deepEqual((await program.reload()).added, ['news']);
  await program.publish('news', 2);
  assert.deepEqual(await shows(alone, 2), [2]);
});

test('a token that expires, and is the only one', async () => {
  await run(['{name: default, push: true}'], GUARDED);
  await program.publish('default', 1);
  const page = await show('/api/sse', signed(['default'], 20)); // long enough for a page to open on a busy machine
  await shows(page, 1);
  await says(page, 'Reconnecting: The server wants a token');
  assert.equal(await alert(page), 'The token is not valid, or not valid any more.');
  assert.deepEqual(await shows(page, 1), [1]);
});

for (const compression of ['on', 'off']) {
  test(`three streams, whole and as patches, on a line that is cut again and again: compression ${compression}`, async () => {
    await run(['a', 'b', 'c'].map(name => `{name: ${name}, push: true, access: public}`), [`compression: "${compression}"`, ...GUARDED]);
    const token = signed(['a', 'b', 'c']);
    const pages = [];
    for (const mode of ['', '&mode=patch', '&mode=merge']) for (const pass of [undefined, token]) pages.push(await show(`/api/sse?stream=a,b,c${mode}`, pass));
    for (const page of pages) await says(page, 'Live');
    await clientsAre({ a: 6, b: 6, c: 6 });
    const filler = 'x'.repeat(2000); // for which a patch is shorter than the document
    const want = [];
    for (let n = 0; n < 9; n++) {
      if (n % 3 === 2) between.cut();
      want.push({ filler, n });
      await program.publish('abc'[n % 3], want[n]);
      if (n % 3 === 1) for (const page of pages) await shows(page, want[n]);
    }
    for (const page of pages) assert.deepEqual(await shows(page, want[8]), want);
    await clientsAre({ a: 6, b: 6, c: 6 });
  });
}

test('30 tabs have one stream, as the server counts, and all live when it comes back', async () => {
  await run(['{name: default, push: true}']);
  const context = await browser.newContext();
  /** @type {Page[]} */ const tabs = [];
  for (let n = 0; n < 30; n++) {
    const page = await context.newPage();
    tabs.push(page);
    await page.goto(`${server.origin}/favicon.svg`);
    await page.evaluate(async () => {
      const module = '/client/tabs.js';
      /** @type {typeof import('../client/tabs.js')} */
      const { TabStream } = await import(module);
      const stream = new TabStream('/api/sse');
      /** @type {any[]} */ const got = [];
      stream.addEventListener('value', ({ detail }) => got.push(detail.value));
      Object.assign(window, { stream, got });
    });
  }
  const have = async (/** @type {number[]} */ want) => {
    for (const page of tabs) {
      await page.waitForFunction(want => JSON.stringify(/** @type {any} */ (window).got) === want, JSON.stringify(want), PATIENCE);
    }
  };
  await clientsAre({ default: 1 });
  await program.publish('default', 1);
  await have([1]);
  await program.stop();
  await program.start();
  await clientsAre({ default: 1 });
  await program.publish('default', 2);
  await have([1, 2]);
  await tabs.shift()?.close();
  await program.publish('default', 3);
  await have([1, 2, 3]);
  await clientsAre({ default: 1 });
});

// Only Chromium can be told to freeze a page.
if (!process.env.TEST_BROWSER || process.env.TEST_BROWSER === 'chromium') {
  test('the laptop sleeps: a frozen page, whose connection is lost meanwhile', async () => {
    await run(['{name: default, push: true}']);
    const page = await show();
    await program.publish('default', 1);
    await shows(page, 1);
    const session = await page.context().newCDPSession(page);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    between.die();
    for (const n of [2, 3]) await program.publish('default', n);
    await setTimeout(10_000);
    between.cut();
    between.fault = 'pass';
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    assert.deepEqual(await shows(page, 3), [1, 2, 3]);
    await says(page, 'Live');
  });
}
