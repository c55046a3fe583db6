/** The real program with pages in Chromium: positions, ages, and pages of other ports. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launch, open } from './browser.js';
import { Program } from './program.js';
import { TestServer } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */

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

/** @param {string[]} streams as `Program.configure` takes them */
async function run(...streams) {
  await program.configure(streams);
  await program.start();
}

/**
 * Opens a stream, with the module of its server, as `window.stream`, and records its events.
 * @param {Page} page
 * @param {string} url
 */
function listen(page, url) {
  return page.evaluate(async url => {
    const module = '/client/pollux.js';
    /** @type {typeof import('../client/pollux.js')} */
    const { EventStream } = await import(module);
    const stream = new EventStream(url);
    /** @type {any[]} */
    const diary = [];
    stream.addEventListener('value', ({ detail }) => diary.push(detail.value));
    stream.addEventListener('reset', ({ detail }) => diary.push({ reset: detail.reason }));
    Object.assign(window, { stream, diary });
  }, url);
}

/** Waits until the stream has dispatched n events, and returns all of them. @type {(page: Page, n: number) => Promise<any[]>} */
async function said(page, n) {
  await page.waitForFunction(n => /** @type {any} */ (window).diary.length >= n, n);
  return page.evaluate(() => /** @type {any} */ (window).diary);
}

/** Waits for a position of the stream, and returns it. @type {(page: Page, pattern: RegExp) => Promise<string>} */
async function stands(page, pattern) {
  await page.waitForFunction(pattern => new RegExp(pattern).test(/** @type {any} */ (window).stream.position), pattern.source);
  return page.evaluate(() => /** @type {any} */ (window).stream.position);
}

/** Dispatches the events of a page that goes into the cache and comes back. @type {(page: Page, type: string) => Promise<unknown>} */
const show = (page, type) => page.evaluate(type => dispatchEvent(new Event(type)), type);

/** Waits for a text. @type {(page: Page, id: string, pattern: RegExp) => Promise<unknown>} */
const says = (page, id, pattern) => page.waitForFunction(({ id, pattern }) =>
  new RegExp(pattern).test(document.getElementById(id)?.textContent ?? ''), { id, pattern: pattern.source });

test('a stream without a document has a position at once, and misses nothing', async () => {
  await run('{name: default, push: true}');
  const { page } = await open(browser);
  await page.goto(program.origin);
  await listen(page, '/api/sse');
  await stands(page, /-0$/);
  await show(page, 'pagehide');
  for (const n of [1, 2, 3]) await program.publish('default', n);
  await show(page, 'pageshow');
  assert.deepEqual(await said(page, 3), [1, 2, 3]);
});

test('the position moves over what is not sent, and resumes there', async () => {
  await run('{name: default, push: true, history: 4}', '{name: busy, push: true, history: 4}');
  await program.publish('default', { a: 0, b: 0 });
  const { page } = await open(browser);
  await page.goto(program.origin);
  await listen(page, '/api/sse?fields=/a');
  await said(page, 1);
  const before = await stands(page, /-\d+$/);
  for (let b = 1; b <= 8; b++) await program.publish('default', { a: 0, b });
  const last = await program.publish('default', { a: 0, b: 9 });
  await page.waitForFunction(last => /** @type {any} */ (window).stream.position === last, last, { timeout: 60_000 });
  assert.notEqual(before, last);
  await show(page, 'pagehide');
  await program.publish('default', { a: 1, b: 9 });
  await show(page, 'pageshow');
  assert.deepEqual(await said(page, 2), [{ a: 0 }, { a: 1 }], 'without a reset');
});

test('a restart is told also to a stream that had no document', async () => {
  await run('{name: default, push: true}');
  const { page } = await open(browser);
  await page.goto(program.origin);
  await listen(page, '/api/sse');
  await stands(page, /-0$/);
  await program.stop();
  await program.start();
  for (const n of [1, 2]) await program.publish('default', n);
  await page.waitForFunction(() => /** @type {any} */ (window).diary.at(-1) === 2);
  assert.deepEqual((await said(page, 2)).filter(one => one !== 1), [{ reset: 'epoch' }, 2], 'and 1, if the page is back before 2 is published');
});

test('a page that is opened late shows the age, not the time of arrival, whatever its clock says', async () => {
  await run('{name: default, push: true}');
  await program.publish('default', { value: 1 });
  await setTimeout(3000);
  const { page, complaints } = await open(browser);
  await page.addInitScript(() => {
    const { now } = Date;
    Date.now = () => now() - 86_400_000;
  });
  await page.goto(program.origin);
  await says(page, 'age', /^([3-9]|\d\d) s ago$/);
  await says(page, 'age', /^\d\d s ago$/);
  await program.publish('default', { value: 2 });
  await says(page, 'age', /^(just now|\d s ago)$/);
  assert.equal(await page.getAttribute('html', 'data-value'), '2');
  assert.deepEqual(complaints, []);
});

test('what is replayed is as old as it is, what is live is new: whole, in parts and as deltas', async () => {
  await run('{name: a, push: true}', '{name: b, push: true}', '{name: c, push: true}');
  await program.publish('a', { n: 1, filler: 'x'.repeat(2000) });
  await program.publish('b', { n: 1 });
  await setTimeout(2000);
  const { page } = await open(browser);
  await page.goto(`${program.origin}/?stream=a`);
  for (const query of ['stream=a,b,c', 'stream=a,b,c&mode=patch', 'stream=a,b,c&fields=/n', 'stream=a,b,c&since=1h']) {
    await listen(page, `/api/sse?${query}`);
    await stands(page, /./);
    await page.waitForFunction(() => ['a', 'b'].every(name => /** @type {any} */ (window).stream.age(name) !== null));
    const ages = () => page.evaluate(() => ['a', 'b', 'c'].map(name => /** @type {any} */ (window).stream.age(name)));
    const [a, b, c] = await ages();
    assert.ok(a >= 2000 && b >= 2000, `${query}: ${a} ${b}`);
    assert.equal(c, null, query);
    await page.evaluate(() => /** @type {any} */ (window).stream.close());
  }
  await listen(page, '/api/sse?stream=a,b,c&mode=patch');
  await said(page, 2);
  await page.waitForFunction(() => /** @type {any} */ (window).stream.age() !== null);
  const since = performance.now();
  await program.publish('a', { n: 2, filler: 'x'.repeat(2000) });
  await said(page, 3);
  const [a, b] = await page.evaluate(() => ['a', 'b'].map(name => /** @type {any} */ (window).stream.age(name)));
  assert.ok(a <= performance.now() - since, `${a}`);
  assert.ok(b >= 2000, `${b}`);
});

for (const host of ['127.0.0.1', 'localhost']) {
  test(`a page of another port on the same machine uses the hook: ${host}`, async context => {
    await run('{name: default, push: true}');
    await program.publish('default', { message: 'hello' });
    const server = await new TestServer().start();
    context.after(() => server.stop());
    server.policy = '';
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import { createElement as h } from 'react';
          import { createRoot } from 'react-dom/client';
          import { usePollux } from './client/react.js';
          function Price() {
            const { value, status, error } = usePollux('${program.origin.replace('127.0.0.1', host)}/api/sse');
            return h('p', { className: status }, error ? error.message : value?.message);
          }
          createRoot(document.getElementById('root')).render(h(Price));`,
        resolveDir: fileURLToPath(new URL('..', import.meta.url)),
      },
      bundle: true, write: false, format: 'esm', define: { 'process.env.NODE_ENV': '"production"' },
    });
    server.extra.set('/app.html', {
      type: 'text/html', body: '<!doctype html><title>App</title><div id="root"></div><script type="module" src="/app.js"></script>',
    });
    server.extra.set('/app.js', { type: 'text/javascript', body: outputFiles[0].text });
    const { page, complaints } = await open(browser);
    await page.goto(`${server.origin.replace('127.0.0.1', host)}/app.html`);
    await page.waitForSelector('p.live');
    assert.equal(await page.locator('p').textContent(), 'hello');
    const imported = await page.evaluate(async module => Object.keys(await import(module)), `${program.origin}/client/pollux.js`);
    assert.deepEqual(imported, ['EventStream'], 'and its modules');
    const now = await page.evaluate(async url => (await fetch(url)).headers.get('Pollux-Now'), `${program.origin}/api/latest`);
    assert.ok(Date.parse(String(now)) > 0, `${now}`);
    assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []);
  });
}
