/** Deltas from end to end: from the real program, and a faulty server, to EventStream in Chromium. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launch, open } from './browser.js';
import { Random, changed } from './generate.js';
import { Program } from './program.js';
import { TestServer, delta } from './server.js';

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
});

/**
 * What a page has received of a stream: documents as text, so that members named `__proto__` survive.
 * @typedef {{values: {type: string, id: string, text: string, intact: boolean}[], deltas: number, resets: string[]}} Seen
 */

/**
 * Opens streams in a page, with the module of its server.
 * @param {Page} page
 * @param {string[]} urls
 */
function listen(page, urls) {
  return page.evaluate(async urls => {
    const module = '/client/pollux.js';
    /** @type {typeof import('../client/pollux.js')} */
    const { EventStream } = await import(module);
    /** @type {any} */ (window).seen = urls.map(url => {
      const stream = new EventStream(url);
      /** @type {{type: string, id: string, text: string, value: any}[]} */
      const values = [];
      /** @type {{stream: any, values: any[], deltas: number, resets: string[]}} */
      const seen = { stream, values, deltas: 0, resets: [] };
      stream.addEventListener('value', ({ detail: { type, lastEventId: id, value, raw } }) => {
        values.push({ type, id, value, text: JSON.stringify(value) });
        if (raw.startsWith('{"base":')) seen.deltas++;
      });
      stream.addEventListener('reset', ({ detail }) => seen.resets.push(detail.reason));
      return seen;
    });
  }, urls);
}

/**
 * Waits until each stream has received an event, and returns what they have received.
 * @param {Page} page
 * @param {string} id
 * @param {number[]} [which] of the streams; default all
 * @returns {Promise<Seen[]>}
 */
async function seen(page, id, which) {
  await page.waitForFunction(({ id, which }) => {
    const { seen } = /** @type {any} */ (window);
    return (which ? which.map(n => seen[n]) : seen).every((/** @type {any} */ one) => one.stream.lastEventId === id);
  }, { id, which });
  return page.evaluate(() => /** @type {any} */ (window).seen.map((/** @type {any} */ one) => ({
    values: one.values.map((/** @type {any} */ { type, id, text, value }) => ({ type, id, text, intact: JSON.stringify(value) === text })),
    deltas: one.deltas, resets: one.resets,
  })));
}

test('the documents are those that were published, across a reload and a restart', async () => {
  await program.configure(['{name: default, push: true}', '{name: prices, push: true, key: /id}']);
  await program.start();
  const random = new Random(20261122);
  /** @type {{stream: string, id: string, document: any}[]} */
  const published = [];
  /** @type {Record<string, any>} */
  const newest = {};
  const publish = async (/** @type {string} */ stream) => {
    // The unchanged part is long enough for a delta to be smaller.
    const { quotes, more } = newest[stream] ?? { quotes: [], more: {} };
    const document = newest[stream] = {
      n: published.length, filler: 'x'.repeat(2000), more: changed(random, more),
      quotes: [{ id: published.length, price: random.below(100) }, ...quotes.slice(0, 5)],
    };
    published.push({ stream, id: await program.publish(stream, document), document });
    return published[published.length - 1].id;
  };
  /** @type {(seen: Seen[]) => void} */
  const check = ([patches, merges, several]) => {
    const want = published.map(({ stream, id, document }) => ({ type: stream, id, document }));
    const ofDefault = want.filter(({ type }) => type === 'default').map(each => ({ ...each, type: 'message' }));
    for (const [seen, documents] of /** @type {[Seen, object[]][]} */ ([[patches, ofDefault], [merges, ofDefault], [several, want]])) {
      assert.deepEqual(seen.values.map(({ type, id, text }) => ({ type, id, document: JSON.parse(text) })), documents);
      assert.ok(seen.values.every(({ intact }) => intact), 'what was handed out has not changed');
    }
  };

  await publish('default');
  const { page } = await open(browser);
  await page.goto(program.origin);
  await listen(page, ['/api/sse?mode=patch', '/api/sse?mode=merge', '/api/sse?mode=patch&stream=default,prices']);
  await seen(page, published[0].id);
  for (let n = 0; n < 10; n++) {
    await seen(page, await publish('prices'), [2]);
    await seen(page, await publish('default'));
  }
  let now = await seen(page, published[published.length - 1].id);
  check(now);
  const deltas = now.map(({ deltas }) => deltas);
  assert.ok(deltas[0] >= 9 && deltas[1] >= 1 && deltas[2] >= 18, `deltas: ${deltas}`);

  await program.configure(['{name: default, push: true, key: /id}', '{name: prices, push: true}', '{name: news, push: true}']);
  assert.deepEqual((await program.reload()).added, ['news']);
  await seen(page, await publish('prices'), [2]);
  now = await seen(page, await publish('default'));
  check(now);
  assert.deepEqual(now.map(({ resets }) => resets), [[], [], []]);
  assert.ok(now[0].deltas > deltas[0], 'the reload interrupted nothing');

  await program.stop();
  await program.start();
  const before = now;
  await seen(page, await publish('default'));
  await seen(page, await publish('prices'), [2]);
  await seen(page, await publish('prices'), [2]);
  now = await seen(page, await publish('default'));
  check(now);
  assert.deepEqual(now.map(({ resets }) => resets), [['epoch'], ['epoch'], ['epoch']]);
  assert.ok(now[0].deltas > before[0].deltas && now[2].deltas > before[2].deltas + 1, 'deltas again');
  await program.stop();
});

test('a server that sends a wrong base, or a patch that fits nowhere, is asked anew without an id', async context => {
  const server = await new TestServer().start();
  context.after(() => server.stop());
  server.extra.set('/blank.html', { type: 'text/html', body: '<!doctype html><title>blank</title>' });
  const answers = [
    delta('e-1', 'snapshot', { n: 1 }) + delta('e-3', 'patch', { base: 'e-2', ops: [{ op: 'replace', path: '/n', value: 3 }] }),
    delta('e-4', 'snapshot', { n: 4 }) + delta('e-5', 'patch',
      { base: 'e-4', ops: [{ op: 'replace', path: '/n', value: 5 }, { op: 'remove', path: '/m' }] }),
    delta('e-6', 'snapshot', { n: 6 }) + delta('e-7', 'patch', { base: 'e-6', ops: [{ op: 'replace', path: '/n', value: 7 }] }),
  ];
  server.answer = (response, _, n) => server.open(response, answers[n]);
  const { page, complaints } = await open(browser);
  await page.goto(`${server.origin}/blank.html`);
  await listen(page, ['/api/sse?mode=patch']);
  const [{ values, deltas, resets }] = await seen(page, 'e-7');
  assert.deepEqual(values.map(({ type, id, text }) => [type, id, text]),
    [['message', 'e-1', '{"n":1}'], ['message', 'e-4', '{"n":4}'], ['message', 'e-6', '{"n":6}'], ['message', 'e-7', '{"n":7}']]);
  assert.deepEqual([deltas, resets], [1, ['delta', 'delta']]);
  assert.deepEqual(server.requests.map(({ url, lastEventId }) => [url, lastEventId]),
    Array(3).fill(['/api/sse?mode=patch&heartbeat=event', undefined]));
  assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []);
});
