/** The element pollux-stream in Chromium, under the policy of Pollux. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { at } from '../client/element.js';
import { launch, open } from './browser.js';
import { TestServer, event } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => { server = await new TestServer().start(); });
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

/** @param {string} body */
async function show(body) {
  server.extra.set('/element.html', {
    type: 'text/html', body: `<!doctype html><title>Element</title><script type="module" src="/client/define.js"></script>${body}`,
  });
  const { page, complaints } = await open(browser);
  await page.goto(`${server.origin}/element.html`);
  return { page, calm: () => assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []) };
}

/** Waits for the text of the element, without its template. @type {(page: Page, text: string) => Promise<unknown>} */
const says = (page, text) => page.waitForFunction(text => document.querySelector('pollux-stream')?.textContent === text, text);

test('at', () => {
  const document = { a: [{ 'b/c': 1, 'm~n': 2 }], '': 3, n: null };
  for (const [pointer, want] of /** @type {[string, any][]} */ ([
    ['', document], ['/a/0/b~1c', 1], ['/a/0/m~0n', 2], ['/', 3], ['/n', null], ['/n/x', undefined], ['/a/1', undefined],
    ['/toString', undefined], ['/a/length', 1], ['/__proto__', undefined],
  ])) assert.deepEqual(at(document, pointer), want, pointer);
});

test('the attributes are the truth: path draws again, src and stream connect again', async () => {
  server.answer = (response, request) => server.open(response, event('e-1', { a: `<b>${new URL(request.url ?? '', 'http://x').searchParams.get('stream')}</b>`, b: [1] }));
  const { page, calm } = await show('<pollux-stream path="/a"></pollux-stream>');
  await says(page, '<b>null</b>');
  const change = (/** @type {string} */ name, /** @type {string} */ value) =>
    page.evaluate(([name, value]) => document.querySelector('pollux-stream')?.setAttribute(name, value), [name, value]);
  await change('path', '/b');
  await says(page, '[1]');
  assert.equal(server.requests.length, 1);
  await change('path', '/a');
  await change('stream', 'x y');
  await says(page, '<b>x y</b>');
  await page.waitForSelector('pollux-stream[data-state=live]');
  await page.evaluate(() => document.querySelector('pollux-stream')?.remove());
  for (let tries = 0; server.streams.size > 0; tries++) {
    assert.ok(tries < 500, 'the connection is closed');
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  assert.equal(server.requests.length, 2);
  calm();
});

test('a template gives the shape, once for each member, as text', async () => {
  server.answer = response => server.open(response, event('e-1', { list: [{ n: 'one', v: '<img src=x>' }, { n: 'two', v: 2 }] }));
  const { page, calm } = await show('<pollux-stream path="/list"><template><p><b data-path="/n"></b>=<i data-path="/v"></i></p></template></pollux-stream>');
  await says(page, 'one=<img src=x>two=2');
  server.send(event('e-2', { list: [{ n: 'three' }] }));
  await says(page, 'three=');
  assert.equal(await page.locator('pollux-stream p').count(), 1);
  calm();
});
