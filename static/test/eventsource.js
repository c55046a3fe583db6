/**
 * Reads a stream with the native EventSource of Chromium, for programs without one:
 *
 *     node static/test/eventsource.js PAGE STREAM COUNT
 *
 * Opens PAGE, which must have the stream's origin, prints the data of the first COUNT messages, one on each line, and the
 * stream's Content-Encoding on standard error. Ends with status 1 when the stream fails.
 */

import { launch, open } from './browser.js';

const [pageURL, stream, count] = process.argv.slice(2);
if (!count) {
  console.error('usage: eventsource.js PAGE STREAM COUNT');
  process.exit(2);
}

const browser = await launch();
try {
  const { page } = await open(browser);
  page.on('response', response => {
    if (response.url() === stream) console.error(`content-encoding: ${response.headers()['content-encoding']}`);
  });
  await page.goto(pageURL);
  const messages = await page.evaluate(({ stream, count }) => new Promise((resolve, reject) => {
    /** @type {string[]} */
    const got = [];
    const source = new EventSource(stream);
    source.onmessage = event => {
      got.push(event.data);
      if (got.length < count) return;
      source.close();
      resolve(got);
    };
    source.onerror = () => reject(new Error(`the stream failed after ${got.length} messages`));
  }), { stream, count: Number(count) });
  console.log(/** @type {string[]} */ (messages).join('\n'));
} finally {
  await browser.close();
}
