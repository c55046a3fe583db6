/** What a page loads before a stream begins. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const MOST = 4096;

/** Bundles a module as an application would, and returns the files that are loaded at once, and later. @param {string} module */
async function bundle(module) {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL(`../client/${module}`, import.meta.url))],
    bundle: true, minify: true, splitting: true, format: 'esm', write: false, metafile: true, outdir: 'out',
  });
  const sizes = new Map(outputFiles.map(({ path, contents }) => [path.slice(path.lastIndexOf('/out/') + 1), gzipSync(contents, { level: 9 }).length]));
  /** @type {Set<string>} */ const first = new Set();
  const follow = (/** @type {string} */ name) => {
    if (first.has(name)) return;
    first.add(name);
    for (const { kind, path } of metafile.outputs[name].imports) if (kind === 'import-statement') follow(path);
  };
  follow(`out/${module}`);
  const size = [...first].reduce((sum, name) => sum + (sizes.get(name) ?? NaN), 0);
  const sources = [...first].flatMap(name => Object.keys(metafile.outputs[name].inputs)).map(path => path.slice(path.lastIndexOf('/') + 1));
  return { size, sources, files: sizes.size };
}

test(`EventStream alone is below ${MOST} bytes, minified and compressed`, async context => {
  const { size, sources, files } = await bundle('pollux.js');
  context.diagnostic(`${size} bytes`);
  assert.ok(size < MOST, `${size} bytes`);
  for (const later of ['ages.js', 'delta.js', 'documents.js', 'fetchsource.js', 'iterate.js', 'names.js', 'parser.js', 'streams.js']) {
    assert.ok(!sources.includes(later), later);
  }
  assert.equal(files, 6, 'the others are loaded when they are needed');
});
