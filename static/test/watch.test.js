/** watch.js, which other programs use. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { TestServer, event, mock } from './server.js';

const SCRIPT = fileURLToPath(new URL('watch.js', import.meta.url));

/** @type {TestServer} */ let server;
before(async () => { server = await new TestServer().start(); });
after(() => server.stop());

test('watch prints what changes, and ends when standard input does', async () => {
  server.answer = response => server.open(response, event('e-1', mock(42)));
  const watch = spawn(process.execPath, [SCRIPT, server.origin], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(watch, 'exit');
  const lines = createInterface(watch.stdout)[Symbol.asyncIterator]();
  /** @param {(line: any) => boolean} wanted */
  const until = async wanted => {
    for (;;) {
      const { value, done } = await lines.next();
      assert.ok(!done, 'watch ended early');
      const line = JSON.parse(value);
      if (wanted(line)) return line;
    }
  };
  const first = await until(line => line.lastEventId === 'e-1');
  assert.deepEqual({ ...first, at: typeof first.at, text: '' },
    { at: 'number', state: 'live', value: '42', lastEventId: 'e-1', events: 1, resets: 0, text: '' });
  server.send('event: reset\ndata: {"reason":"evicted"}\n\n' + event('e-2', mock(7)));
  const second = await until(line => line.lastEventId === 'e-2');
  assert.deepEqual([second.value, second.events, second.resets], ['7', 2, 1]);
  server.send('event: status\ndata: {"stream":"default","state":"down","error":"timeout"}\n\n');
  assert.match((await until(line => line.state === 'down')).text, /timeout/);
  watch.stdin.end();
  assert.deepEqual(await exit, [0, null]);
});

test('watch ends at SIGTERM', async () => {
  server.answer = response => server.open(response, event('e-1', mock(42)));
  const watch = spawn(process.execPath, [SCRIPT, server.origin], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(watch, 'exit');
  await once(watch.stdout, 'data');
  watch.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
});

test('watch says when there is nothing to watch', async () => {
  const watch = spawn(process.execPath, [SCRIPT, 'http://127.0.0.1:9/'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const [error] = await once(watch.stderr, 'data');
  assert.match(String(error), /^watch: /);
  const [status] = await once(watch, 'exit');
  assert.equal(status, 1);
});
