/** The nodes of a cluster on the dashboard: as a server tells of them, and three real ones. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launch, open } from './browser.js';
import { Program, freePorts } from './program.js';
import { TestServer, event } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */

/** @type {Browser} */ let browser;
/** @type {(() => Promise<unknown>)[]} */ const ends = [];

before(async () => { browser = await launch(); });
after(() => browser.close());
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const end of ends.splice(0).reverse()) await end();
});

/** What the page says of each node. @param {Page} page */
const nodes = page => page.evaluate(() => [...document.querySelectorAll('.nodes li')].map(({ children: [name, here, facts] }) =>
  `${name.textContent}${/** @type {HTMLElement} */ (here).hidden ? '' : ' (this node)'}: ${facts.textContent}`));

/** @type {(page: Page, selector: string, want: string) => Promise<unknown>} */
const says = (page, selector, want) => page.waitForFunction(({ selector, want }) => document.querySelector(selector)?.textContent === want, { selector, want });

const list = {
  node: 'b', lag: 0, size: 5,
  nodes: [{ name: 'a', lag: 1200, age: 1.9 }, { name: 'b', lag: 0, age: 0 }, { name: 'c', lag: 0, age: 12.4 }],
  differences: [
    { stream: 'orders', node: 'a', since: '2026-12-01T00:00:00.000Z', keys: ['every', 'url'], missing: null },
    { stream: 'trades', node: 'a', since: '2026-12-01T00:00:00.000Z', keys: [], missing: 'b' },
  ],
  streams: [{ name: 'orders', polledBy: 'a' }, { name: 'prices', polledBy: 'a, b', keys: { match: '.*', count: 2, watched: 1 } }, { name: 'rest', polledBy: 'gone' }],
};

/** @param {any} answer of /api/streams */
async function serve(answer) {
  const server = await new TestServer().start();
  ends.push(() => server.stop());
  server.list = answer;
  server.answer = response => server.open(response, event('e-1', 1));
  return server;
}

test('each node: which one answers, what it polls, how far it is behind; and settings that differ', async () => {
  const server = await serve(list);
  const { page, complaints } = await open(browser);
  await page.goto(`${server.origin}/?all`);
  await says(page, '.cluster h2', '3 of 5 nodes');
  assert.deepEqual(await nodes(page), [
    'a: polls 2 streams · 1,200 events behind', 'b (this node): polls 1 stream · up to date',
    'c: polls nothing · silent for 12 s', 'gone: polls 1 stream · not heard any more',
  ]);
  assert.deepEqual(await page.locator('.differences li').allTextContents(),
    ['orders: a has other settings than this node (every, url).', 'trades: not configured on b.']);
  await says(page, '.stream[data-name="orders"] .by', 'polled by a · settings differ');
  await says(page, '.stream[data-name="rest"] .by', 'polled by gone');
  await page.locator('.nodes button[data-node="gone"]').click();
  await page.waitForFunction(() => document.querySelectorAll('.stream').length === 1);

  await page.goto(`${server.origin}/?stream=orders`);
  await says(page, '#node', 'b');
  await says(page, '#differs', 'a: every, url');
  await says(page, '#by', 'a');

  server.list = { ...list, nodes: list.nodes.map(node => ({ ...node, age: 0, lag: 0 })), size: 3, differences: [], streams: [{ name: 'orders', polledBy: 'a' }] };
  await page.goto(`${server.origin}/?all`);
  await says(page, '.cluster h2', '3 nodes');
  assert.deepEqual(await nodes(page), ['a: polls 1 stream · up to date', 'b (this node): polls nothing · up to date', 'c: polls nothing · up to date']);
  assert.deepEqual(complaints, []);
});

test('who may not read every stream sees the node that answers, and those that poll', async () => {
  const { node, lag, streams } = list;
  const server = await serve({ node, lag, streams });
  const { page } = await open(browser);
  await page.goto(`${server.origin}/?all`);
  await says(page, '.cluster h2', '3 nodes');
  assert.deepEqual(await nodes(page), ['a: polls 2 streams', 'b (this node): polls 1 stream · up to date', 'gone: polls 1 stream']);

  server.list = { streams: [{ name: 'x' }, { name: 'y' }] };
  await page.goto(`${server.origin}/?all`);
  await page.waitForFunction(() => document.querySelectorAll('.stream').length === 2);
  assert.equal(await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('.cluster')).hidden), true, 'a server alone has no nodes');
});

test('three nodes that are a cluster of their own, of which one has other settings, and is killed', async () => {
  const first = await Program.build();
  const names = ['a', 'b', 'c'];
  const ports = await freePorts(3);
  const programs = [first, await first.another(), await first.another()];
  for (const program of programs) ends.push(() => program.remove());
  await Promise.all(programs.map(async (program, i) => {
    await program.configure([`{name: one, mock: true, every: ${i + 1 < names.length ? 1 : 2}s}`, '{name: two, push: true}', '{name: three, push: true}'], [
      `node: ${names[i]}`, `data: ${program.folder}/data`, `cluster_listen: 127.0.0.1:${ports[i]}`,
      `cluster_routes: [${ports.map(port => `127.0.0.1:${port}`).join(', ')}]`,
    ]);
    await program.start();
  }));
  const { page, complaints } = await open(browser);
  page.setDefaultTimeout(180_000);
  await page.goto(`${programs[1].origin}/?all`);
  const polls = () => page.evaluate(() => [...document.querySelectorAll('.nodes li')].map(item => `${item.children[0].textContent}${/** @type {HTMLElement} */ (item.children[1]).hidden ? '' : '!'} ${/polls 1 stream/.test(item.textContent ?? '') ? 1 : 0}`).join());
  await page.waitForFunction(() => document.querySelectorAll('.nodes li').length === 3 && [...document.querySelectorAll('.nodes .facts')].some(facts => /^polls 1 stream · up to date$/.test(facts.textContent ?? '')));
  await says(page, '.cluster h2', '3 nodes');
  assert.match(await polls(), /^a [01],b! [01],c [01]$/);
  await says(page, '.differences', 'one: c has other settings than this node (every, timeout).'); // after a minute, as a change may be under way
  await programs[2].stop();
  await page.waitForFunction(() => document.querySelector('.cluster h2')?.textContent === '2 of 3 nodes');
  assert.deepEqual(complaints, []);
});
