/** The dashboard in Chromium, as axe sees it: light and dark, from 360 pixels to 4 k. And what its first paint takes. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { launch, open } from './browser.js';
import { SAMPLES } from './samples.js';
import { TestServer, event, mock } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const FIRST = 50_000; // bytes, compressed, that a first paint may take

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => { server = await new TestServer().start(); });
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

/** @type {(page: Page, id: string) => Promise<unknown>} */
const arrived = (page, id) => page.waitForSelector(`html[data-last-event-id="${id}"]`, { state: 'attached' });

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  for (const width of [360, 1440, 3840]) {
    test(`axe finds nothing, and nothing scrolls sideways: ${colorScheme}, ${width} pixels`, async () => {
      const { page } = await open(browser, { reducedMotion: 'reduce', colorScheme, viewport: { width, height: width > 2000 ? 2160 : 900 } });
      page.setDefaultTimeout(120_000);
      const check = async (/** @type {string} */ what) => {
        await page.evaluate(() => { for (const animation of document.getAnimations()) animation.finish(); });
        const { violations } = /** @type {any} */ (await page.evaluate(() => /** @type {any} */ (window).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })));
        assert.deepEqual(violations.map((/** @type {any} */ { id, nodes }) => `${what}: ${id}: ${nodes.slice(0, 3).map((/** @type {any} */ node) => node.html.slice(0, 120) + node.failureSummary.slice(0, 200)).join(' | ')}`), []);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} scrolls sideways`);
      };
      await page.context().addInitScript({ path: AXE });
      for (const name of ['quotes', 'github', 'weather']) {
        const { make } = /** @type {import('./samples.js').Sample} */ (SAMPLES.find(sample => sample.name === name));
        server.names = [name];
        server.answer = response => server.open(response, [0, 4, 7, 10].map(n => event(`${'e'.repeat(30)}-${n}`, make(n))).join(''));
        await page.goto(`${server.origin}/`);
        await arrived(page, `${'e'.repeat(30)}-10`);
        await page.locator('#log .event button').first().click();
        await page.locator('.detail pre').waitFor();
        await check(name);
        if (await page.getByRole('tab', { name: 'Tree' }).isVisible()) {
          await page.getByRole('tab', { name: 'Tree' }).click();
          await page.locator('.leaf').nth(3).waitFor();
          await check(`${name} as a tree`);
        }
      }
      for (const state of ['stale', 'down']) {
        server.send(`event: status\ndata: ${JSON.stringify({ stream: 'weather', state, since: '2026-01-02T03:04:05Z', lastSuccess: '2026-01-02T03:03:05Z', error: 'http_503' })}\n\n`);
        await page.waitForSelector(`html[data-state="${state}"]`, { state: 'attached' });
        await check(state);
      }
      server.answer = response => response.writeHead(503).end();
      server.end();
      await page.waitForSelector('html[data-state="reconnecting"]', { state: 'attached' });
      await check('reconnecting');
      server.names = ['a', 'b', { name: 'c', keys: { match: '.+' } }];
      server.list = { node: 'x', size: 3, nodes: [{ name: 'x', lag: 0, age: 0 }, { name: 'y', lag: 9, age: 9 }], differences: [{ stream: 'a', node: 'y', keys: ['url'], missing: null }] };
      await page.goto(`${server.origin}/?all`);
      await page.locator('.stream').nth(2).waitFor();
      await page.locator('.differences li').waitFor();
      await check('all streams');
      await page.goto(`${server.origin}/?stream=c`);
      await page.locator('#key').waitFor();
      await check('a keyed stream');
      server.about = () => ({ status: 404, body: JSON.stringify({ detail: 'No.', streams: ['a', 'b'] }) });
      await page.goto(`${server.origin}/?stream=zzz`);
      await page.locator('#door').waitFor();
      await check('an unknown stream');
    });
  }
}

test(`a first paint takes less than ${FIRST} bytes, compressed, and nothing from anybody else`, async context => {
  server.answer = response => server.open(response, event('e-1', mock(1)));
  const { page } = await open(browser, {});
  /** @type {string[]} */ const asked = [];
  page.on('request', request => asked.push(request.url()));
  await page.goto(server.origin);
  await arrived(page, 'e-1');
  const painted = await page.evaluate(() => new Promise(resolve => new PerformanceObserver(list => resolve(list.getEntries()[0].startTime)).observe({ type: 'paint', buffered: true })));
  const files = await page.evaluate(painted => performance.getEntriesByType('resource').map(({ name, startTime }) => ({ name, early: startTime < painted })), /** @type {number} */ (painted));
  let [first, all] = [0, 0];
  for (const { name, early } of [{ name: `${server.origin}/index.html`, early: true }, ...files]) {
    const { pathname } = new URL(name);
    if (pathname.startsWith('/api/')) continue;
    const { length } = gzipSync(await readFile(new URL(`..${pathname}`, import.meta.url)), { level: 6 });
    all += length;
    if (early) first += length;
  }
  context.diagnostic(`${first} bytes before the first paint, ${all} in all`);
  assert.ok(first < FIRST, `${first} bytes`);
  assert.deepEqual(asked.filter(url => !url.startsWith(server.origin)), []);
});
