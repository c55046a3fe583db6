/** The words for states and reasons. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { MEANINGS, causeOf, meaningOf, reasonOf } from '../client/words.js';

test('each class of error that the protocol has is a sentence of its own', async () => {
  const protocol = await readFile(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const [list] = /^`error` is a class, or null: [^]*?\.\n/m.exec(protocol) ?? [''];
  const classes = [...list.matchAll(/`([a-z][a-z_0-9]*)`/g)].map(([, name]) => name).filter(name => name !== 'error' && name !== 'null');
  assert.ok(classes.length >= 25, `${classes}`);
  const sentences = classes.map(reasonOf);
  for (const [n, sentence] of sentences.entries()) assert.match(String(sentence), /^(The|This) .*[^.]$/, classes[n]);
  assert.equal(new Set(sentences).size, classes.length);
  assert.equal(reasonOf('http_503'), 'The source answered 503');
});

test('what is no class has no words', () => {
  for (const error of [undefined, null, '', 'constructor', 'http_5', 'http_5034', '<b>', 'http_503\n', 'xhttp_503']) assert.equal(reasonOf(error), undefined, String(error));
});

test('the reason of the server comes before what the state means', () => {
  /** @type {import('../client/types.js').Problem} */ const dropped = { kind: 'dropped', message: '', at: 0 };
  /** @type {import('../client/types.js').Problem} */ const refused = { kind: 'unauthorized', message: '', at: 0 };
  assert.equal(causeOf('down', null, { state: 'down', error: 'http_503' }), 'http_503');
  assert.equal(causeOf('stale', null, { state: 'down', error: 'http_503' }), null, 'of another stream');
  assert.equal(causeOf('reconnecting', dropped, { state: 'down', error: 'overloaded' }), 'overloaded');
  assert.equal(causeOf('reconnecting', dropped, { state: 'down', error: 'http_503' }), null, 'which is not why the connection was lost');
  assert.equal(causeOf('reconnecting', { ...dropped, kind: 'unreachable' }, { state: 'down', error: 'draining' }), null, 'nor is it by now');
  assert.equal(causeOf('live', null, null), null);
  assert.equal(meaningOf('down', null, 'timeout'), reasonOf('timeout'));
  assert.equal(meaningOf('down', null, 'unheard_of'), MEANINGS.down);
  assert.equal(meaningOf('reconnecting', refused, null), 'The server wants a token');
  assert.equal(meaningOf('reconnecting', dropped, 'draining'), reasonOf('draining'));
  assert.equal(meaningOf('reconnecting', dropped, null), MEANINGS.reconnecting);
});
