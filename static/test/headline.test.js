/** What is shown first of twelve real documents: what they are until something changes, and then what changes. Never a constant. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guess } from '../dashboard/guess.js';
import { Watch } from '../dashboard/watch.js';
import { SAMPLES } from './samples.js';

for (const { name, make, first, still, versions = 12 } of SAMPLES) {
  test(`${name}: what is shown first is what changes`, context => {
    const watch = new Watch(1500);
    const shown = new Set();
    let field;
    for (let n = 0; n < versions; n++) {
      const at = Date.UTC(2026, 10, 30, 18) + n * 60_000;
      watch.take(JSON.parse(JSON.stringify(make(n))), at);
      [field] = watch.fields(at, 12, 48);
      if (n === 0) assert.match(`${field.label}: ${field.text}`, still, 'before a change is known');
      shown.add(`${field.label}: ${field.text}`);
    }
    context.diagnostic([...shown].join(' | '));
    context.diagnostic(watch.fields(watch.at, 12, 48).map(({ label, text, unit }) => `${label} = ${text}${unit}`).join(' ; '));
    assert.ok(shown.size > 1, 'it never changed');
    assert.match(String(field?.label), first);
    assert.notEqual(field?.kind, 'time');
    assert.notEqual(field?.kind, 'id');
  });
}

test('a list of which no change is known is told as a whole, never by one of its objects', () => {
  const list = (/** @type {any[]} */ ...all) => guess({ list: all })?.value;
  assert.equal(list({ state: 'up' }, { state: 'up' }), '2 items, all up');
  assert.equal(list({ state: 'down' }, { state: 'up' }, { state: 'up' }), '3 items: 2 up, 1 down');
  assert.equal(list({ v: { status: 'up' } }, { v: { status: 'down' } }), '2 items: 1 up, 1 down');
  assert.equal(list({ name: 'a', state: 'up' }, { name: 'b' }), '2 items: a, b', 'one has no state');
  assert.equal(list(...['a', 'b', 'c', 'd', 'e'].map(state => ({ id: 1, state }))), '5 items', 'texts that all differ are no states');
  assert.equal(list({ v: 1 }, { v: 2 }), '2 items');
  assert.equal(list({ state: 'up', v: 1 })?.toString(), 'up', 'one object is no list');
  const prices = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`coin-${i}`, { usd: i }]));
  assert.equal(guess(prices)?.value, '12 items', 'an object of objects is a list with names');
  assert.equal(guess([])?.value, undefined);
  assert.equal(guess({ status: 'ok', pending: 3, list: [{ v: 1 }, { v: 2 }] })?.path, '/.list', 'an answer that went well is no news');
  assert.equal(guess({ status: 'ok', version: '1.2' })?.value, 'ok', 'but better than nothing');
});

test('what changes comes first by what it says: with its unit, no time, nothing aside, and it stays where it is', () => {
  const first = (/** @type {any[]} */ ...documents) => {
    const watch = new Watch(100);
    return documents.map((document, n) => {
      watch.take(document, n * 1000);
      return watch.fields(n * 1000, 1, 10)[0];
    }).at(-1);
  };
  const inUnits = (/** @type {number} */ t) => ({ current_units: { t: '°C' }, current: { t } });
  assert.equal(first(inUnits(1), inUnits(2))?.unit, '°C');
  assert.equal(first({ updated_at: '2026-11-30T18:00:00Z', v: 1 }, { updated_at: '2026-11-30T18:01:00Z', v: 2 })?.path, '/.v');
  assert.equal(first({ remaining: 10, users: 1000 }, { remaining: 5, users: 1001 })?.path, '/.users');
  assert.equal(first({ a: 100, b: 100 }, { a: 104, b: 103 }, { a: 106, b: 107 })?.path, '/.a', 'another number does not say clearly more');
});
