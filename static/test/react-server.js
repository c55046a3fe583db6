/** A server of the page with React components, which `react-page.js` has. */

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { TestServer } from './server.js';

/** @type {Promise<string> | undefined} */ let script;
/** @type {Promise<string> | undefined} */ let worker;

/** Starts a server of `/react.html`, whose fragment chooses the component. */
export async function startReactServer() {
  script ??= bundle('react-page.js');
  worker ??= bundle('../client/tabworker.js');
  const server = await new TestServer().start();
  server.extra.set('/react.html', {
    type: 'text/html', body: '<!doctype html><title>React</title><div id="root"></div><script type="module" src="/react.js"></script>',
  });
  server.extra.set('/react.js', { type: 'text/javascript', body: await script });
  server.extra.set('/tabworker.js', { type: 'text/javascript', body: await worker }); // beside the script, as a bundler puts it
  return server;
}

/** @param {string} path */
async function bundle(path) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(path, import.meta.url))],
    bundle: true, write: false, format: 'esm', define: { 'process.env.NODE_ENV': '"development"' },
  });
  return outputFiles[0].text;
}
