/** The dashboard under load: 1,000 events a second, and documents of 10 MB. How long frames take, `npm run bench` measures. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { count, counted } from './meter.js';
import { SAMPLES } from './samples.js';
import { TestServer, event, mock } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { Sample } from './samples.js' */

const PAUSE = 80; // least milliseconds between two drawings
const PART = 100_000; // characters of the largest part that the page is handed

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => {
  server = await new TestServer().start();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await server.stop();
});

/** Opens the page. @param {string} first frames */
async function visit(first) {
  server.answer = response => server.open(response, first);
  const { page, complaints } = await open(browser, { viewport: { width: 1440, height: 1000 }, permissions: ['clipboard-read', 'clipboard-write'] });
  page.setDefaultTimeout(120_000);
  await count(page);
  await page.goto(server.origin);
  await page.locator('#log .event').first().waitFor();
  return { page, complaints };
}

/** @type {(page: Page, id: string) => Promise<unknown>} */
const arrived = (page, id) => page.waitForSelector(`html[data-last-event-id="${id}"]`, { state: 'attached', timeout: 120_000 });

/** Documents have not come to the main thread, and no frame has drawn twice. @param {Page} page */
async function spared(page) {
  const { parsed, handed, crowded, asked, longest } = await counted(page);
  assert.ok(handed > 500 && handed < PART, `the page is handed ${handed} characters at once`);
  assert.ok(parsed < 1000, `the page parses ${parsed} characters`);
  assert.equal(crowded, 0, 'a frame draws once');
  assert.deepEqual(asked.filter(url => !url.startsWith('api/streams')), [], 'the worker has the stream');
  return `at most ${handed} characters are handed over, the longest frame took ${Math.round(longest)} ms`;
}

test('1,000 events a second: one drawing in a frame at most, and nothing is lost', async context => {
  const { page, complaints } = await visit(event('e-0', mock(0)));
  const draws = async () => Number(await page.getAttribute('html', 'data-draws'));
  const [began, drawn] = [performance.now(), await draws()];
  for (let n = 0; n < 5000; n += 10) {
    server.send(Array.from({ length: 10 }, (_, i) => event(`e-${n + i + 1}`, mock((n + i) % 100))).join(''));
    await setTimeout(10);
  }
  await arrived(page, 'e-5000');
  const [made, ms] = [await draws() - drawn, performance.now() - began];
  context.diagnostic(`${made} drawings, ${await spared(page)}`);
  assert.ok(made <= ms / PAUSE + 2, `${made} drawings in ${ms} ms`);
  assert.equal(await page.getAttribute('html', 'data-events'), '5001');
  assert.ok(await page.locator('#log .event').count() < 100);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('documents of 10 MB: the page is handed what is on show, whatever people do', async context => {
  const { make } = /** @type {Sample} */ (SAMPLES.find(({ name }) => name === 'large'));
  const { page, complaints } = await visit(event('l-0', make(0)));
  let n = 0;
  const next = async () => {
    server.send(event(`l-${++n}`, make(n)));
    await arrived(page, `l-${n}`);
    assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 4000);
  };
  await next();
  const heads = page.getByRole('columnheader').filter({ hasText: 'battery' }).getByRole('button');
  await heads.click();
  await page.waitForSelector('[aria-sort=descending]');
  await next();
  await page.locator('.table .list').evaluate(list => { list.scrollTop = list.scrollHeight / 2; });
  await page.waitForFunction(() => [...document.querySelectorAll('.gridrow')].some(row => Number(row.getAttribute('aria-rowindex')) > 20_000));
  await next();
  assert.equal(await page.locator('#headline').textContent(), 'offline');
  await page.getByRole('tab', { name: 'Tree' }).click();
  await page.locator('.leaf', { hasText: 'devices' }).first().click();
  await page.locator('.leaf').nth(20).waitFor();
  await next();
  await page.getByLabel('Search the document').fill('dev-04711');
  await page.waitForFunction(() => document.querySelectorAll('.leaf').length > 2 && document.querySelectorAll('.leaf').length < 12);
  await next();
  await page.locator('#log .event button').first().click();
  await page.getByRole('button', { name: 'Compare with newest' }).click();
  await next();
  await page.waitForFunction(() => /different/.test(document.querySelector('.documents .tools .count')?.textContent ?? ''));
  context.diagnostic(await spared(page));
  await page.getByRole('button', { name: 'Copy event' }).click();
  await page.waitForFunction(() => /Copied/.test(document.querySelector('.detail .said')?.textContent ?? ''));
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), make(5), 'all of it is copied');
  assert.deepEqual(complaints, []);
  await page.context().close();
});
