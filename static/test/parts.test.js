/** The modules of the dashboard that need no browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countdown, explain, gap } from '../dashboard/condition.js';
import { describe, indent, shorten } from '../dashboard/document.js';
import { Series, numbers } from '../dashboard/series.js';
import { elsewhere, fits, keyIn, keyedBy } from '../dashboard/streams.js';
import { ago, clock } from '../dashboard/time.js';

test('ago', () => {
  for (const [ms, want] of /** @type {[number, string][]} */ ([
    [-1, 'just now'], [0, 'just now'], [999, 'just now'], [1000, '1 s ago'], [59_999, '59 s ago'],
    [60_000, '1 min 0 s ago'], [3_599_999, '59 min 59 s ago'], [3_600_000, '1 h 0 min ago'],
    [48 * 3_600_000 - 1, '47 h 59 min ago'], [48 * 3_600_000, '2 days ago'],
  ])) assert.equal(ago(ms), want, `${ms}`);
});

test('elsewhere leads to a stream that there is', () => {
  for (const [all, chosen, want] of /** @type {[string[], string | null, string | null][]} */ ([
    [['default', 'a'], null, null], [['_canary', 'b', 'c'], null, 'b'], [['_canary'], null, '_canary'],
    [['a'], 'b', null], [[], null, null],
  ])) assert.equal(elsewhere(all, chosen), want, `${all} ${chosen}`);
});

test('keyedBy and keyIn', () => {
  const all = [{ name: 'a', match: null }, { name: 'prices', match: '[A-Z]+' }];
  for (const [name, want, key] of /** @type {[string | null, any, string][]} */ ([
    [null, null, ''], ['a', null, ''], ['a/b', null, 'b'], ['prices', all[1], ''], ['prices/', all[1], ''],
    ['prices/BTC', all[1], 'BTC'], ['prices/B/C', all[1], 'B/C'], ['pricesx/BTC', null, 'BTC'], ['/prices', null, 'prices'],
  ])) assert.deepEqual([keyedBy(all, name), keyIn(name ?? '')], [want, key], `${name}`);
});

test('fits: what every key is, and the pattern where a browser can read it', () => {
  for (const [key, match, want] of /** @type {[string, string, boolean][]} */ ([
    ['BTC', '[A-Z]{2,10}', true], ['B', '[A-Z]{2,10}', false], ['BTCx', '[A-Z]{2,10}', false], ['xBTC', '[A-Z]{2,10}', false],
    ['a', 'a|b', true], ['ab', 'a|b', false], ['A.B-C', '[A-Z0-9.-]{1,16}', true], ['', '.*', false],
    ['.', '.*', false], ['..', '.*', false], ['...', '.*', true], ['.a', '.*', true],
    ['x'.repeat(128), '.*', true], ['x'.repeat(129), '.*', false],
    ...[...'!#$%&\'()*+-.09:;<=>?@AZ[]^_`az{|}~'].map(each => /** @type {[string, string, boolean]} */ ([`a${each}`, '.*', true])),
    ...[...' ",/\\\x7f\0\n\téé😀'].map(each => /** @type {[string, string, boolean]} */ ([`a${each}`, '.*', false])),
    ['b', '(?i)A', true], ['b', '[[:upper:]]+', true], ['b', '\\pL', true], ['b', '(', true], // the server knows
  ])) assert.equal(fits(key, match), want, `${key} ${match}`);
});

test('gap', () => {
  for (const [reason, skipped, want] of /** @type {[string, number | null, string][]} */ ([
    ['skipped', 298, '298 older documents were skipped.'], ['skipped', 1, '1 older document was skipped.'],
    ['skipped', 12_345, '12,345 older documents were skipped.'], ['skipped', null, 'Older documents were skipped.'],
    ['epoch', null, 'Some events were missed (epoch). The newest document follows.'],
  ])) assert.equal(gap({ reason, skipped }), want);
});

test('clock', () => {
  assert.equal(clock(new Date(2026, 0, 2, 3, 4, 5).getTime()), '03:04:05');
  assert.equal(clock(new Date(2026, 0, 2, 13, 14, 15).toISOString()), '13:14:15');
  for (const none of [undefined, '', 'yesterday', NaN]) assert.equal(clock(none), '', `${none}`);
});

test('countdown', () => {
  for (const [at, want] of /** @type {[number | null, string][]} */ ([
    [null, ''], [999, 'Trying now…'], [1000, 'Trying now…'], [1001, 'Next try in 1 s'], [2000, 'Next try in 1 s'],
    [2001, 'Next try in 2 s'],
  ])) assert.equal(countdown(at, 1000), want, `${at}`);
});

test('explain names the cause, and promises the last value only when there is one', () => {
  const status = { state: /** @type {const} */ ('down'), error: 'http_503' };
  assert.equal(explain({ state: 'down', status, error: null, value: undefined }), 'The source does not answer (http_503).');
  assert.equal(explain({ state: 'stale', status: { state: 'stale', error: null }, error: null, value: 0 }),
    'The source is late. The last good value stays on show.');
  const error = /** @type {const} */ ({ kind: 'refused', message: 'Refused.', at: 0 });
  assert.equal(explain({ state: 'reconnecting', status: null, error, value: 1 }),
    'Refused. The last good value stays on show.');
});

test('shorten', () => {
  for (const [text, limit, want] of /** @type {[string, number, string][]} */ ([
    ['', 1, ''], ['abc', 4, 'abc'], ['abc', 3, 'abc'], ['abcd', 3, 'ab…'], ['ab', 1, '…'], ['a😀b', 3, 'a…'], ['a😀bc', 4, 'a😀…'],
  ])) assert.equal(shorten(text, limit), want, text);
});

test('indent lays out JSON as JSON.stringify does, and leaves numbers as they were written', () => {
  const documents = [{}, [], { a: 1 }, [1, [2, { b: [] }], {}], 'a"b\\', 'a: {b},[c]', null, -1.5, { 'x,y': [true, false] }];
  for (const document of documents) {
    assert.equal(indent(JSON.stringify(document), 1000), JSON.stringify(document, null, 2));
  }
  assert.equal(indent('[1.10,12345678901234567890,1E400]', 100), '[\n  1.10,\n  12345678901234567890,\n  1E400\n]');
});

test('indent survives what is no JSON, and stops at its limit', () => {
  for (const text of ['', '<html>', '}}}]]', '"open', '{"a":', '\\', '[1,2']) assert.ok(indent(text, 100).length < 100);
  const deep = '['.repeat(1000);
  for (const limit of [1, 2, 100]) assert.ok(indent(deep, limit).length <= limit, `${limit}`);
  assert.equal(indent(`{"a":"${'x'.repeat(5e6)}"}`, 1000).length, 1000);
});

test('describe', () => {
  for (const [value, want] of /** @type {[any, string][]} */ ([
    [{}, '0 fields'], [{ a: 1 }, '1 field'], [[], '0 items'], [[1], '1 item'], ['text', 'text'], [null, 'null'], [true, 'true'],
  ])) assert.equal(describe(value), want);
});

test('numbers finds them by path, in order, and knows when to stop', () => {
  assert.deepEqual([...numbers({ b: 'x', c: { d: [1, { e: 2 }] }, a: 3 })], [['c.d[0]', 1], ['c.d[1].e', 2], ['a', 3]]);
  assert.deepEqual([...numbers(5)], [['value', 5]]);
  for (const none of [null, 'x', true, {}, [], undefined, { a: '1' }]) assert.equal(numbers(none).size, 0);
  assert.equal(numbers(Array.from({ length: 49 }, () => 1)).size, 49);
  assert.equal(numbers(Array.from({ length: 51 }, () => 1)).size, 50);
  /** @type {any} */
  let deep = 1;
  for (let i = 0; i < 10_000; i++) deep = [deep];
  assert.equal(numbers(deep).size, 0);
  let looks = 0;
  numbers(new Proxy(Array(1_000_000), { get: (array, key) => (looks++, Reflect.get(array, key)) }));
  assert.ok(looks < 20_000, `${looks} looks`);
});

test('Series draws value if there is one', () => {
  const series = new Series(3);
  assert.deepEqual([series.chosen, series.points, series.paths], ['', [], []]);
  for (let i = 0; i < 5; i++) series.add({ counter: i, value: i * 10 }, i);
  assert.equal(series.chosen, 'value');
  assert.deepEqual(series.points, [{ value: 20, at: 2 }, { value: 30, at: 3 }, { value: 40, at: 4 }]);
});

test('Series otherwise draws the first number that moves, and stays with it', () => {
  const series = new Series(100);
  series.add({ port: 1, mem: 5, cpu: 1 }, 0);
  assert.equal(series.chosen, 'port');
  series.add({ port: 1, mem: 5, cpu: 1 }, 1);
  assert.equal(series.chosen, 'port');
  series.add({ port: 1, mem: 6, cpu: 2 }, 2);
  assert.deepEqual([series.chosen, series.points.length], ['mem', 3]);
  series.add({ port: 2, mem: 6, cpu: 3 }, 3);
  assert.equal(series.chosen, 'mem');
});

test("Series obeys a choice until the documents no longer have it", () => {
  const series = new Series(100);
  series.add({ value: 1, other: 2 }, 0);
  series.choose('other');
  series.add({ value: 2, other: 3 }, 1);
  assert.deepEqual(series.points.map(({ value }) => value), [2, 3]);
  series.add({ new: 1 }, 2);
  assert.deepEqual([series.chosen, series.points.length, series.paths], ['new', 1, ['new']]);
  series.add('no number', 3);
  assert.deepEqual([series.chosen, series.points], ['', []]);
  series.add({ new: 2 }, 4);
  assert.deepEqual(series.points, [{ value: 2, at: 4 }], 'what was gone begins anew');
});
