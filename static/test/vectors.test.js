/** The wire vectors of hub/sse, through EventStream in Chromium. */

import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { launch, open } from './browser.js';
import { TestServer } from './server.js';
import { SPLITS, bytesOf, vectors } from './vectors.js';

/** @import { Browser, Page } from 'playwright-core' */

const bytes = vectors.map(bytesOf);

/** @type {Browser} */ let browser;
/** @type {Page} */ let page;
/** @type {TestServer} */ let server;
/** When each stream ended, and how the browser reconnected. @type {Map<string, {ended: number, back?: number, id?: string}>} */
const visits = new Map();

before(async () => {
  server = await new TestServer().start();
  server.extra.set('/blank.html', { type: 'text/html', body: '<!doctype html><title>blank</title>' });
  server.answer = async (response, request) => {
    const url = request.url ?? '';
    const visit = visits.get(url);
    if (visit) {
      visit.back = performance.now();
      visit.id = Buffer.from(/** @type {string} */ (request.headers['last-event-id'] ?? ''), 'latin1').toString();
      return response.writeHead(204).end();
    }
    const query = new URL(url, server.origin).searchParams;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    for (const piece of SPLITS[query.get('split') ?? ''](bytes[Number(query.get('n'))])) {
      response.write(piece);
      await setImmediate();
    }
    visits.set(url, { ended: performance.now() });
    response.end();
  };
  browser = await launch();
  ({ page } = await open(browser));
  await page.goto(`${server.origin}/blank.html`);
});

after(async () => {
  await browser.close();
  await server.stop();
});

/**
 * Reads every vector in the page, and returns the dispatched events.
 * @param {string} split
 * @param {boolean} twice whether to wait until the browser has reconnected
 */
function read(split, twice) {
  const names = vectors.map(({ events }) => events.map(({ type }) => type));
  return page.evaluate(async ({ names, split, twice }) => {
    const module = '/client/pollux.js';
    /** @type {typeof import('../client/pollux.js')} */
    const { EventStream } = await import(module);
    return Promise.all(names.map((events, n) => new Promise(resolve => {
      /** @type {object[]} */
      const heard = [];
      const stream = new EventStream(`/api/sse?split=${split}&n=${n}`,
        { events, parse: text => text, heartbeat: false, resumeParam: '' });
      stream.addEventListener('value', ({ detail: { type, raw: data, lastEventId } }) => {
        heard.push({ type, data, lastEventId });
      });
      stream.addEventListener('problem', ({ detail }) => {
        if (twice && detail.kind === 'dropped') return;
        stream.close();
        resolve({ heard, lastEventId: stream.lastEventId });
      });
    })));
  }, { names, split, twice });
}

test('there are vectors', () => assert.ok(vectors.length >= 100));

for (const split of ['bytes', 'pairs', 'thirds']) {
  test(`wire vectors in ${split}`, async () => {
    const results = /** @type {{heard: object[]}[]} */ (await read(split, false));
    results.forEach(({ heard }, n) => assert.deepEqual(heard, vectors[n].events, vectors[n].name));
  });
}

test('wire vectors whole, with the id and the wait of the reconnection that follows', async () => {
  const results = /** @type {{heard: object[], lastEventId: string}[]} */ (await read('whole', true));
  /** @type {Map<number, number[]>} */
  const waits = new Map();
  results.forEach(({ heard, lastEventId }, n) => {
    const { name, events, retry, ...vector } = vectors[n];
    assert.deepEqual(heard, events, name);
    assert.equal(lastEventId, events[events.length - 1]?.lastEventId ?? '', name);
    const { ended, back = NaN, id = '' } = visits.get(`/api/sse?split=whole&n=${n}`) ?? { ended: NaN };
    // Spaces around the value of a header are lost.
    assert.equal(id, vector.lastEventId.trim(), `${name}: Last-Event-ID`);
    if (retry !== null) waits.set(retry, [...waits.get(retry) ?? [], back - ended]);
  });
  assert.ok(waits.size >= 3);
  for (const [retry, measured] of waits) {
    const least = Math.min(...measured);
    // Chromium's own wait is 3 s. On a busy machine a wait may be longer than asked, but not each of them.
    assert.ok(least > retry - 20, `retry ${retry}: came back after ${least} ms`);
    if (retry <= 1500) assert.ok(least < 2900, `retry ${retry}: came back after ${least} ms`);
  }
});
