/**
 * Opens a dashboard in Chromium and prints what it shows, for other programs:
 *
 *     node static/test/watch.js URL
 *
 * Prints one line of JSON whenever something changes, with keys in this order:
 * `{"at": <ms since 1970>, "state", "value", "lastEventId", "events": N, "resets": N, "text": "<the explanation>"}`.
 * `state` is connecting, live, stale, down or reconnecting; `value` is the headline; both ids and values are empty
 * before the first event. Complaints of the browser go to standard error. Ends with status 0 when standard input ends,
 * or at SIGTERM, SIGINT or SIGHUP; with 1 and a line on standard error when the page cannot be opened at all.
 */

import { launch, open } from './browser.js';

const [url] = process.argv.slice(2);
if (!url) {
  console.error('usage: watch.js URL');
  process.exit(2);
}

/** Runs in the page. */
function report() {
  const { dataset } = document.documentElement;
  let last = '';
  const tell = () => {
    const line = {
      state: dataset.state ?? '',
      value: dataset.value ?? '',
      lastEventId: dataset.lastEventId ?? '',
      events: Number(dataset.events ?? 0),
      resets: Number(dataset.resets ?? 0),
      text: document.getElementById('condition-text')?.textContent ?? '',
    };
    const text = JSON.stringify(line);
    if (text === last) return;
    last = text;
    /** @type {any} */ (window).tell({ at: Date.now(), ...line });
  };
  new MutationObserver(tell).observe(document.documentElement, { attributes: true });
  tell();
}

// This program handles signals, because the browser's library would end with another status.
const browser = await launch({ handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false });
/** @type {Promise<void>} */
const ended = new Promise(resolve => {
  process.stdin.on('end', resolve).on('close', resolve).resume();
  process.on('SIGTERM', () => resolve()).on('SIGINT', () => resolve()).on('SIGHUP', () => resolve());
  browser.on('disconnected', () => resolve());
});
try {
  const { page } = await open(browser);
  page.on('console', message => { if (message.type() === 'error') console.error(message.text()); });
  page.on('pageerror', error => console.error(String(error)));
  await page.exposeFunction('tell', (/** @type {object} */ line) => process.stdout.write(`${JSON.stringify(line)}\n`));
  await page.goto(url);
  await page.evaluate(report);
  await ended;
} catch (error) {
  console.error(`watch: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
// Standard input may still be open, and would keep the process alive.
process.exit();
