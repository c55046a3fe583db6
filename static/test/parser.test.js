/** The wire vectors of hub/sse, through the parser of streams that are fetched. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parser } from '../client/parser.js';
import { SPLITS, bytesOf, vectors } from './vectors.js';

test('there are vectors', () => assert.ok(vectors.length >= 100));

for (const [name, split] of Object.entries(SPLITS)) {
  test(`wire vectors: ${name}`, () => {
    for (const vector of vectors) {
      /** @type {object[]} */ const events = [];
      const parser = new Parser(event => events.push(event));
      const decoder = new TextDecoder();
      for (const piece of split(bytesOf(vector))) parser.feed(decoder.decode(piece, { stream: true }));
      const { lastEventId, retry } = parser;
      assert.deepEqual({ events, lastEventId, retry },
        { events: vector.events, lastEventId: vector.lastEventId, retry: vector.retry }, vector.name);
    }
  });
}

test('a line that comes in many pieces is whole', () => {
  /** @type {string[]} */ const heard = [];
  const parser = new Parser(({ data }) => heard.push(data));
  parser.feed('data: ');
  for (let n = 0; n < 100_000; n++) parser.feed('0123456789');
  assert.deepEqual(heard, []);
  parser.feed('\n\n');
  assert.equal(heard[0], '0123456789'.repeat(100_000));
});
