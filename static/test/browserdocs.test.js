/** The blocks of docs/browser.md for Vue, Svelte, htmx and an import map, each as it stands, against the program. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { launch, open } from './browser.js';
import { Program, freePorts } from './program.js';
import { Project, block, pack } from './project.js';

/** @import { AddressInfo } from 'node:net' */
/** @import { Server } from 'node:http' */
/** @import { Browser } from 'playwright-core' */

const PAGE = 'docs/browser.md';
const TEMPLATE = '{{range .services}}<tr><td>{{.name}}</td></tr>{{end}}';

let workshop = '';
/** @type {Project} */ let project;
/** @type {Program} */ let program;
/** @type {Browser} */ let browser;
/** What the pages of these tests consist of, by path. @type {Map<string, string>} */ const files = new Map();
/** @type {Server} */ let server;
let origin = '';

before(async () => {
  workshop = await mkdtemp(join(tmpdir(), 'pollux-browserdocs-'));
  const { tarball } = await pack(workshop);
  project = new Project(join(workshop, 'project'));
  await project.write({
    'package.json': JSON.stringify({
      private: true, type: 'module',
      dependencies: { vue: '^3', svelte: '^5', 'htmx.org': '^2', 'htmx-ext-sse': '^2' },
      devDependencies: { vite: '^7', '@vitejs/plugin-vue': '^6', '@sveltejs/vite-plugin-svelte': '^6' },
    }),
  });
  await project.install(tarball);
  server = createServer((request, response) => {
    const body = files.get(request.url ?? '');
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': request.url?.endsWith('.js') ? 'text/javascript' : 'text/html' });
    response.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://localhost:${/** @type {AddressInfo} */ (server.address()).port}`;
  program = await Program.build();
  await program.configure(['{name: default, push: true}', `{name: services, push: true, template: ${JSON.stringify(TEMPLATE)}}`],
    [`allow_origins: ["${origin}"]`, 'allow_credentials: true']); // for the extension of htmx
  await program.start();
  // The blocks have the port 3000. The program of this test is at another one.
  browser = await launch({ args: ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP localhost:3000 ${new URL(program.origin).host}`] });
});
after(async () => {
  await browser.close();
  server.close();
  await program.remove();
  await project.stop();
  await rm(workshop, { recursive: true, force: true });
});

/**
 * Opens a page, and waits until it shows documents that are published.
 * @param {string} url
 * @param {string} selector of the element that has the message
 */
async function lives(url, selector) {
  const { page, complaints } = await open(browser);
  await page.goto(url);
  for (const message of ['one', 'two']) {
    await program.publish('default', { timestamp: '2026-01-31T12:00:00.000Z', value: 1, message });
    await page.waitForFunction(([selector, message]) => document.querySelector(selector)?.textContent?.includes(message), [selector, message], { timeout: 60_000 });
  }
  await page.context().close();
  return complaints.filter(text => !text.startsWith('Failed to load resource')); // there is no icon
}

test('Vue and Svelte, built by Vite', async () => {
  await project.write({
    'vite.config.js': `
      import { svelte } from '@sveltejs/vite-plugin-svelte';
      import vue from '@vitejs/plugin-vue';
      export default { plugins: [vue(), svelte()], build: { rollupOptions: { input: ['vue.html', 'svelte.html'] } } };`,
    'vue.html': '<!doctype html><title>Vue</title><div id="root"></div><script type="module" src="/vue/main.js"></script>',
    'vue/usePollux.js': await block(PAGE, "import { onScopeDispose, shallowRef } from 'vue';"),
    'vue/App.vue': `<script setup>
      import { usePollux } from './usePollux.js';
      const { value, status } = usePollux(${JSON.stringify(`${program.origin}/api/sse`)});
      </script>
      <template><p :class="status">{{ value?.message }}</p></template>`,
    'vue/main.js': "import { createApp } from 'vue';\nimport App from './App.vue';\ncreateApp(App).mount('#root');\n",
    'svelte.html': '<!doctype html><title>Svelte</title><div id="root"></div><script type="module" src="/svelte/main.js"></script>',
    'svelte/pollux.js': await block(PAGE, "import { readable } from 'svelte/store';"),
    'svelte/App.svelte': `<script>
      import { pollux } from './pollux.js';
      const document = pollux(${JSON.stringify(`${program.origin}/api/sse`)});
      </script>
      <p class="live">{$document?.message}</p>`,
    'svelte/main.js': "import { mount } from 'svelte';\nimport App from './App.svelte';\nmount(App, { target: document.getElementById('root') });\n",
  });
  await project.run('vite', 'build');
  const [port] = await freePorts(1);
  await project.serve(`http://localhost:${port}/vue.html`, 'vite', 'preview', '--port', `${port}`, '--strictPort');
  for (const page of ['vue', 'svelte']) assert.deepEqual(await lives(`http://localhost:${port}/${page}.html`, 'p.live'), [], page);
});

/**
 * A module of React, as a place that serves such modules has it: with its exports by name, and React itself as an import.
 * @param {string} name
 * @param {string[]} exports
 */
async function moduleOf(name, exports) {
  const { outputFiles } = await build({
    stdin: { contents: `import * as all from '${name}';\nexport const { ${exports.join(', ')} } = all;`, resolveDir: import.meta.dirname },
    bundle: true, write: false, format: 'esm', define: { 'process.env.NODE_ENV': '"production"' },
    ...(name !== 'react' && { external: ['react'], banner: { js: "import * as React from 'react';\nconst require = () => React;" } }),
  });
  return outputFiles[0].text;
}

test('a plain page with an import map, and react.js of a running Pollux', async () => {
  const { default: react } = await import('react');
  files.set('/modules/react.js', await moduleOf('react', Object.keys(react)));
  files.set('/modules/react-dom-client.js', await moduleOf('react-dom/client', ['createRoot', 'hydrateRoot']));
  files.set('/importmap.html', `<!doctype html><title>Import map</title><body>${await block(PAGE, '<script type="importmap">')}`);
  assert.deepEqual(await lives(`${origin}/importmap.html`, '.sse-example li'), []);
});

test('htmx puts the HTML of a template into the page', async () => {
  const modules = join(project.folder, 'node_modules');
  files.set('/htmx.js', await readFile(join(modules, 'htmx.org/dist/htmx.js'), 'utf8'));
  files.set('/htmx-ext-sse.js', await readFile(join(modules, 'htmx-ext-sse/sse.js'), 'utf8'));
  files.set('/htmx.html', `<!doctype html><title>htmx</title><body>${await block(PAGE, '<script src="/htmx.js"></script>')}`);
  const { page, complaints } = await open(browser);
  await page.goto(`${origin}/htmx.html`);
  for (const name of ['one', '<img src=x onerror=complain("ran")>']) {
    await program.publish('services', { services: [{ name }, { name: 'other' }] });
    await page.waitForFunction(name => document.querySelector('tbody td')?.textContent === name, name, { timeout: 60_000 });
  }
  assert.equal(await page.locator('tbody tr').count(), 2);
  assert.equal(await page.locator('tbody img').count(), 0);
  // A document that the template does not fit leaves the table, and is told beside it.
  await program.publish('services', { services: 5.5 });
  await page.waitForFunction(() => document.querySelector('p')?.textContent?.includes('stale: template'));
  assert.equal(await page.locator('tbody tr').count(), 2);
  await program.publish('services', { services: [{ name: 'three' }] });
  await page.waitForFunction(() => document.querySelector('tbody td')?.textContent === 'three' && !document.querySelector('p')?.textContent);
  await page.context().close();
  assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []);
});
