/**
 * Takes a picture of a dashboard after it shows a value and a chart:
 *
 *     node static/test/screenshot.js URL OUT.png [--dark] [--width N] [--height N] [--events N]
 *
 * Width and height are in CSS pixels (1200 × 720), events is the number of events to wait for (1).
 */

import { parseArgs } from 'node:util';
import { launch, open } from './browser.js';

const { values: flags, positionals: [url, out] } = parseArgs({
  allowPositionals: true,
  options: {
    dark: { type: 'boolean', default: false },
    width: { type: 'string', default: '1200' },
    height: { type: 'string', default: '720' },
    events: { type: 'string', default: '1' },
  },
});
if (!url || !out) {
  console.error('usage: screenshot.js URL OUT.png [--dark] [--width N] [--height N] [--events N]');
  process.exit(2);
}

const browser = await launch();
try {
  const { page } = await open(browser, {
    colorScheme: flags.dark ? 'dark' : 'light',
    reducedMotion: 'reduce', // no picture within an animation
    viewport: { width: Number(flags.width), height: Number(flags.height) },
  });
  await page.goto(url);
  await page.waitForFunction(
    events => Number(document.documentElement.dataset.events ?? 0) >= events, Number(flags.events), { timeout: 600_000 });
  await page.screenshot({ path: out });
} finally {
  await browser.close();
}
