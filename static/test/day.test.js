/**
 * A page that is left open for a day: 24 hours by the server's clock, and a document every five seconds. The texts of events
 * are outside of the heap that is measured: their bound is a matter of `Frames`, which parts.test.js tests.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open } from './browser.js';
import { TestServer, event } from './server.js';

/** @import { Browser, CDPSession } from 'playwright-core' */

const HOUR = 720; // documents
const BEGAN = Date.UTC(2026, 10, 30);

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

/** A document with values that change, members and elements that come and go, and long texts. @param {number} n */
function make(n) {
  return {
    n, at: new Date(BEGAN + n * 5000).toISOString(), state: n % HOUR < 60 ? 'degraded' : 'operational', [`request-${n}`]: n,
    jobs: Array.from({ length: 20 }, (_, i) => ({ id: n + i, name: `job ${n + i}`, progress: i * 5 + n % 5 })),
    hosts: Array.from({ length: 20 }, (_, i) => ({ name: `host-${i}`, load: (n * (i + 1)) % 97 / 10, up: n % 500 !== i })),
    page: `${n} ${'words and more '.repeat(n % 10 === 0 ? 2000 : 5)}`,
  };
}

/** What a server sends for an hour. @param {number} hour */
function hourOf(hour) {
  const frames = [];
  for (let n = hour * HOUR; n < (hour + 1) * HOUR; n++) {
    const time = new Date(BEGAN + n * 5000).toISOString();
    frames.push(`event: hb\ndata: ${JSON.stringify({ now: time, made: { default: time } })}\n\n`, event(`d-${n}`, make(n)));
  }
  const state = hour % 2 ? 'stale' : 'live';
  frames.push(`event: status\ndata: ${JSON.stringify({ stream: 'default', state, error: state === 'live' ? '' : 'timeout' })}\n\n`, 'event: reset\ndata: {"reason":"skipped","skipped":2}\n\n');
  return frames;
}

/**
 * The memory that the page and its worker use after a garbage collection, in bytes, and the nodes and listeners of the page.
 * @param {CDPSession} session of the page
 * @param {(method: string) => Promise<any>} worker asks the worker
 */
async function used(session, worker) {
  for (let i = 0; i < 2; i++) for (const ask of [(/** @type {any} */ method) => session.send(method), worker]) await ask('HeapProfiler.collectGarbage');
  const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters');
  const [page, own] = [await session.send('Runtime.getHeapUsage'), await worker('Runtime.getHeapUsage')];
  return { page: page.usedSize, worker: own.usedSize, nodes, listeners: jsEventListeners };
}

/**
 * Attaches to the worker of a page.
 * @param {CDPSession} session of the page
 * @returns {Promise<(method: string) => Promise<any>>} asks the worker
 */
async function attach(session) {
  /** @type {Promise<string>} */
  const attached = new Promise(resolve => session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => { if (targetInfo.type === 'worker') resolve(sessionId); }));
  await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const sessionId = await attached;
  /** @type {Map<number, (answer: any) => void>} */ const asked = new Map();
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message);
    asked.get(id)?.(result);
  });
  let id = 0;
  return method => new Promise(resolve => {
    asked.set(++id, resolve);
    void session.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method }) });
  });
}

test('24 hours of a stream: neither the page nor its worker grows', async context => {
  server.answer = response => server.open(response, event('d-start', make(0)));
  const { page, complaints } = await open(browser, { viewport: { width: 1440, height: 1000 } });
  page.setDefaultTimeout(300_000);
  await page.goto(server.origin);
  await page.locator('#log .event').first().waitFor();
  const session = await page.context().newCDPSession(page);
  const worker = await attach(session);
  /** @type {Awaited<ReturnType<typeof used>>[]} */ const hours = [];
  for (let hour = 0; hour < 24; hour++) {
    const frames = hourOf(hour);
    while (frames.length > 0) server.send(frames.splice(0, 100).join(''));
    await page.waitForSelector(`html[data-last-event-id="d-${(hour + 1) * HOUR - 1}"]`, { state: 'attached' });
    await page.getByRole('tab', { name: hour % 2 ? 'Tree' : 'Table' }).click();
    if ([5, 11, 17, 23].includes(hour)) hours.push(await used(session, worker));
  }
  const [early, ...later] = hours;
  const mb = (/** @type {number} */ n) => `${(n / 1e6).toFixed(1)} MB`;
  context.diagnostic(hours.map(({ page, worker, nodes, listeners }, i) => `${(i + 1) * 6} h: page ${mb(page)}, worker ${mb(worker)}, ${nodes} nodes, ${listeners} listeners`).join('; '));
  for (const each of later) {
    assert.ok(each.page < early.page + 1e6, 'the page grows');
    assert.ok(each.worker < early.worker + 0.7e6, 'the worker grows');
    assert.ok(each.nodes < early.nodes * 1.2 + 500, 'nodes are kept');
    assert.ok(each.listeners < early.listeners * 1.2 + 50, 'listeners are kept');
  }
  assert.equal(await page.getAttribute('html', 'data-events'), String(24 * HOUR + 1));
  assert.equal(await page.getAttribute('html', 'data-resets'), '24');
  assert.match(String(await page.getAttribute('html', 'data-updated-at')), new RegExp(`^${BEGAN + (24 * HOUR - 1) * 5000}`.slice(0, -3)), 'the time is the server\'s');
  assert.deepEqual(complaints, []);
});
