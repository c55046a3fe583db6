/** The code that the dashboard shows works as it is pasted, and the form publishes. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launch, open } from './browser.js';
import { Program } from './program.js';
import { TestServer, event } from './server.js';
import { snippets } from '../dashboard/snippets.js';

/** @import { Browser, Page } from 'playwright-core' */

/** @type {Browser} */ let browser;
/** @type {Program} */ let program;
/** @type {string} */ let folder;

before(async () => {
  program = await Program.build();
  await program.configure(['{name: news, push: true}', '{name: polled, url: "http://127.0.0.1:9/", every: 60s}']);
  await program.start();
  await program.publish('news', { value: 41 });
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'pollux-tryit-'));
});
after(async () => {
  await browser.close();
  await program.remove();
  await rm(folder, { recursive: true });
});

/** What the page shows for a language. @param {Page} page @param {string} name */
async function code(page, name) {
  await page.getByRole('tab', { name, exact: true }).click();
  return String(await page.locator('#snippet').textContent());
}

/**
 * Runs a program until it has written a text, and returns all that it has written.
 * @param {string} command
 * @param {string[]} args
 * @param {RegExp} want
 */
function writes(command, args, want) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, detached: true, env: { ...process.env, GOFLAGS: '-mod=mod -trimpath' } });
    let text = '';
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', part => {
        text += part;
        if (want.test(text)) end(null);
      });
    }
    const end = (/** @type {Error | null} */ error) => {
      try {
        process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL'); // with what it has started
      } catch {
        // It has ended.
      }
      if (error) reject(error);
      else resolve(text);
    };
    child.on('error', end);
    child.on('exit', () => { if (!want.test(text)) end(new Error(`${command} has ended: ${text}`)); });
  });
}

test('curl, JavaScript, Go and Python', async () => {
  const { page, complaints } = await open(browser);
  await page.goto(`${program.origin}/?stream=news`);
  await page.locator('#snippet').waitFor({ timeout: 120_000 });
  await writes('sh', ['-c', await code(page, 'curl')], /data: \{"value":41\}/);
  const said = page.waitForEvent('console', { predicate: message => message.type() === 'log', timeout: 120_000 });
  await page.evaluate(await code(page, 'JavaScript'));
  assert.deepEqual(await (await said).args()[0].jsonValue(), { value: 41 });
  await writeFile(join(folder, 'main.go'), await code(page, 'Go'));
  await writes('go', ['run', 'main.go'], /\{"value":41\}/);
  await writeFile(join(folder, 'main.py'), await code(page, 'Python'));
  await writes('python3', ['main.py'], /\{'value': 41\}/);
  assert.deepEqual(complaints, []);
});

test('the button copies the code', async () => {
  const { page } = await open(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.goto(`${program.origin}/?stream=news`);
  await page.locator('#snippet').waitFor({ timeout: 120_000 });
  const python = await code(page, 'Python');
  await page.locator('.tryit').getByRole('button', { name: 'Copy', exact: true }).click();
  await page.waitForFunction(() => /Copied/.test(document.querySelector('.tryit .said')?.textContent ?? ''));
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), python);
});

test('Go and Python print documents alone, and come back after the last one', async context => {
  const server = await new TestServer().start();
  context.after(() => server.stop());
  server.answer = (response, request) => {
    const after = request.headers['last-event-id'] ?? 'the beginning';
    server.open(response, `event: status\ndata: {"state":"stale"}\n\n${event('e-7', { after })}`);
    response.end();
  };
  const all = snippets(`${server.origin}/`, 'api/sse', false);
  const codeOf = (/** @type {string} */ language) => String(all.find(({ name }) => name === language)?.code);
  await writeFile(join(folder, 'back.go'), codeOf('Go'));
  await writeFile(join(folder, 'back.py'), codeOf('Python'));
  for (const [command, args] of /** @type {[string, string[]][]} */ ([['go', ['run', 'back.go']], ['python3', ['back.py']]])) {
    const text = String(await writes(command, args, /after\W+e-7/));
    assert.match(text, /after\W+the beginning/);
    assert.doesNotMatch(text, /stale/);
  }
});

test('React, as the default export of a module, with the package as npm installs it', async context => {
  const { page, complaints } = await open(browser);
  await page.goto(`${program.origin}/?stream=news`);
  await page.locator('#snippet').waitFor({ timeout: 120_000 });
  await writeFile(join(folder, 'Live.jsx'), await code(page, 'React'));
  await writeFile(join(folder, 'main.jsx'), "import { createRoot } from 'react-dom/client';\nimport Live from './Live';\ncreateRoot(document.getElementById('root')).render(<Live />);\n");
  await mkdir(join(folder, 'node_modules'));
  for (const [name, path] of [['pollux-client', '../client'], ['react', '../node_modules/react'], ['react-dom', '../node_modules/react-dom'], ['scheduler', '../node_modules/scheduler']]) {
    await symlink(fileURLToPath(new URL(path, import.meta.url)), join(folder, 'node_modules', name));
  }
  const { outputFiles: [{ text }] } = await build({ entryPoints: [join(folder, 'main.jsx')], bundle: true, write: false, jsx: 'automatic', format: 'esm', preserveSymlinks: true });
  const server = await new TestServer().start();
  context.after(() => server.stop());
  server.policy = '';
  server.extra.set('/live.html', { type: 'text/html', body: '<!doctype html><title>React</title><div id="root"></div><script type="module" src="/live.js"></script>' });
  server.extra.set('/live.js', { type: 'text/javascript', body: text });
  await page.goto(`${server.origin}/live.html`);
  const shows = (/** @type {string} */ state, /** @type {number} */ value) => page.waitForFunction(([state, value]) =>
    document.querySelector('p')?.textContent === state && JSON.parse(document.querySelector('pre')?.textContent || 'null')?.value === value, /** @type {const} */ ([state, value]));
  await shows('live', 41);
  await program.publish('news', { value: 42 });
  await shows('live', 42);
  assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []); // there is no icon
});

test('the form publishes, and says what is wrong', async () => {
  const { page } = await open(browser);
  page.setDefaultTimeout(120_000);
  await page.goto(`${program.origin}/?stream=news`);
  const button = page.getByRole('button', { name: 'Publish' });
  await button.waitFor();
  assert.equal(await button.isDisabled(), true, 'without a token');
  const says = (/** @type {RegExp} */ want) => page.waitForFunction(source => new RegExp(source).test(document.querySelector('.publish .said')?.textContent ?? ''), want.source);
  await page.getByLabel('Token that may publish').fill('wrong');
  await page.getByLabel('JSON').fill('{"value": ');
  await button.click();
  await says(/^This is not one JSON document/);
  await page.getByLabel('JSON').fill('{"value": 77}');
  await button.click();
  await says(/[Tt]oken/);
  await page.getByLabel('Token that may publish').fill('ses ame');
  await button.click();
  await says(/^A token has no spaces/);
  await page.getByLabel('Token that may publish').fill('sesame');
  await button.click();
  await says(/^Published as /);
  await page.getByLabel('Token that may publish').fill(' ');
  assert.equal(await button.isDisabled(), true, 'without a token again');
  await page.waitForFunction(() => document.documentElement.dataset.value === '77');
});

test('a stream that is polled has no form', async () => {
  const { page } = await open(browser);
  await page.goto(`${program.origin}/?stream=polled`);
  await page.waitForFunction(() => document.getElementById('every')?.textContent && document.getElementById('snippet'), undefined, { timeout: 120_000 });
  assert.equal(await page.locator('.publish').isVisible(), false);
});
