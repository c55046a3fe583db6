/** The dashboard under load: 1,000 events a second, and documents of 10 MB. How long frames take is told, not judged. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { SAMPLES } from './samples.js';
import { TestServer, event, mock } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { Sample } from './samples.js' */

const PAUSE = 80; // least milliseconds between two drawings

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

/** Opens the page, which records its longest frame. @param {string} first frames */
async function visit(first) {
  server.answer = response => server.open(response, first);
  const { page, complaints } = await open(browser, { viewport: { width: 1440, height: 1000 } });
  await page.goto(server.origin);
  await page.locator('#log .event').first().waitFor({ timeout: 120_000 });
  await page.evaluate(() => {
    const made = Object.assign(window, { longest: 0, began: performance.now(), drawn: Number(document.documentElement.dataset.draws) });
    let last = performance.now();
    const tick = (/** @type {number} */ now) => {
      made.longest = Math.max(made.longest, now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  return { page, complaints };
}

/** How the page did since it was opened. @param {Page} page */
const result = page => page.evaluate(() => {
  const { longest, began, drawn } = /** @type {any} */ (window);
  return { longest: Math.round(longest), ms: performance.now() - began, draws: Number(document.documentElement.dataset.draws) - drawn };
});

test('1,000 events a second: one drawing in a frame at most, and nothing is lost', async context => {
  const { page, complaints } = await visit(event('e-0', mock(0)));
  for (let n = 0; n < 5000; n += 10) {
    server.send(Array.from({ length: 10 }, (_, i) => event(`e-${n + i + 1}`, mock((n + i) % 100))).join(''));
    await setTimeout(10);
  }
  await page.waitForSelector('html[data-last-event-id="e-5000"]', { state: 'attached', timeout: 120_000 });
  const { longest, ms, draws } = await result(page);
  context.diagnostic(`${draws} drawings in ${Math.round(ms)} ms, the longest frame ${longest} ms`);
  assert.ok(draws <= ms / PAUSE + 2, `${draws} drawings in ${ms} ms`);
  assert.equal(await page.getAttribute('html', 'data-events'), '5001');
  assert.ok(await page.locator('#log .event').count() < 100);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('documents of 10 MB: what is on show exists, and nothing else', async context => {
  const { make } = /** @type {Sample} */ (SAMPLES.find(({ name }) => name === 'large'));
  const { page, complaints } = await visit(event('l-0', make(0)));
  for (const n of [1, 2, 3, 4]) {
    server.send(event(`l-${n}`, make(n)));
    await page.waitForSelector(`html[data-last-event-id="l-${n}"]`, { state: 'attached', timeout: 120_000 });
  }
  const { longest, draws } = await result(page);
  context.diagnostic(`${draws} drawings, the longest frame ${longest} ms`);
  assert.equal(await page.locator('#headline').textContent(), 'offline');
  assert.ok(await page.locator('.gridrow').count() < 100);
  await page.getByRole('tab', { name: 'Tree' }).click();
  await page.locator('.leaf').first().waitFor();
  assert.ok(await page.locator('.leaf').count() < 200);
  assert.deepEqual(complaints, []);
  await page.context().close();
});
