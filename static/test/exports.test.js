/** What the package exports: that which the documents name, all of it there, and none of it left out by a bundler. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const read = (/** @type {string} */ path) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const { exports } = JSON.parse(await read('static/client/package.json'));

test('what the documents import is exported', async () => {
  for (const page of ['README.md', 'docs/browser.md', 'static/client/README.md']) {
    const named = [...(await read(page)).matchAll(/\bpollux-client\/(\w+)/g)].map(([, name]) => name);
    assert.ok(named.length > 0, page);
    for (const name of named) assert.ok(`./${name}` in exports, `${page} names ${name}`);
  }
});

test('each export has a module, and the types of that module', async () => {
  for (const [name, { types, default: module }] of Object.entries(exports).filter(([, each]) => typeof each === 'object')) {
    assert.equal(types, module.replace('./', './types/').replace('.js', '.d.ts'), name);
    await read(`static/client/${module}`);
  }
});

test('a bundler keeps the import that defines the element, and leaves out what is not used', async () => {
  const { outputFiles: [{ text }] } = await build({
    stdin: { contents: "import './client/define.js'; import './client/react.js';", resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true, format: 'esm', write: false, logLevel: 'silent',
  });
  assert.match(text, /customElements\.define/);
  assert.doesNotMatch(text, /useSyncExternalStore/);
});
