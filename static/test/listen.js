/**
 * Reads a stream in Chromium, by the native EventSource and by `EventStream`, for programs without a browser:
 *
 *     node static/test/listen.js PAGE STREAM
 *
 * Opens PAGE, which must have the origin of STREAM and stay open, and prints what happens until standard input ends. Each
 * line is JSON: `{"by": "EventSource" or "EventStream", "event": "open", "message", "status", "reset" or "failed", "id",
 * "data"}`.
 */

import { once } from 'node:events';

import { launch, open } from './browser.js';

const [pageURL, stream] = process.argv.slice(2);
if (!stream) {
  console.error('usage: listen.js PAGE STREAM');
  process.exit(2);
}

const browser = await launch();
try {
  const { page } = await open(browser);
  await page.exposeFunction('tell', (/** @type {string} */ line) => console.log(line));
  await page.goto(pageURL);
  await page.evaluate(async url => {
    const tell = (/** @type {object} */ happened) => /** @type {any} */ (window).tell(JSON.stringify(happened));

    const native = new EventSource(url);
    native.onopen = () => tell({ by: 'EventSource', event: 'open' });
    native.onmessage = event => tell({ by: 'EventSource', event: 'message', id: event.lastEventId, data: JSON.parse(event.data) });
    for (const name of ['status', 'reset']) {
      native.addEventListener(name, event => tell({ by: 'EventSource', event: name, id: event.lastEventId, data: JSON.parse(event.data) }));
    }
    native.onerror = () => {
      if (native.readyState === EventSource.CLOSED) tell({ by: 'EventSource', event: 'failed' });
    };

    const { EventStream } = await import(new URL('/client/pollux.js', url).href);
    const ours = new EventStream(url);
    ours.addEventListener('state', (/** @type {CustomEvent} */ { detail }) => {
      const connected = (/** @type {string} */ state) => ['live', 'stale', 'down'].includes(state);
      if (connected(detail.state) && !connected(detail.previous)) tell({ by: 'EventStream', event: 'open' });
    });
    ours.addEventListener('value', (/** @type {CustomEvent} */ { detail }) =>
      tell({ by: 'EventStream', event: 'message', id: detail.lastEventId, data: detail.value }));
    for (const name of ['status', 'reset']) {
      ours.addEventListener(name, (/** @type {CustomEvent} */ { detail }) => tell({ by: 'EventStream', event: name, data: detail }));
    }
  }, stream);
  process.stdin.resume();
  await once(process.stdin, 'end');
} finally {
  await browser.close();
}
