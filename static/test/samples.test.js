/**
 * Twelve documents as real services send them, in the real program and in Chromium and Firefox. With the environment variable
 * PICTURES, Chromium also saves each page there as a picture.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { Program } from './program.js';
import { SAMPLES } from './samples.js';

/** @import { Browser } from 'playwright-core' */

const { PICTURES, ONLY } = process.env;
const LOOKS = /** @type {const} */ ([['light', 1440], ['dark', 1440], ['light', 360]]);

/** @type {Browser} */ let browser;
/** @type {Program} */ let program;

before(async () => {
  program = await Program.build();
  await program.configure(SAMPLES.map(({ name }) => `{name: ${name}, push: true, replay: all}`), ['max_document: 33554432']);
  await program.start();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await program.remove();
});

for (const { name, make, first, versions = 12 } of SAMPLES.filter(({ name }) => !ONLY || ONLY.split(',').includes(name))) {
  test(`${name}: what is shown first is what changes`, async () => {
    const early = Math.floor(versions / 2);
    for (let n = 0; n < early; n++) {
      await program.publish(name, make(n));
      if (PICTURES) await setTimeout(150);
    }
    const { page, complaints } = await open(browser, { reducedMotion: 'reduce', viewport: { width: 1440, height: 1100 } });
    await page.goto(`${program.origin}/?stream=${name}`);
    await page.waitForFunction(() => document.documentElement.dataset.value !== undefined, undefined, { timeout: 120_000 });
    const shown = new Set([await page.getAttribute('html', 'data-value')]);
    let id = '';
    for (let n = early; n < versions; n++) {
      id = await program.publish(name, make(n));
      await page.waitForSelector(`html[data-last-event-id="${id}"]`, { state: 'attached', timeout: 120_000 });
      shown.add(await page.getAttribute('html', 'data-value'));
      if (PICTURES) await setTimeout(250);
    }
    assert.match(String(await page.locator('.now .label').textContent()), first);
    assert.ok(shown.size > 1, `it never changed: ${[...shown]}`);
    await page.locator('#log .event').first().waitFor();
    if (PICTURES) {
      for (const [colorScheme, width] of LOOKS) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: width < 500 ? 740 : 1100 });
        await setTimeout(400);
        await page.screenshot({ path: `${PICTURES}/${name}-${colorScheme}-${width}.png`, fullPage: width < 500 });
      }
    }
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'it scrolls sideways');
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

test('all streams, with what each shows first', async () => {
  const { page, complaints } = await open(browser, { reducedMotion: 'reduce', viewport: { width: 1440, height: 900 } });
  await page.goto(program.origin);
  await page.waitForFunction(n => document.querySelectorAll('.stream').length === n && document.querySelectorAll('.stream .value .text').length === n &&
    [...document.querySelectorAll('.stream .value .text')].filter(({ textContent }) => textContent !== '–').length >= n - 2, SAMPLES.length, { timeout: 120_000 });
  assert.deepEqual(await page.locator('.stream .name a').allTextContents(), SAMPLES.map(({ name }) => name).sort());
  // The history of the large one is more than the page asks for, so of its five documents it knows the newest alone.
  await page.waitForFunction(() => document.querySelector('.stream[data-name=large] .value .text')?.textContent === '41,000 items: 40,999 online, 1 offline', undefined, { timeout: 120_000 });
  if (PICTURES) {
    for (const [colorScheme, width] of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: width < 500 ? 740 : 900 });
      await setTimeout(2500);
      await page.screenshot({ path: `${PICTURES}/all-${colorScheme}-${width}.png` });
    }
  }
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'it scrolls sideways');
  assert.deepEqual(complaints, []);
});
