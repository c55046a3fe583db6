/** The real program with pages in Chromium: keys that share a connection. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { Program } from './program.js';
import { startReactServer } from './react-server.js';

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
  await program.stop();
});

const USERS = '{name: n, push: true, history: 10000, keys: {match: "[0-9]{1,12}"}}';

/**
 * Starts the program and opens a page with views of its streams. `asked` lists what each connection asked for: its
 * streams, whether it resumed, and what was fresh.
 * @param {string[]} streams as `Program.configure` takes them
 */
async function run(...streams) {
  await program.configure(streams);
  await program.start();
  const { page, complaints } = await open(browser);
  /** @type {string[]} */ const asked = [];
  page.on('request', request => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname !== '/api/sse') return;
    const fresh = searchParams.get('fresh');
    asked.push([searchParams.get('stream'), searchParams.has('last_event_id') ? 'resumes' : '', fresh && `fresh ${fresh}`]
      .filter(Boolean).join(' '));
  });
  await page.goto(`${program.origin}/favicon.svg`);
  await page.evaluate(async () => {
    const [module, own] = ['/client/shared.js', '/client/pollux.js'];
    /** @type {typeof import('../client/shared.js')} */
    const { SharedStreams, canShare } = await import(module);
    /** @type {typeof import('../client/pollux.js')} */
    const { EventStream } = await import(own);
    const streams = new SharedStreams();
    const views = new Map();
    Object.assign(window, {
      views,
      /** @param {string} name */
      enter(name) {
        const url = `/api/sse?stream=${name}`;
        const view = canShare(url) ? streams.open(url) : new EventStream(url); // as the hook does
        /** @type {any[]} */ const diary = [];
        view.addEventListener('value', ({ detail }) => diary.push(detail.value));
        view.addEventListener('reset', ({ detail }) => diary.push(`reset ${detail.reason}`));
        view.addEventListener('problem', ({ detail }) => diary.push(`problem ${detail.kind}`));
        views.set(name, { view, diary });
      },
      /** @param {string} name */
      leave(name) {
        views.get(name).view.close();
        views.delete(name);
      },
    });
  });
  return { page, asked, complaints };
}

/** Opens a view of each stream, in one task. @type {(page: Page, ...names: string[]) => Promise<void>} */
const enter = (page, ...names) => page.evaluate(names => names.forEach(/** @type {any} */ (window).enter), names);

/** Closes views. @type {(page: Page, ...names: string[]) => Promise<void>} */
const leave = (page, ...names) => page.evaluate(names => names.forEach(/** @type {any} */ (window).leave), names);

/** Waits until a view has what is wanted, and returns its diary. @type {(page: Page, name: string, last: any) => Promise<any[]>} */
async function had(page, name, last) {
  await page.waitForFunction(([name, last]) => /** @type {any} */ (window).views.get(name).diary.includes(last), [name, last],
    { timeout: 60_000 });
  return page.evaluate(name => /** @type {any} */ (window).views.get(name).diary, name);
}

/** Waits until a view has that many entries more in its diary. @type {(page: Page, name: string, more: number) => Promise<unknown>} */
const grows = async (page, name, more) => page.waitForFunction(([name, want]) =>
  /** @type {any} */ (window).views.get(name).diary.length >= want,
[name, more + await page.evaluate(name => /** @type {any} */ (window).views.get(name).diary.length, name)]);

/** The state of a view, and the kind of its error. @type {(page: Page, name: string) => Promise<[string, string | undefined]>} */
const look = (page, name) => page.evaluate(name => {
  const { view } = /** @type {any} */ (window).views.get(name);
  return [view.state, view.error?.kind];
}, name);

/** Waits for the state of a view. @type {(page: Page, name: string, state: string) => Promise<unknown>} */
const becomes = (page, name, state) => page.waitForFunction(([name, state]) =>
  /** @type {any} */ (window).views.get(name).view.state === state, [name, state], { timeout: 60_000 });

/**
 * Publishes 1, 2, 3, … to a stream until it is stopped, which returns the last number.
 * @param {string} name
 * @param {number} [first]
 */
function count(name, first = 1) {
  let going = true;
  const done = (async () => {
    let n = first;
    for (; going; n++) {
      await program.publish(name, n);
      await setTimeout(5); // a rush of documents would keep the page from anything else
    }
    return n - 1;
  })();
  return () => {
    going = false;
    return done;
  };
}

/** The numbers from one to another. @type {(first: number, last: number) => number[]} */
const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** How many connections listen to a stream. @type {(name: string) => Promise<number>} */
async function listeners(name) {
  const response = await fetch(`${program.origin}/api/streams?stream=${name}`);
  return response.ok ? (await response.json()).streams[0].clients : 0;
}

test('keys come and go on one connection, and those that stay get every document once, in order', async () => {
  const { page, asked, complaints } = await run(USERS);
  for (const n of [5, 6, 7]) await program.publish('n/3', n);
  const stop = count('n/1');
  await enter(page, 'n/1', 'n/2');
  await grows(page, 'n/1', 20);
  await enter(page, 'n/3');
  assert.deepEqual(await had(page, 'n/3', 7), [7], 'the newest alone, although it is older than the position');
  for (const n of [4, 5, 6, 7, 8]) {
    await enter(page, `n/${n}`);
    await setTimeout(150);
  }
  await leave(page, 'n/2', 'n/4', 'n/5', 'n/6');
  for (let tries = 0; !asked.at(-1)?.startsWith('n/1,n/3,n/7,n/8 resumes'); tries++) {
    assert.ok(tries < 600, asked.join('\n'));
    await setTimeout(50);
  }
  await program.publish('n/3', 8);
  await had(page, 'n/3', 8);
  const last = await stop();
  const diary = await had(page, 'n/1', last);
  assert.deepEqual(diary, numbers(diary[0], last));
  assert.deepEqual(await had(page, 'n/3', 8), [7, 8]);
  assert.deepEqual(asked.slice(0, 2), ['n/1,n/2', 'n/1,n/2,n/3 resumes fresh n/3']);
  assert.ok(asked.length < 12, asked.join('\n'));
  assert.deepEqual(await Promise.all(['n/1', 'n/2', 'n/3', 'n/8'].map(listeners)), [1, 0, 1, 1]);
  assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []); // the icon of the browser
});

test('a server that restarts while keys come: a reset, and the newest of each', async () => {
  const { page, asked } = await run(USERS);
  await enter(page, 'n/1', 'n/2');
  await becomes(page, 'n/1', 'live');
  for (const n of [1, 2, 3]) await program.publish('n/1', n);
  await had(page, 'n/1', 3);
  await program.stop();
  await becomes(page, 'n/1', 'reconnecting');
  await enter(page, 'n/3');
  await program.start();
  for (const name of ['n/1', 'n/2', 'n/3']) await program.publish(name, 10);
  await had(page, 'n/3', 10);
  await program.publish('n/1', 11);
  const diary = await had(page, 'n/1', 11);
  assert.deepEqual(diary.filter(entry => !String(entry).startsWith('problem')), [1, 2, 3, 'reset epoch', 10, 11]);
  assert.deepEqual((await had(page, 'n/3', 10)).filter(entry => !String(entry).startsWith('problem')), ['reset epoch', 10]);
  assert.equal(asked.at(-1), 'n/1,n/2,n/3 resumes fresh n/3');
  assert.deepEqual(await look(page, 'n/1'), ['live', undefined]);
});

test('101 keys are two connections, and each key has its document', async () => {
  const { page, asked } = await run(USERS);
  const names = numbers(1, 101).map(n => `n/${n}`);
  for (const [i, name] of names.entries()) await program.publish(name, i);
  await enter(page, ...names);
  for (const [i, name] of names.entries()) assert.deepEqual(await had(page, name, i), [i]);
  assert.deepEqual(asked.map(streams => streams.split(',').length), [100, 1]);
});

test('a key that does not match has an error, and the others go on', async () => {
  const { page, asked } = await run(USERS);
  await program.publish('n/1', 1);
  await enter(page, 'n/1', 'n/wrong');
  assert.deepEqual(await had(page, 'n/1', 1), [1]);
  await had(page, 'n/wrong', 'problem removed');
  assert.deepEqual([await look(page, 'n/1'), await look(page, 'n/wrong')], [['live', undefined], ['down', 'removed']]);
  await enter(page, 'n/wrong2', 'n/2');
  await becomes(page, 'n/wrong2', 'down');
  await program.publish('n/1', 2);
  await program.publish('n/2', 1);
  assert.deepEqual([await had(page, 'n/1', 2), await had(page, 'n/2', 1)], [[1, 2], [1]]);
  assert.deepEqual([await look(page, 'n/wrong'), await look(page, 'n/wrong2')], Array(2).fill(['down', 'removed']));
  await enter(page, 'n/no%20key', 'n/x%22y');
  await becomes(page, 'n/x%22y', 'reconnecting');
  await program.publish('n/1', 3);
  assert.deepEqual(await had(page, 'n/1', 3), [1, 2, 3]);
  assert.deepEqual([await look(page, 'n/1'), await look(page, 'n/no%20key')], [['live', undefined], ['reconnecting', 'refused']],
    'what cannot be a key has a connection of its own');
  assert.deepEqual(asked.slice(0, 2), ['n/1,n/wrong', 'n/1,n/wrong,n/wrong2,n/2 resumes fresh n/wrong,n/wrong2,n/2']);
});

test('a wrong key that comes first does not keep one that exists away', async () => {
  const { page } = await run(USERS);
  await program.publish('n/1', 1);
  await enter(page, 'n/wrong');
  await becomes(page, 'n/wrong', 'reconnecting');
  assert.deepEqual(await look(page, 'n/wrong'), ['reconnecting', 'refused']);
  await enter(page, 'n/1');
  assert.deepEqual(await had(page, 'n/1', 1), [1]);
  assert.deepEqual([await look(page, 'n/1'), await look(page, 'n/wrong')], [['live', undefined], ['down', 'removed']]);
});

test('a stream that a reload removes has an error, the others go on, and it begins anew when it is back', async () => {
  const { page } = await run(USERS, '{name: k, push: true, keys: {match: "[a-z]+"}}');
  await program.publish('k/a', 'old');
  await enter(page, 'n/1', 'k/a');
  await had(page, 'k/a', 'old');
  const stop = count('n/1');
  await grows(page, 'n/1', 5);
  await program.configure([USERS]);
  await program.reload();
  await had(page, 'k/a', 'problem removed');
  assert.deepEqual([await look(page, 'n/1'), await look(page, 'k/a')], [['live', undefined], ['down', 'removed']]);
  await program.configure([USERS, '{name: k, push: true, keys: {match: "[a-z]+"}}']);
  await program.reload();
  await program.publish('k/a', 'new');
  await grows(page, 'n/1', 5);
  await enter(page, 'n/2');
  assert.deepEqual(await had(page, 'k/a', 'new'), ['old', 'problem removed', 'new'], 'with the next connection');
  const last = await stop();
  const diary = await had(page, 'n/1', last);
  assert.deepEqual(diary, numbers(diary[0], last));
  assert.deepEqual(await look(page, 'k/a'), ['live', undefined]);
});

test('components in StrictMode share a connection, quick changes cost few, and a wrong key concerns its component alone', async context => {
  await program.configure(['{name: prices, push: true, history: 10000, keys: {match: "[A-Z]{2,10}"}}']);
  await program.start();
  await program.publish('prices/XRP', 'newest');
  const server = await startReactServer();
  context.after(() => server.stop());
  server.policy = '';
  const { page, complaints } = await open(browser);
  let opened = 0;
  page.on('request', request => { if (request.url().includes('/api/sse')) opened++; });
  await page.goto(`${server.origin}/react.html?origin=${program.origin}#strict-keys`);
  /** Waits until a component shows what is wanted. @type {(key: string, want: object) => Promise<unknown>} */
  const shows = (key, want) => page.waitForFunction(([key, want]) => {
    const shown = JSON.parse(document.getElementById(key)?.textContent ?? '{}');
    return Object.entries(want).every(([name, value]) => shown[name] === value);
  }, /** @type {const} */ ([key, want]), { timeout: 60_000 });
  /** @type {(...keys: string[]) => Promise<void>} */
  const setKeys = (...keys) => page.evaluate(keys => /** @type {any} */ (window).setKeys(keys), keys);
  await shows('BTC', { status: 'live' });
  assert.equal(opened, 1);
  await page.evaluate(() => {
    /** @type {string[]} */ const seen = [];
    const node = /** @type {Element} */ (document.getElementById('BTC'));
    new MutationObserver(() => {
      const { value, status, error } = JSON.parse(node.textContent ?? '');
      seen.push(`${value} ${status} ${error}`);
    }).observe(node, { childList: true, characterData: true, subtree: true });
    Object.assign(window, { seen });
  });
  const stop = count('prices/BTC');
  await shows('ETH', { status: 'live' });
  for (let n = 0; n < 20; n++) await setKeys('BTC', 'ETH', ...n % 2 ? [] : ['XRP']);
  await setKeys('BTC', 'ETH', 'XRP', 'wrong');
  await shows('XRP', { value: 'newest', status: 'live' });
  await shows('wrong', { status: 'down', error: 'removed' });
  const last = await stop();
  await shows('BTC', { value: last, status: 'live', error: null });
  const seen = await page.evaluate(() => /** @type {any} */ (window).seen);
  // There is one render in a frame: of two documents that come within it, only the second one is seen.
  const shown = seen.map((/** @type {string} */ text) => Number(text.split(' ')[0]));
  assert.deepEqual(seen, shown.map((/** @type {number} */ n) => `${n} live null`));
  assert.ok(shown.every((/** @type {number} */ n, /** @type {number} */ i) => n > (shown[i - 1] ?? 0)), `in order: ${shown}`);
  assert.equal(shown.at(-1), last);
  assert.ok(opened < 20, `${opened} connections`); // 3, if no key is away for 5 s
  assert.equal(await listeners('prices/BTC'), 1);
  await page.evaluate(() => /** @type {any} */ (window).unmount());
  for (let tries = 0; await listeners('prices/BTC') > 0; tries++) {
    assert.ok(tries < 500, 'the connection is still open');
    await setTimeout(20);
  }
  assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []);
});
