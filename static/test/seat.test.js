/** Tabs of the dashboard, of which those that nobody sees give up their connections when there are many. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BEAT, MOST, Seat } from '../dashboard/seat.js';
import { launch } from './browser.js';
import { TestServer, event, mock } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */

/** Tabs that hear each other. @param {number} n */
function tabs(n) {
  let now = 0;
  /** @type {{seat: Seat, told: string[]}[]} */ const all = [];
  for (let i = 0; i < n; i++) {
    /** @type {string[]} */ const told = [];
    const seat = new Seat(`tab-${i}`, word => { for (const other of all) if (other.seat !== seat) other.seat.hear(word, now); }, event => told.push(event));
    all.push({ seat, told });
  }
  return {
    all,
    /** @param {number} beats */
    pass(beats) {
      for (let i = 0; i < beats; i++) {
        now += BEAT;
        for (const { seat } of all) seat.beat(now);
      }
    },
    /** Which of them have no connection. */
    away: () => all.flatMap(({ told }, i) => (told.at(-1) === 'pagehide' ? [i] : [])),
  };
}

test('4 tabs have a connection, whichever tab is on show', () => {
  const { all, pass, away } = tabs(MOST);
  for (const { seat } of all) seat.look(true);
  pass(10);
  assert.deepEqual(away(), []);
});

test('of 7 hidden tabs 3 give up, and come back when somebody looks', () => {
  const { all, pass, away } = tabs(7);
  for (const { seat } of all) seat.look(true);
  pass(10);
  assert.deepEqual(away(), [0, 1, 2]);
  all[1].seat.look(false);
  assert.equal(all[1].told.at(-1), 'pageshow');
  pass(3);
  assert.deepEqual(away(), [0, 2, 3], 'another one makes room');
  all[1].seat.look(true);
  pass(10);
  assert.deepEqual(away(), [0, 2, 3], 'there is room now');
});

test('a tab that somebody looks at keeps its connection', () => {
  const { all, pass, away } = tabs(6);
  for (const [i, { seat }] of all.entries()) seat.look(i > 0);
  pass(10);
  assert.deepEqual(away(), [1, 2]);
  for (const { seat } of all) seat.look(false);
  pass(10);
  assert.deepEqual(away(), []);
});

test('tabs that were closed do not count', () => {
  const { all, pass, away } = tabs(5);
  pass(1);
  const closed = all.splice(0, 2);
  for (const { seat } of all) seat.look(true);
  pass(2);
  assert.deepEqual(away(), [0], 'who is not known to be closed counts');
  closed.length = 0;
  all[0].seat.look(false);
  pass(3);
  all[0].seat.look(true);
  pass(10);
  assert.deepEqual(away(), []);
});

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => {
  browser = await launch();
  server = await new TestServer().start();
});
after(async () => {
  await browser.close();
  await server.stop();
});

test('8 tabs in a browser: 4 connections, and a tab that somebody looks at shows what came meanwhile', async () => {
  let last = 1;
  server.answer = response => server.open(response, `retry: 60000\n\n${event(`e-${last}`, mock(last))}`);
  const context = await browser.newContext();
  /** @type {Page[]} */ const pages = [];
  /** @type {(page: Page, id: string) => Promise<unknown>} */
  const arrived = (page, id) => page.waitForSelector(`html[data-last-event-id="${id}"]`, { state: 'attached', timeout: 120_000 });
  for (let i = 0; i < 8; i++) {
    const page = await context.newPage();
    pages.push(page);
    await page.addInitScript(() => {
      let hidden = true;
      Object.defineProperty(document, 'hidden', { get: () => hidden });
      Object.assign(window, { look: (/** @type {boolean} */ looks) => {
        hidden = !looks;
        dispatchEvent(new Event('visibilitychange'));
      } });
    });
    await page.goto(server.origin);
    if (i < 4) await arrived(page, 'e-1');
  }
  for (let tries = 0; server.streams.size !== MOST; tries++) {
    assert.ok(tries < 600, `${server.streams.size} connections`);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  last = 2;
  server.send(event('e-2', mock(2)));
  for (const page of pages) {
    await page.evaluate(() => /** @type {any} */ (window).look(true));
    await arrived(page, 'e-2');
    await page.evaluate(() => /** @type {any} */ (window).look(false));
  }
});
