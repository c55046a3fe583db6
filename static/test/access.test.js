/** The real program with pages in Chromium: streams that are read with a token. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { startProxy } from './cuttable.js';
import { GUARDED, Program, signed } from './program.js';
import { TestServer } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { EventStream } from '../client/pollux.js' */
/** @import { Options } from '../client/types.js' */

/** @type {Browser} */ let browser;
/** @type {Program} */ let program;

before(async () => {
  program = await Program.build();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await program.remove();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await program.stop();
});

const STREAMS = ['{name: orders, push: true, history: 10000}', '{name: secret, push: true}', '{name: news, push: true, access: public}'];

/** What a page of these tests has in its window. @typedef {{stream: EventStream, diary: any[], give: () => Promise<string>}} Made */

/**
 * Opens a page of the program whose function `give` returns what this process returns.
 * @param {() => string} give
 * @param {string} [origin] where the program is reached
 */
async function visit(give, origin = program.origin) {
  const { page } = await open(browser);
  await page.exposeFunction('give', give);
  await page.goto(`${origin}/favicon.svg`);
  return page;
}

/**
 * Opens a stream with the module of the page's server, and records its events.
 * @param {Page} page
 * @param {string} url
 * @param {'token' | 'ticket' | 'nothing'} how
 */
function listen(page, url, how) {
  return page.evaluate(async ({ url, how }) => {
    const module = '/client/pollux.js';
    /** @type {typeof import('../client/pollux.js')} */
    const { EventStream } = await import(module);
    const { give } = /** @type {Made} */ (/** @type {any} */ (window));
    const ticket = async () => {
      const response = await fetch('/api/ticket', { method: 'POST', headers: { Authorization: `Bearer ${await give()}` } });
      return (await response.json()).ticket;
    };
    const stream = new EventStream(url, how === 'token' ? { token: give } : how === 'ticket' ? { ticket } : {});
    /** @type {any[]} */ const diary = [];
    stream.addEventListener('value', ({ detail }) => diary.push(detail.value));
    stream.addEventListener('reset', ({ detail }) => diary.push(`reset ${detail.reason}`));
    Object.assign(window, { stream, diary });
  }, { url, how });
}

/** Waits until a page has recorded n events, and returns all of them. @type {(page: Page, n: number) => Promise<any[]>} */
async function said(page, n) {
  await page.waitForFunction(n => /** @type {any} */ (window).diary.length >= n, n, { timeout: 120_000 });
  return page.evaluate(() => /** @type {any} */ (window).diary);
}

/** Waits for a problem of the stream, and returns it. @type {(page: Page, kind: string) => Promise<any>} */
async function failed(page, kind) {
  await page.waitForFunction(kind => /** @type {any} */ (window).stream.error?.kind === kind, kind, { timeout: 120_000 });
  return page.evaluate(() => /** @type {any} */ (window).stream.error);
}

for (const how of /** @type {const} */ (['token', 'ticket'])) {
  test(`a new ${how} for each try: the connection is cut, the server is killed and comes back`, async context => {
    await program.configure(STREAMS, GUARDED);
    await program.start();
    const proxy = await startProxy(program.origin);
    context.after(() => proxy.stop());
    let given = 0;
    const page = await visit(() => {
      given++;
      return signed(['orders']);
    }, proxy.origin);
    /** @type {{url: string, token: string | undefined}[]} */ const asked = [];
    page.on('request', request => {
      const { pathname, search } = new URL(request.url());
      if (pathname === '/api/sse' && request.method() === 'GET') asked.push({ url: search, token: request.headers().authorization });
    });
    await program.publish('orders', 1);
    await listen(page, '/api/sse?stream=orders', how);
    assert.deepEqual(await said(page, 1), [1]);
    proxy.cut();
    for (const n of [2, 3]) await program.publish('orders', n);
    assert.deepEqual(await said(page, 3), [1, 2, 3]);
    await program.stop();
    await failed(page, how === 'ticket' ? 'token' : 'unreachable'); // a ticket is from the same server
    await program.start();
    await program.publish('orders', 4);
    const all = await said(page, 5);
    assert.deepEqual(all.slice(3).sort(), [4, 'reset epoch'], 'the new life of the timeline is told');
    assert.ok(given >= 3, `${given}`);
    const shown = asked.map(({ url, token }) => (how === 'token' ? token : new URLSearchParams(url).get('ticket')));
    if (how === 'ticket') assert.equal(new Set(shown).size, shown.length, 'no ticket twice');
    assert.ok(shown.every(Boolean));
    assert.ok(asked.every(({ url }) => !url.includes('eyJ')), 'no token in a URL');
  });
}

test('a token that expires in the middle: no document is lost, and none comes twice', async () => {
  await program.configure(STREAMS, GUARDED);
  await program.start();
  let given = 0;
  const page = await visit(() => {
    given++;
    return signed(['orders'], 4);
  });
  await program.publish('orders', 0);
  await listen(page, '/api/sse?stream=orders', 'token');
  await said(page, 1);
  let n = 0;
  while (given < 4) {
    await program.publish('orders', ++n);
    await setTimeout(20);
  }
  assert.deepEqual(await said(page, n + 1), Array.from({ length: n + 1 }, (_, i) => i));
});

test('without a token, with a wrong one, with one for other streams: the words of the server', async () => {
  await program.configure(STREAMS, GUARDED);
  await program.start();
  let token = '';
  const page = await visit(() => token);
  await listen(page, '/api/sse?stream=orders', 'token');
  const { message, status } = await failed(page, 'unauthorized');
  assert.deepEqual([message, status], ['This needs one token, as Authorization: Bearer TOKEN.', 401]);
  token = `${signed(['orders'])}x`;
  await page.waitForFunction(() => /** @type {any} */ (window).stream.error.message === 'The token is not valid, or not valid any more.');
  token = signed(['secret']);
  const forbidden = await failed(page, 'forbidden');
  assert.deepEqual([forbidden.message, forbidden.status], ['The token does not allow to read that stream.', 403]);
  token = signed(['orders']);
  await program.publish('orders', 1);
  await page.evaluate(() => /** @type {any} */ (window).stream.reconnect());
  assert.deepEqual(await said(page, 1), [1]);

  await listen(page, '/api/sse?stream=secret', 'nothing');
  assert.equal((await failed(page, 'refused')).message, 'The server did not answer with an event stream.',
    'which is all that EventSource says');
  await program.publish('news', 5);
  await listen(page, '/api/sse?stream=news', 'nothing');
  assert.deepEqual(await said(page, 1), [5]);
});

test('keys that share a connection: one that the token does not allow does not cost the others theirs', async () => {
  await program.configure(['{name: users, push: true, keys: {match: "[0-9]{1,9}"}}'], GUARDED);
  await program.start();
  for (const n of [1, 2, 3]) await program.publish(`users/${n}`, n);
  const page = await visit(() => signed(['users/1', 'users/3']));
  await page.evaluate(async () => {
    const module = '/client/shared.js';
    /** @type {typeof import('../client/shared.js')} */
    const { SharedStreams } = await import(module);
    const streams = new SharedStreams();
    const token = /** @type {any} */ (window).give;
    Object.assign(window, { views: [1, 2, 3].map(n => streams.open(`/api/sse?stream=users/${n}`, { token })) });
  });
  await page.waitForFunction(() => JSON.stringify(/** @type {any} */ (window).views.map((/** @type {any} */ { value, error }) => value ?? error?.kind)) ===
    '[1,"removed",3]', undefined, { timeout: 120_000 });
});

test('cookies: of the same origin, and of another one with credentials', async context => {
  const server = await new TestServer().start();
  context.after(() => server.stop());
  server.policy = '';
  await program.configure(STREAMS, [...GUARDED, `allow_origins: ["${server.origin}"]`, 'allow_credentials: true']);
  await program.start();
  await program.publish('orders', 1);
  for (const [from, to] of [[program.origin, ''], [server.origin, program.origin]]) {
    const { page } = await open(browser);
    await page.goto(`${from}/favicon.svg`);
    const results = await page.evaluate(async ({ to, token }) => {
      const login = (/** @type {string} */ token) => fetch(`${to}/api/login`,
        { method: 'POST', credentials: 'include', headers: { Authorization: `Bearer ${token}` } }).then(({ status }) => status);
      const module = '/client/pollux.js';
      /** @type {typeof import('../client/pollux.js')} */
      const { EventStream } = await import(module);
      /** @type {(options: Options) => Promise<any>} */
      const first = options => new Promise(resolve => {
        const stream = new EventStream(`${to}/api/sse?stream=orders`, options);
        const end = (/** @type {any} */ result) => {
          stream.close();
          resolve(result);
        };
        stream.addEventListener('value', ({ detail }) => end(detail.value));
        stream.addEventListener('problem', ({ detail }) => end(detail.kind));
      });
      const native = { withCredentials: true };
      const fetched = { withCredentials: true, token: () => null };
      return [await first(native), await first(fetched), await login('wrong'), await login(token), await first(native), await first(fetched),
        await first({ token: 'wrong', ...native }), await first({ withCredentials: false, token: () => null })];
    }, { to, token: signed(['orders']) });
    assert.deepEqual(results, ['refused', 'unauthorized', 401, 204, 1, 1, 'unauthorized', to ? 'unauthorized' : 1], to);
  }
});

test('the dashboard: sign in, and a stream that the token does not allow', async () => {
  await program.configure(STREAMS, GUARDED);
  await program.start();
  await program.publish('orders', { value: 42 });
  const { page, complaints } = await open(browser);
  const word = (/** @type {string} */ word) => page.waitForFunction(word =>
    document.getElementById('condition-word')?.textContent === word, word, { timeout: 120_000 });
  const enter = async (/** @type {string} */ token) => {
    await page.getByLabel('Token', { exact: true }).fill(token);
    await page.keyboard.press('Enter');
  };
  await page.goto(`${program.origin}/?stream=orders`);
  await word('Token needed');
  assert.equal(await page.locator('#door-open').textContent(), 'Open to you: news');
  assert.equal(await page.locator('#door-open').isVisible(), true);
  await enter(`${signed(['orders'])}x`);
  await page.waitForFunction(() => document.getElementById('door-said')?.textContent === 'The token is not valid, or not valid any more.');
  await enter(signed(['secret']));
  await word('Not allowed');
  assert.equal(await page.locator('#door-open').textContent(), 'Open to you: news, secret');
  await enter(signed(['orders']));
  await word('Live');
  await page.waitForFunction(() => document.documentElement.dataset.value === '42');
  assert.equal(await page.locator('#door').isVisible(), false);
  await page.waitForFunction(() => /\$POLLUX_TOKEN/.test(document.getElementById('snippet')?.textContent ?? '')); // others have not signed in
  await page.getByRole('link', { name: 'Streams', exact: true }).click();
  await page.locator('.stream').nth(1).waitFor();
  assert.deepEqual(await page.locator('.stream .name a').allTextContents(), ['news', 'orders']);
  assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []);
});

test('the dashboard without a default stream: after signing in, the only one that the token allows', async () => {
  await program.configure(['{name: orders, push: true}', '{name: secret, push: true}'], GUARDED);
  await program.start();
  await program.publish('secret', { value: 7 });
  const { page } = await open(browser);
  await page.goto(program.origin);
  await page.getByLabel('Token', { exact: true }).fill(signed(['secret']));
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.documentElement.dataset.value === '7', undefined, { timeout: 120_000 });
  assert.equal(await page.locator('#where').textContent(), 'secret');
});
