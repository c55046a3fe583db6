/**
 * attack: an API, a stream or a server that sends scripts to pages with the components: in values, keys, names, errors, and
 * through templates. Nothing is executed, with the policy of Pollux, which is never violated, and without any.
 */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, open } from './browser.js';
import { startReactServer } from './react-server.js';
import { POLICY, event } from './server.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { TestServer } from './server.js' */

/** Each of these calls `hit` where it is taken for HTML, an address or code. */
const SCRIPTS = [
  '<script>hit()</script>',
  '</script><script>hit()</script>',
  '<img src=x onerror=hit()>',
  '"><img src=x onerror=hit()>',
  "' onmouseover='hit()' autofocus onfocus='hit()' x='",
  '<svg onload=hit()>',
  '<svg><script href="data:text/javascript,hit()"></script></svg>',
  '<iframe srcdoc="<script>parent.hit()</script>"></iframe>',
  '<iframe src="javascript:parent.hit()"></iframe>',
  '<object data="javascript:hit()"></object>',
  '<details open ontoggle=hit()>x</details>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=x onerror=hit()>">',
  '<template><img src=x onerror=hit()></template>',
  'javascript:hit()',
  "{{constructor.constructor('hit()')()}}",
  '${hit()}',
  'hit()',
];

/** @type {Browser} */ let browser;
/** @type {TestServer} */ let server;

before(async () => { browser = await launch(); });
after(() => browser.close());
beforeEach(async () => { server = await startReactServer(); });
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

/** Opens a page in which `hit` counts. @param {string} path */
async function visit(path) {
  const { page, complaints } = await open(browser);
  await page.addInitScript(() => Object.assign(window, { hits: 0, hit: () => { /** @type {any} */ (window).hits++; } }));
  await page.goto(`${server.origin}${path}`);
  const unharmed = async () => {
    // What was taken for HTML would load, fail and call by now.
    await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 500)));
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).hits), 0);
    assert.deepEqual(complaints.filter(text => /^(exception|policy):/.test(text)), []);
  };
  return { page, unharmed };
}

/** Waits for the text of an element. @type {(page: Page, selector: string, text: string) => Promise<unknown>} */
const says = (page, selector, text) => page.waitForFunction(({ selector, text }) =>
  document.querySelector(selector)?.textContent?.includes(text), { selector, text });

/** A document that has a script everywhere. @param {string} script */
const infested = script => ({ [script]: script, nested: [{ [script]: [script] }], message: script, value: script, timestamp: script, ['__proto__']: { script } });

/** Elements that no text may become. */
const MADE = ['img', 'script', 'iframe', 'svg', 'object', 'details', 'math', 'template'].map(name => `:is(.sse-example, pollux-stream) ${name}`).join();

test('the scripts harm a page that takes them for HTML', async () => {
  server.policy = '';
  const { page } = await visit('/react.html#none');
  await page.evaluate(scripts => {
    for (const script of scripts) document.body.appendChild(document.createElement('div')).innerHTML = script;
  }, SCRIPTS);
  await page.waitForFunction(() => /** @type {any} */ (window).hits >= 4);
});

for (const policy of [POLICY, '']) {
  const how = policy ? 'with the policy of Pollux' : 'without a policy';

  test(`attack: scripts in the values, keys, names and errors that SseExample shows, ${how}`, async () => {
    server.policy = policy;
    server.answer = response => server.open(response);
    const { page, unharmed } = await visit(`/react.html?${new URLSearchParams({ url: `/api/sse?stream=${encodeURIComponent(SCRIPTS.join())}` })}#stream`);
    await says(page, '[role=status]', 'Live');
    for (const script of SCRIPTS) {
      for (const document of [infested(script), { [script]: script }, script, [script]]) server.send(event('e-1', document));
      server.send(`event: status\ndata: ${JSON.stringify({ state: 'down', stream: script, error: script })}\n\n` +
        `event: reset\ndata: ${JSON.stringify({ reason: script, stream: script })}\n\nevent: hb\ndata: ${JSON.stringify({ now: script, made: { [script]: script } })}\n\n`);
      await says(page, '.sse-example li', JSON.stringify([script]));
      await says(page, '.sse-example ul', script);
      await says(page, '[role=status]', 'Down: The source does not answer');
    }
    assert.equal(await page.locator(MADE).count(), 0);
    await unharmed();
  });

  test(`attack: scripts in the words of a server that refuses, ${how}`, async () => {
    server.policy = policy;
    for (const status of [401, 403, 503]) {
      const words = SCRIPTS.join(' ');
      server.answer = response => response.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ detail: words, title: words }));
      const { page, unharmed } = await visit('/react.html?token=secret#stream');
      await says(page, '[role=alert]', words);
      assert.equal(await page.locator(MADE).count(), 0);
      await unharmed();
    }
  });

  test(`attack: scripts in what pollux-stream shows, with and without a template, ${how}`, async () => {
    server.policy = policy;
    // A policy forbids even a style without content.
    server.extra.set('/element.html', { type: 'text/html', body: `<!doctype html><title>Element</title><script type="module" src="/client/define.js"></script>
      <pollux-stream id="whole"></pollux-stream><pollux-stream id="named"></pollux-stream>
      <pollux-stream id="shaped" path="/list"><template><p title="x"><b data-path="/a"></b> <a href="#x" data-path="/b"></a>
        <script class="own" data-path="/a"></script>${policy ? '' : '<style data-path="/a"></style>'}</p></template></pollux-stream>` });
    server.answer = response => server.open(response);
    const { page, unharmed } = await visit('/element.html');
    for (const script of SCRIPTS) {
      const document = { ...infested(script), list: [{ a: script, b: script }, { a: [script], b: { [script]: script } }] };
      server.answer = response => server.open(response, event('e-1', document));
      await page.evaluate(script => {
        const named = window.document.getElementById('named');
        named?.setAttribute('path', `/${script.replaceAll('~', '~0').replaceAll('/', '~1')}`);
        named?.setAttribute('stream', script);
      }, script);
      server.send(event('e-1', document));
      await says(page, '#whole', JSON.stringify(document));
      await says(page, '#named', script);
      await says(page, '#shaped p b', script);
      assert.deepEqual(await page.locator('pollux-stream p .own').allTextContents(), ['', '']);
    }
    assert.equal(await page.locator(MADE).count(), 2 + 1, 'but for its own template and the scripts of that');
    await unharmed();
  });
}
