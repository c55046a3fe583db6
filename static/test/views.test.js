/** The views of one stream: the tree, the table, the events, the chart, code to copy, and how large they are. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { SAMPLES } from './samples.js';
import { TestServer, event, mock } from './server.js';

/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => { server = await new TestServer().start(); });
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

/** @param {{path?: string, options?: BrowserContextOptions}} [how] */
async function visit({ path = '/', options } = {}) {
  const { page, complaints } = await open(browser, { reducedMotion: 'reduce', viewport: { width: 1440, height: 1000 }, ...options });
  page.setDefaultTimeout(120_000);
  await page.goto(server.origin + path);
  return { page, complaints };
}

/** @type {(page: Page, id: string) => Promise<unknown>} */
const arrived = (page, id) => page.waitForSelector(`html[data-last-event-id="${id}"]`, { state: 'attached' });

/** @type {(page: Page, selector: string, want: RegExp) => Promise<unknown>} */
const says = (page, selector, want) => page.waitForFunction(({ selector, source }) =>
  new RegExp(source).test(document.querySelector(selector)?.textContent ?? ''), { selector, source: want.source });

/** Waits until the clipboard has a text. @type {(page: Page, want: string) => Promise<void>} */
async function copied(page, want) {
  const read = () => page.evaluate(() => navigator.clipboard.readText());
  for (let tries = 0; await read() !== want && tries < 500; tries++) await setTimeout(20);
  assert.equal(await read(), want);
}

/** The rows of the tree: name, value, and what is beside it. @param {Page} page */
const tree = page => page.locator('.leaf').evaluateAll(rows => rows.map(row => [...row.querySelectorAll('.name, .value')].map(({ textContent }) => textContent).join('=')));

const DOCUMENT = { service: 'shop', state: 'operational', n: 1, at: '2026-11-30T18:00:00Z', nested: { deep: { x: [1, 2, 3] } }, big: 1 };

test('the tree: fold and unfold by mouse and keys, search, and copy a path and a value', async () => {
  server.answer = response => server.open(response, event('e-1', DOCUMENT));
  const { page, complaints } = await visit({ options: { permissions: ['clipboard-read', 'clipboard-write'] } });
  await page.locator('.leaf').nth(7).waitFor();
  assert.ok((await tree(page)).includes('service=shop'));
  const list = page.locator('.treelist');
  await list.focus();
  const current = () => page.evaluate(() => document.getElementById(document.querySelector('.treelist')?.getAttribute('aria-activedescendant') ?? '')?.querySelector('.name')?.textContent);
  await page.keyboard.press('ArrowDown');
  assert.equal(await current(), 'service');
  for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowDown');
  assert.equal(await current(), 'nested');
  const rows = await page.locator('.leaf').count();
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction(rows => document.querySelectorAll('.leaf').length < rows, rows);
  assert.equal(await page.locator('.leaf[aria-selected=true]').getAttribute('aria-expanded'), 'false');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(rows => document.querySelectorAll('.leaf').length === rows, rows);
  await page.locator('.leaf', { hasText: 'state' }).first().click();
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole('button', { name: 'Copy path' }).click();
  await says(page, '.pathbar .said', /Copied/);
  assert.equal(await clipboard(), '.state');
  await page.getByRole('button', { name: 'Copy value' }).click();
  await copied(page, 'operational');
  await page.locator('.leaf', { hasText: 'service' }).first().click();
  await list.focus();
  await page.keyboard.press('c');
  await copied(page, 'shop');
  await page.getByRole('button', { name: 'Fold', exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll('.leaf').length === 7);
  await page.getByRole('button', { name: 'Unfold', exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll('.leaf').length === 12);
  await page.getByLabel('Search the document').fill('DEEP');
  await page.waitForFunction(() => document.querySelectorAll('.leaf').length === 3);
  assert.deepEqual((await tree(page)).map(row => row.split('=')[0]), ['document', 'nested', 'deep']);
  assert.deepEqual(complaints, []);
});

test('what changed: lit, with what it was, since when; and compared with any earlier event', async () => {
  server.answer = response => server.open(response, event('e-1', DOCUMENT));
  const { page, complaints } = await visit();
  await page.locator('.leaf').nth(5).waitFor();
  server.send(event('e-2', { ...DOCUMENT, state: 'degraded' }));
  await arrived(page, 'e-2');
  await says(page, '#headline', /^degraded$/);
  await says(page, '.now .was', /^was operational/);
  await page.waitForFunction(() => [...document.querySelectorAll('.leaf')].some(row => /state/.test(row.textContent ?? '') && /was operational/.test(row.textContent ?? '') && /** @type {HTMLElement} */ (row).dataset.lit === '2'));
  assert.equal(await page.locator('.chart .state').count(), 2, 'the states are a strip of the chart');
  server.send(event('e-3', { ...DOCUMENT, state: 'operational', n: 2, extra: true }));
  await arrived(page, 'e-3');
  await page.locator('#log .event button').last().click();
  await page.getByRole('button', { name: 'Compare with newest' }).click();
  await says(page, '.documents .tools .count', /^2 different$/);
  assert.deepEqual(await page.locator('.leaf[data-was]').evaluateAll(rows => rows.map(row => row.querySelector('.extra span')?.textContent)), ['was 1', 'was (new)']);
  const against = page.getByLabel('Compare with an earlier event');
  await against.focus(); // which lists them
  await page.waitForFunction(() => document.querySelectorAll('[aria-label="Compare with an earlier event"] option').length === 3);
  await against.evaluate(select => {
    /** @type {HTMLSelectElement} */ (select).selectedIndex = 1;
    select.dispatchEvent(new Event('change'));
  });
  await says(page, '.documents .tools .count', /^3 different$/);
  assert.deepEqual(complaints, []);
});

test('a list is a table: it sorts, the changed cell lights, and a number has its course', async () => {
  const make = (/** @type {number} */ n) => ({ rows: [{ id: 'x-10', v: 5, s: 'up' }, { id: 'x-2', v: n, s: n > 10 ? 'down' : 'up' }, { id: 'x-3', v: 7, s: 'up' }], others: [{ id: 'a' }, { id: 'b' }] });
  server.answer = response => server.open(response, event('e-1', make(1)));
  const { page, complaints } = await visit();
  await page.locator('.gridrow').nth(2).waitFor();
  assert.equal(await page.getByRole('tab', { name: 'Table' }).getAttribute('aria-selected'), 'true');
  for (const n of [9, 11, 20]) {
    server.send(event(`e-${n}`, make(n)));
    await arrived(page, `e-${n}`);
  }
  const column = (/** @type {number} */ i) => page.locator('.gridrow').evaluateAll((rows, i) => rows.sort((a, b) => Number(a.getAttribute('aria-rowindex')) - Number(b.getAttribute('aria-rowindex')))
    .map(row => row.children[i].querySelector('span')?.textContent), i);
  assert.deepEqual(await column(0), ['x-10', 'x-2', 'x-3']);
  const head = page.getByRole('columnheader').filter({ hasText: 'id' });
  await head.getByRole('button').click();
  await page.waitForFunction(() => document.querySelector('[aria-sort=ascending]'));
  await page.waitForFunction(() => [...document.querySelectorAll('.gridrow')].find(row => row.getAttribute('aria-rowindex') === '2')?.textContent?.startsWith('x-2'));
  assert.deepEqual(await column(0), ['x-2', 'x-3', 'x-10'], 'as people sort');
  const cell = page.locator('.gridrow', { hasText: 'x-2' }).locator('[data-kind=number]');
  assert.equal(await cell.getAttribute('data-lit') !== null, true);
  assert.ok(await cell.locator('.spark').isVisible());
  assert.equal(await page.locator('.gridrow', { hasText: 'x-3' }).locator('[data-kind=number]').getAttribute('data-lit'), null);
  await page.getByRole('button', { name: 'Changed first' }).click();
  await page.waitForFunction(() => [...document.querySelectorAll('.gridrow')].find(row => row.getAttribute('aria-rowindex') === '4')?.textContent?.startsWith('x-3'));
  assert.deepEqual(await column(0), ['x-2', 'x-10', 'x-3']);
  await page.getByLabel('Which list').evaluate(select => {
    /** @type {HTMLSelectElement} */ (select).selectedIndex = 1;
    select.dispatchEvent(new Event('change'));
  });
  await page.waitForFunction(() => document.querySelectorAll('.gridrow').length === 2);
  assert.deepEqual(await column(0), ['a', 'b']);
  assert.deepEqual(complaints, []);
});

test('a list whose objects have no plain values has no table, whatever its number of rows', async () => {
  server.answer = response => server.open(response, event('e-1', { rows: [{ a: [{ b: [1] }] }, { a: [] }], n: 1 }));
  const { page, complaints } = await visit();
  await arrived(page, 'e-1');
  const table = page.getByRole('tab', { name: 'Table' });
  if (await table.isVisible()) await table.click();
  assert.equal(await page.getByRole('row').filter({ hasNot: page.locator('*') }).count(), 0, 'no row is without cells');
  assert.deepEqual(complaints, []);
});

test('several numbers are pinned into one chart, and taken out again', async () => {
  server.answer = response => server.open(response, event('e-0', { list: [{ v: 1 }, { v: 2 }] }));
  const { page: still } = await visit();
  await says(still, '#headline', /^2 items$/);
  assert.equal(await still.locator('.chart').isVisible(), false, 'nothing has a course yet');
  server.answer = response => server.open(response, [1, 2, 3].map(n => event(`e-${n}`, { mem: n * 1e9, cpu: n / 10, name: 'x' })).join(''));
  const { page, complaints } = await visit();
  await page.locator('.fields li').first().waitFor();
  assert.match(String(await page.locator('.fields .name').first().textContent()), /^(?:cpu|mem)$/);
  assert.equal(await page.locator('.chart .line').count(), 1);
  await page.getByRole('button', { name: /^Chart (?:cpu|mem)$/ }).click();
  await page.waitForFunction(() => document.querySelectorAll('.chart .line').length === 2 && document.querySelectorAll('.legend li').length === 2);
  assert.ok(await page.locator('.chart .time').count() > 0, 'an axis of time');
  await page.getByRole('button', { name: 'Remove cpu from the chart' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.legend li').length === 1);
  await page.locator('.leaf', { hasText: 'cpu' }).first().click();
  await page.getByRole('button', { name: 'Chart', exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll('.legend li').length === 2);
  assert.deepEqual(complaints, []);
});

test('times are shown as times, and a large number as it was written', async () => {
  const at = Date.UTC(2026, 10, 30, 18);
  server.answer = response => server.open(response, `id: e-1\ndata: {"generated":${at},"last_updated":${at / 1000},"iso":"2026-11-30T18:00:00Z","exact":9007199254740993,"price":1.10}\n\n`);
  const { page } = await visit({ options: { timezoneId: 'UTC' } });
  await page.locator('.leaf').nth(5).waitFor();
  assert.deepEqual((await tree(page)).slice(1, 6), ['generated=2026-11-30 18:00:00', 'last_updated=2026-11-30 18:00:00', 'iso=2026-11-30 18:00:00', 'exact=9007199254740993', 'price=1.1']);
  server.send(`id: e-2\ndata: {"generated":${at + 60_000},"last_updated":${at / 1000 + 60},"iso":"2026-11-30T18:01:00Z","exact":9007199254740993,"price":1.10}\n\n`);
  await arrived(page, 'e-2');
  await page.waitForFunction(() => document.querySelectorAll('#log .event').length === 2);
  const beside = () => page.locator('.leaf .extra').evaluateAll(all => all.map(({ textContent }) => textContent).slice(1, 5));
  const was = 'was 2026-11-30 18:00:00';
  assert.deepEqual(await beside(), [was, was, was, ''], 'and so is what they were');
  await page.locator('#log .event button').first().click();
  await page.locator('.changes li').nth(2).waitFor();
  assert.deepEqual(await page.locator('.changes del, .changes ins').allTextContents(), Array(3).fill(['2026-11-30 18:00:00', '2026-11-30 18:01:00']).flat());
});

test('events: pause, filter, expand, the change, the frame, curl; and selected text stays selected', async () => {
  server.answer = response => server.open(response, [1, 2, 3].map(n => event(`e-${n}`, mock(n))).join(''));
  const { page, complaints } = await visit({ options: { permissions: ['clipboard-read', 'clipboard-write'] } });
  await page.locator('#log .event').nth(2).waitFor();
  const newest = () => page.locator('#log .event').first().getAttribute('data-n');
  await page.locator('#pause').click();
  server.send(event('e-4', mock(4)) + event('e-5', mock(5)));
  await says(page, '#pause', /^Resume \(2 new\)$/);
  assert.equal(await newest(), '3');
  await says(page, '#headline', /^5$/);
  await page.locator('#pause').click();
  await page.waitForFunction(() => document.querySelectorAll('#log .event').length === 5);
  await page.getByLabel('Filter the events').fill('e-4');
  await page.waitForFunction(() => document.querySelectorAll('#log .event').length === 1);
  await page.getByLabel('Filter the events').fill('');
  await page.waitForFunction(() => document.querySelectorAll('#log .event').length === 5);
  await page.locator('#log .event[data-n="4"] button').click();
  assert.equal(await page.locator('.detail pre').textContent(), `id: e-4\ndata: ${JSON.stringify(mock(4))}`);
  assert.deepEqual(await page.locator('.changes li').first().locator('.label, del, ins').allTextContents(), ['value', '3', '4']);
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await says(page, '.detail .said', /Copied/);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `curl -N '${server.origin}/api/sse?last_event_id=e-3&replay=all&limit=1'`);
  await page.evaluate(() => getSelection()?.selectAllChildren(/** @type {Node} */ (document.querySelector('#log .event[data-n="2"] .summary'))));
  const selected = () => page.evaluate(() => String(getSelection()));
  const before = await selected();
  assert.match(before, /value: 1 → 2/);
  server.send(Array.from({ length: 200 }, (_, n) => event(`f-${n}`, mock(n % 100))).join(''));
  await arrived(page, 'f-199');
  await says(page, '#count', /205 so far/);
  assert.equal(await selected(), before);
  await page.evaluate(() => getSelection()?.removeAllRanges());
  server.send(event('g-1', mock(1)));
  await page.waitForFunction(() => Number(document.querySelector('#log .event')?.getAttribute('data-n')) > 0 && [...document.querySelectorAll('#log .event')].some(row => row.getAttribute('data-n') === '206'));
  assert.deepEqual(complaints, []);
});

test('code to copy has the address, whatever the name of the stream', async () => {
  server.answer = response => server.open(response, event('e-1', 1));
  const { page } = await visit({ path: `/?stream=${encodeURIComponent('prices/\'$(x)\'`"')}` });
  const url = `${server.origin}/api/sse?stream=prices/%27%24(x)%27%60%22`;
  await says(page, '#snippet', /curl/);
  assert.equal(await page.locator('#snippet').textContent(), `curl -N '${url}'`);
  for (const name of ['JavaScript', 'React', 'Go', 'Python']) {
    await page.getByRole('tab', { name }).click();
    assert.ok((await page.locator('#snippet').textContent())?.includes(url), name);
  }
});

test('attack: 60 pieces of script in values, keys, errors, names and texts of the server stay text', async () => {
  const scripts = ['<img src=x onerror="window.hacked=1">', '<script>window.hacked=1</script>', '"><svg onload=window.hacked=1>', "javascript:window.hacked=1", '{{constructor.constructor("window.hacked=1")()}}',
    '<iframe srcdoc="<script>parent.hacked=1</script>">', '<a href="javascript:window.hacked=1">x</a>', "';window.hacked=1;'", '<style>*{background:url(javascript:window.hacked=1)}</style>', '<math><mi xlink:href="javascript:window.hacked=1">', '${window.hacked=1}', '<body onload=window.hacked=1>'];
  let n = 0;
  for (const script of scripts) {
    server.names = [{ name: script, keys: { match: script } }, 'default'];
    const about = { name: 'default', state: 'live', every: script, error: script, polledBy: script, notBeforeReason: script, lastSuccess: new Date().toISOString(), age: 1, nextPoll: new Date(Date.now() + 9000).toISOString(), events: 0 };
    server.about = () => ({ status: 200, body: JSON.stringify({ streams: [about] }) });
    server.answer = response => server.open(response, [1, 2].map(i => event(`e${script}-${i}`, { [script]: script + i, list: [{ id: script, name: script, v: i }, { id: 'b', name: 'x', v: 0 }], message: script, unit: script, state: script })).join('') +
      `event: status\ndata: ${JSON.stringify({ stream: script, state: 'down', error: script, since: script, lastSuccess: script })}\n\nevent: reset\ndata: ${JSON.stringify({ reason: script })}\n\ndata: ${script}\n\n`);
    const { page, complaints } = await visit({ path: '/?stream=default' });
    await page.locator('#log .event').nth(4).waitFor();
    for (const row of await page.locator('#log .event button').all()) await row.click();
    await page.getByRole('tab', { name: 'Tree' }).click();
    await page.locator('.leaf').first().waitFor();
    await page.goto(`${server.origin}/?all`);
    await page.locator('.stream').nth(1).waitFor();
    server.about = () => ({ status: 404, body: JSON.stringify({ detail: script, streams: [script] }) });
    await page.goto(`${server.origin}/?stream=${encodeURIComponent(`x${script.replaceAll('/', '')}`)}`);
    await page.locator('#door').waitFor();
    assert.equal(await page.locator('main img, main script, main iframe, main style, main math, body > script').count(), 0, script);
    assert.equal(await page.evaluate(() => 'hacked' in window), false, script);
    assert.deepEqual(complaints.filter(text => !/^Failed to load resource/.test(text)), [], script);
    n += 5; // as a value, as a key, as an error, as a name, as a text of the server
    await page.context().close();
  }
  assert.equal(n, 60);
});

test('a screen of 4 k is filled, and its texts and rows are as large as that', async () => {
  const { make } = /** @type {import('./samples.js').Sample} */ (SAMPLES.find(({ name }) => name === 'quotes'));
  server.answer = response => server.open(response, [0, 4, 7].map(n => event(`e-${n}`, make(n))).join(''));
  const { page } = await visit({ options: { viewport: { width: 3840, height: 2160 } } });
  await page.locator('.gridrow').nth(1).waitFor();
  await page.locator('.gridrow .spark:not([hidden])').first().waitFor();
  const size = (/** @type {string} */ selector) => page.evaluate(selector => {
    const node = /** @type {Element} */ (document.querySelector(selector));
    const { width, height } = node.getBoundingClientRect();
    return { width, height, text: parseFloat(getComputedStyle(node).fontSize) };
  }, selector);
  assert.ok((await size('main')).width > 2600, 'the page');
  assert.ok((await size('body')).text > 20, 'texts');
  assert.ok((await size('.gridrow')).height > 44, 'rows');
  assert.ok((await size('.gridrow .spark:not([hidden])')).width > 65, 'lines in the table');
  assert.ok((await size('.chart text')).height > 17, 'texts of the chart');
});

test('on a phone targets are 24 pixels and more, and nothing scrolls sideways', async () => {
  const { make } = /** @type {import('./samples.js').Sample} */ (SAMPLES.find(({ name }) => name === 'quotes'));
  server.answer = response => server.open(response, [1, 2].map(n => event(`e-${n}`, make(n))).join(''));
  const { page } = await visit({ options: { viewport: { width: 360, height: 740 } } });
  await page.locator('.gridrow').first().waitFor();
  await page.locator('#log .event button').first().click();
  await page.locator('.detail pre').waitFor();
  const small = () => page.locator('button, a, input, select').evaluateAll(all => all.filter(node => node.checkVisibility({ visibilityProperty: true }) && !node.closest('.skip')).flatMap(node => {
    const { width, height } = node.getBoundingClientRect();
    return width < 24 || height < 24 ? `${node.outerHTML.slice(0, 90)} ${Math.round(width)}×${Math.round(height)}` : [];
  }));
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.deepEqual([await small(), await fits()], [[], true]);
  server.names = ['a', 'b'];
  await page.goto(`${server.origin}/?all`);
  await page.locator('.stream').nth(1).waitFor();
  assert.deepEqual([await small(), await fits()], [[], true]);
});
