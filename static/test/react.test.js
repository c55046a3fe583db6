/** The React binding, in React 19 in Chromium, and on a server. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { version } from 'react';
import { launch, open } from './browser.js';
import { Model, textOf } from './model.js';
import { startReactServer } from './react-server.js';
import { delta, event, greeting, heartbeat, mock } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { TestServer } from './server.js' */

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => {
  server = await startReactServer();
  server.answer = (response, _, n) => server.open(response, event(`e-${n}`, mock(n)));
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

/** @param {string} component */
async function mount(component) {
  const { page, complaints } = await open(browser);
  // A connection that is closed in the same task never reaches the server, so they are counted here.
  await page.addInitScript(() => {
    const made = /** @type {any} */ (window);
    made.opened = 0;
    window.EventSource = class extends EventSource {
      /** @param {[string | URL, EventSourceInit?]} init */
      constructor(...init) {
        super(...init);
        made.opened++;
        this.addEventListener('message', () => { made.heard = (made.heard ?? 0) + 1; });
      }
    };
  });
  await page.goto(`${server.origin}/react.html#${component}`);
  return { page, calm: () => assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []) };
}

/** Waits until a component shows an event. @type {(page: Page, id: string, lastEventId: string) => Promise<any>} */
async function shows(page, id, lastEventId) {
  await page.waitForFunction(([id, lastEventId]) =>
    document.getElementById(id)?.textContent?.includes(`"lastEventId":"${lastEventId}"`), [id, lastEventId]);
  return JSON.parse(/** @type {string} */ (await page.locator(`#${id}`).textContent()));
}

/** Waits for a number. @type {(what: string, count: () => number, want: number) => Promise<void>} */
async function counted(what, count, want) {
  for (let tries = 0; count() !== want; tries++) {
    assert.ok(tries < 500, `${count()} ${what}, want ${want}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

/** Waits for the number of open streams. @param {number} n */
const streams = n => counted('streams are open', () => server.streams.size, n);

/** Waits for the number of requests for streams. @param {number} n */
const requests = n => counted('requests came', () => server.requests.length, n);

test('this is React 19', () => assert.match(version, /^19\./));

for (const component of ['pair', 'strict']) {
  test(`two components, one connection; it closes with the last of them: ${component}`, async () => {
    const { page, calm } = await mount(component);
    const want = { value: mock(0), status: 'live', error: null, lastEventId: 'e-0', updated: true };
    assert.deepEqual(await shows(page, 'first', 'e-0'), want);
    assert.deepEqual(await shows(page, 'second', 'e-0'), want);
    server.send(event('e-1', mock(1)));
    await shows(page, 'first', 'e-1');
    await shows(page, 'second', 'e-1');
    await page.evaluate(() => document.getElementById('fewer')?.click());
    server.send(event('e-2', mock(2)));
    await shows(page, 'first', 'e-2');
    assert.equal(server.requests.length, 1);
    await page.evaluate(() => /** @type {any} */ (window).unmount());
    await streams(0);
    assert.equal(server.requests.length, 1);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).opened), 1);
    calm();
  });
}

/** What the components show, and how often they were rendered. @param {Page} page */
const parts = page => page.evaluate(() => ['part', 'whole'].map(id => {
  const element = document.getElementById(id);
  return [element?.textContent, Number(element?.dataset.renders)];
}));

test('with select a component renders when its part changes; nothing renders more than once in a frame', async () => {
  server.answer = response => server.open(response, event('e-0', { wanted: 'a', other: '0' }));
  const { page, calm } = await mount('parts');
  await page.waitForFunction(() => document.getElementById('part')?.textContent === 'a' && document.getElementById('whole')?.textContent === '0');
  const [part, whole] = (await parts(page)).map(([, renders]) => Number(renders));
  await page.evaluate(() => {
    /** @type {any} */ (window).frames = [];
    window.requestAnimationFrame = callback => /** @type {any} */ (window).frames.push(callback);
  });
  /** Sends documents, waits for them, and lets one frame pass. @type {(documents: any[]) => Promise<void>} */
  const frame = async documents => {
    const heard = await page.evaluate(() => /** @type {any} */ (window).heard);
    for (const document of documents) server.send(event('e-1', document));
    await page.waitForFunction(n => /** @type {any} */ (window).heard === n, heard + documents.length);
    await page.evaluate(() => {
      for (const callback of /** @type {any} */ (window).frames.splice(0)) callback();
      return new Promise(resolve => setTimeout(resolve)); // React renders in a task
    });
    await page.waitForFunction(other => document.getElementById('whole')?.textContent === other, documents[documents.length - 1].other);
  };
  await frame([{ wanted: 'a', other: '1' }, { wanted: 'b', other: '2' }, { wanted: 'a', other: '3' }]);
  assert.deepEqual(await parts(page), [['a', part], ['3', whole + 1]]);
  await frame([{ wanted: 'c', other: '4' }]);
  assert.deepEqual(await parts(page), [['c', part + 1], ['4', whole + 2]]);
  calm();
});

test('the initial value is shown until the first document', async () => {
  server.answer = response => server.open(response);
  const { page, calm } = await mount('parts');
  await page.waitForFunction(() => document.getElementById('part')?.dataset.status === 'live');
  assert.equal(await page.locator('#part').textContent(), 'initial');
  server.send(event('e-0', { wanted: 'a', other: '0' }));
  await page.waitForFunction(() => document.getElementById('part')?.textContent === 'a');
  calm();
});

test('another URL is another connection, and begins empty', async () => {
  const { page, calm } = await mount('strict');
  await shows(page, 'first', 'e-0');
  server.answer = response => server.open(response);
  await page.evaluate(() => document.getElementById('other')?.click());
  const shown = await shows(page, 'first', '');
  assert.deepEqual([shown.value, shown.updated], [undefined, false]);
  await requests(2); // including the old stream
  await streams(1);
  assert.deepEqual(server.requests.map(({ url }) => url),
    ['/api/sse?heartbeat=event', '/api/sse?stream=other&heartbeat=event']);
  calm();
});

/** Answers as Pollux does. */
function serveModel() {
  const model = new Model();
  server.answer = (response, request) => {
    const header = /** @type {string | undefined} */ (request.headers['last-event-id']) ?? '';
    server.open(response);
    const close = model.connect(request.url ?? '', header, frame => response.write(textOf(frame)));
    response.on('close', close);
  };
  return model;
}

/** The streams of each request, and those that were fresh. */
const asked = () => server.requests.map(({ url }) => {
  const { searchParams } = new URL(url, server.origin);
  return [searchParams.get('stream'), ...searchParams.getAll('fresh')].join(' ');
});

for (const component of ['keys', 'strict-keys']) {
  test(`components with different keys share one connection, and no document is lost: ${component}`, async () => {
    const model = serveModel();
    for (const [key, value] of /** @type {const} */ ([['BTC', 1], ['ETH', 2], ['XRP', 3]])) model.publish(`prices/${key}`, value);
    const { page, calm } = await mount(component);
    assert.deepEqual(await shows(page, 'BTC', 'e-1'), { value: 1, status: 'live', error: null, lastEventId: 'e-1', updated: true });
    assert.equal((await shows(page, 'ETH', 'e-2')).value, 2);
    assert.deepEqual(asked(), ['prices/BTC,prices/ETH']);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).opened), 1);

    const seen = page.evaluate(() => new Promise(resolve => {
      /** @type {string[]} */ const texts = [];
      const node = /** @type {Element} */ (document.getElementById('BTC'));
      new MutationObserver(() => {
        const { value, status } = JSON.parse(node.textContent ?? '');
        texts.push(`${value} ${status}`);
        if (value === 12) resolve(texts);
      }).observe(node, { childList: true, characterData: true, subtree: true });
    }));
    for (let n = 10; n < 13; n++) {
      await page.evaluate(keys => /** @type {any} */ (window).setKeys(keys), n % 2 ? ['BTC', 'ETH'] : ['BTC', 'ETH', 'XRP']);
      const id = model.publish('prices/BTC', n);
      await shows(page, 'BTC', id);
      if (n === 10) assert.equal((await shows(page, 'XRP', 'e-3')).value, 3);
    }
    assert.deepEqual(await seen, ['10 live', '11 live', '12 live'], 'every document, and no other state');
    assert.equal((await shows(page, 'ETH', 'e-2')).status, 'live');
    await streams(1);
    assert.equal(server.streams.size, 1);

    model.tell('prices/ETH', 'down');
    await page.waitForFunction(() => document.getElementById('ETH')?.textContent?.includes('"status":"down"'));
    assert.equal((await shows(page, 'BTC', 'e-6')).status, 'live');

    await page.evaluate(() => /** @type {any} */ (window).setKeys(['ETH']));
    model.publish('prices/ETH', 20);
    assert.deepEqual(await shows(page, 'ETH', 'e-7'), { value: 20, status: 'down', error: null, lastEventId: 'e-7', updated: true });
    await counted('streams are asked for', () => (asked().at(-1) === 'prices/ETH' ? 1 : 0), 1);
    model.publish('prices/ETH', 21);
    await shows(page, 'ETH', 'e-8');
    await page.evaluate(() => /** @type {any} */ (window).unmount());
    await streams(0);
    calm();
  });
}

test('a component that changes its key has one connection, and begins with the newest document of that key', async () => {
  const model = serveModel();
  model.publish('prices/ETH', 2);
  model.publish('prices/BTC', 1);
  const { page, calm } = await mount('key');
  await shows(page, 'first', 'e-2');
  await page.evaluate(() => /** @type {any} */ (window).setKey('ETH'));
  assert.deepEqual(await shows(page, 'first', 'e-1'), { value: 2, status: 'live', error: null, lastEventId: 'e-1', updated: true });
  await page.evaluate(() => /** @type {any} */ (window).setKey('NEW'));
  await page.waitForFunction(() => document.getElementById('first')?.textContent?.includes('"status":"live","error":null,"lastEventId":""'));
  await streams(1);
  assert.deepEqual(asked(), ['prices/BTC', 'prices/ETH', 'prices/NEW']);
  model.publish('prices/NEW', 5);
  assert.equal((await shows(page, 'first', 'e-3')).value, 5);
  calm();
});

test('with mode=patch the hook shows whole documents', async () => {
  server.answer = (response, _, n) => server.open(response, delta(`e-${n}`, 'snapshot', { a: { b: n }, c: [1] }));
  const { page, calm } = await mount('patch');
  assert.deepEqual((await shows(page, 'first', 'e-0')).value, { a: { b: 0 }, c: [1] });
  server.send(delta('u-1', 'patch', { base: 'e-0', ops: [{ op: 'add', path: '/c/-', value: 2 }] }));
  const want = { value: { a: { b: 0 }, c: [1, 2] }, status: 'live', error: null, lastEventId: 'u-1', updated: true };
  assert.deepEqual(await shows(page, 'first', 'u-1'), want);
  server.send(delta('u-3', 'patch', { base: 'u-2', ops: [] }));
  assert.deepEqual((await shows(page, 'first', 'e-1')).value, { a: { b: 1 }, c: [1] });
  assert.deepEqual(server.requests.map(({ url, lastEventId }) => [url, lastEventId]),
    [['/api/sse?mode=patch&heartbeat=event', undefined], ['/api/sse?mode=patch&heartbeat=event', undefined]]);
  calm();
});

test('without a URL there is no connection', async () => {
  const { page, calm } = await mount('none');
  assert.equal((await shows(page, 'first', '')).status, 'closed');
  assert.equal(server.requests.length, 0);
  calm();
});

test('the hook tells status and errors', async () => {
  server.answer = (response, _, n) => server.open(response, `retry: 600000\n\n${event(`e-${n}`, mock(n))}`);
  const { page, calm } = await mount('pair');
  await shows(page, 'first', 'e-0');
  const status = async (/** @type {string} */ want) => page.waitForFunction(want =>
    JSON.parse(document.getElementById('first')?.textContent ?? '{}').status === want, want);
  for (const want of ['stale', 'down', 'live']) {
    server.send(`event: status\ndata: {"state":"${want}"}\n\n`);
    await status(want);
  }
  server.cut();
  await status('reconnecting');
  const shown = await shows(page, 'first', 'e-0');
  assert.deepEqual([shown.value, shown.error], [mock(0), 'dropped']);
  calm();
});

test('SseExample connects, shows state, errors and updates, and reconnects by itself', async () => {
  server.answer = (response, _, n) => server.open(response, `retry: 3000\n\n${event(`e-${n}`, mock(n))}`);
  const { page, calm } = await mount('example');
  const example = page.locator('.sse-example');
  await page.waitForSelector('.sse-example[data-status="live"] li');
  assert.equal(await example.getByRole('status').textContent(), 'Live');
  assert.match(String(await example.locator('li').textContent()), /0 Random update: 0$/);
  for (let i = 1; i <= 12; i++) server.send(event(`u-${i}`, mock(i)));
  await page.waitForFunction(() => document.querySelector('.sse-example strong')?.textContent === '12');
  assert.deepEqual(await example.locator('strong').allTextContents(), ['12', '11', '10', '9', '8', '7', '6', '5', '4', '3']);
  server.end();
  await page.waitForSelector('.sse-example[data-status="reconnecting"]');
  assert.match(String(await example.getByRole('alert').textContent()), /lost/);
  await page.waitForSelector('.sse-example[data-status="live"]');
  assert.equal(await example.getByRole('alert').count(), 0);
  assert.equal(server.requests[1].lastEventId, 'u-12');
  server.send(event('x', { any: '<b>other</b>' }));
  await page.waitForFunction(() => document.querySelector('.sse-example code')?.textContent === '{"any":"<b>other</b>"}');
  assert.equal(server.requests.length, 2);
  calm();
});

test('the hook tells how old the document is, and renders anew when that is told', async () => {
  const madeAt = Date.now() - 8000;
  server.answer = response => server.open(response, greeting(8000, event('e-1', mock(1))));
  const { page, calm } = await mount('strict');
  /** @type {(pattern: RegExp) => Promise<any>} */
  const aged = pattern => page.waitForFunction(pattern =>
    new RegExp(pattern).test(document.getElementById('first')?.dataset.age ?? ''), pattern.source);
  await shows(page, 'first', 'e-1');
  await aged(/^([89]|\d\d)\d{3}$/);
  const told = Number(await page.locator('#first').getAttribute('data-made-at'));
  assert.ok(Math.abs(told - madeAt) < 50_000, `${told - madeAt}`);
  server.send(event('e-2', mock(2)));
  await shows(page, 'first', 'e-2');
  await aged(/^\d{1,4}$/);
  server.send(heartbeat({ age: 3_600_000 }));
  await aged(/^36\d{5}$/);
  calm();
});

test('a reset, a heartbeat and a document that cannot be read are no updates', async () => {
  server.answer = response => server.open(response, greeting(0, event('e-0', mock(0))));
  const { page, calm } = await mount('example');
  await page.waitForSelector('.sse-example li');
  server.send(`event: reset\ndata: {"reason":"evicted"}\n\n${heartbeat({ age: 0, id: 'e-9' })}id: e-10\ndata: {"half":\n\n` +
    event('e-11', mock(11)));
  await page.waitForFunction(() => document.querySelector('.sse-example strong')?.textContent === '11');
  assert.deepEqual(await page.locator('.sse-example strong').allTextContents(), ['11', '0']);
  calm();
});

test('SseExample that mounts late shows the newest update, once', async () => {
  const { page, calm } = await mount('late');
  await page.waitForSelector('.sse-example li');
  server.send(event('e-1', mock(1)));
  await page.waitForFunction(() => document.querySelector('.sse-example strong')?.textContent === '1');
  assert.deepEqual(await page.locator('.sse-example strong').allTextContents(), ['1', '0']);
  assert.equal(server.requests.length, 1);
  calm();
});

test('a function for the token is called for each try, in its newest form, and does not reconnect', async () => {
  server.answer = (response, _, n) => server.open(response, `retry: 50\n\n${event(`e-${n}`, mock(n))}`);
  const { page, calm } = await mount('signed');
  await shows(page, 'first', 'e-0');
  for (const n of [2, 3, 4]) {
    await page.evaluate(n => /** @type {any} */ (window).setN(n), n);
    await page.waitForSelector(`#rendered[data-n="${n}"]`);
  }
  server.cut();
  await shows(page, 'first', 'e-1');
  await page.evaluate(() => /** @type {any} */ (window).setBoth(false));
  await page.waitForSelector('#second', { state: 'detached' });
  server.cut();
  await shows(page, 'first', 'e-2');
  assert.deepEqual(server.requests.map(({ authorization }) => authorization), ['Bearer second-1', 'Bearer second-4', 'Bearer first-4']);
  assert.equal(await page.evaluate(() => /** @type {any} */ (window).opened), 0, 'native EventSource has no headers');
  calm();
});

test('another token as a text is another connection; a refusal is said in words', async () => {
  server.answer = (response, request) => {
    if (request.headers.authorization === 'Bearer two') return server.open(response, event('e-1', mock(1)));
    response.writeHead(401, { 'Content-Type': 'application/problem+json' }).end('{"detail":"The token is not valid."}');
  };
  const { page, calm } = await mount('fixed');
  const example = page.locator('.sse-example');
  await page.waitForSelector('.sse-example [role=alert]');
  assert.equal(await example.getByRole('alert').textContent(), 'The token is not valid.');
  assert.equal(await example.getByRole('status').textContent(), 'Reconnecting: The server wants a token');
  await page.evaluate(() => /** @type {any} */ (window).setToken('two'));
  await page.waitForSelector('.sse-example[data-status="live"] li');
  assert.deepEqual(server.requests.map(({ authorization }) => authorization), ['Bearer one', 'Bearer two']);
  calm();
});

test('on a server it imports and renders, and opens nothing', async () => {
  // A separate process, without the globals of a browser or a test.
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', `
    globalThis.EventSource = class { constructor() { throw new Error('opened a connection'); } };
    const { createElement } = await import('react');
    const { renderToString } = await import('react-dom/server');
    const { SseExample } = await import('../client/react.js');
    console.log(renderToString(createElement(SseExample, { url: '/api/sse' })));
    const { usePollux } = await import('../client/react.js');
    const Price = () => usePollux('/api/sse', { initial: { n: 7 }, select: document => document }).value.n;
    console.log('price', renderToString(createElement(Price)));
  `], { cwd: fileURLToPath(new URL('.', import.meta.url)) });
  assert.match(stdout, /data-status="connecting"/);
  assert.match(stdout, /Connecting: Opening the stream/);
  assert.match(stdout, /price 7/, 'and the initial value');
});

test('with the option tabs, components of several tabs have one connection', async () => {
  server.policy = ''; // which lets the worker have it
  const context = await browser.newContext();
  /** @type {Page[]} */ const pages = [];
  for (let n = 0; n < 3; n++) {
    const page = await context.newPage();
    await page.goto(`${server.origin}/react.html#tabs`);
    pages.push(page);
  }
  const want = { value: mock(0), status: 'live', error: null, lastEventId: 'e-0', updated: true };
  for (const page of pages) for (const id of ['first', 'second']) assert.deepEqual(await shows(page, id, 'e-0'), want);
  server.send(event('e-1', mock(1)));
  for (const page of pages) for (const id of ['first', 'second']) await shows(page, id, 'e-1');
  await requests(1);
  await pages[0].close();
  await pages[1].evaluate(() => /** @type {any} */ (window).setBoth(false));
  server.send(event('e-2', mock(2)));
  for (const page of pages.slice(1)) await shows(page, 'first', 'e-2');
  await requests(1);
  for (const page of pages.slice(1)) await page.evaluate(() => /** @type {any} */ (window).unmount());
  await streams(0);
  await context.close();
});
