/** JSON Patch and JSON Merge Patch. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyMerge, applyPatch } from '../client/delta.js';
import { Random, changed, frozen, mergeOf, operations, patchOf, text } from './generate.js';

const RUNS = 3000;

test('patches of RFC 6902, appendix A', () => {
  for (const [name, document, ops, want] of /** @type {[string, any, any[], any][]} */ ([
    ['A.1 a member is added', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    ['A.2 an element is added', { foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    ['A.3 a member is removed', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    ['A.4 an element is removed', { foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    ['A.5 a value is replaced', { baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
    ['A.6 a value is moved', { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }], { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } }],
    ['A.7 an element is moved', { foo: ['all', 'grass', 'cows', 'eat'] }, [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] }],
    ['A.8 a test that succeeds', { baz: 'qux', foo: ['a', 2, 'c'] },
      [{ op: 'test', path: '/baz', value: 'qux' }, { op: 'test', path: '/foo/1', value: 2 }], { baz: 'qux', foo: ['a', 2, 'c'] }],
    ['A.9 a test that fails', { baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'bar' }], Error],
    ['A.10 an object is added', { foo: 'bar' }, [{ op: 'add', path: '/child', value: { grandchild: {} } }],
      { foo: 'bar', child: { grandchild: {} } }],
    ['A.11 unknown members are ignored', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }], { foo: 'bar', baz: 'qux' }],
    ['A.12 a place that is not there', { foo: 'bar' }, [{ op: 'add', path: '/baz/bat', value: 'qux' }], Error],
    ['A.14 ~ comes last', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    ['A.15 a string is no number', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: '10' }], Error],
    ['A.16 an array is added', { foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
  ])) expectPatch(name, document, ops, want);
});

test('patches: where they begin and end', () => {
  for (const [name, document, ops, want] of /** @type {[string, any, any, any][]} */ ([
    ['nothing to do', { a: 1 }, [], { a: 1 }],
    ['the whole document', [1], [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    ['the whole document, added', [1], [{ op: 'add', path: '', value: null }], null],
    ['the whole document, and then a part of it', 1, [{ op: 'add', path: '', value: {} }, { op: 'add', path: '/a', value: 1 }], { a: 1 }],
    ['the whole document, removed', [1], [{ op: 'remove', path: '' }], Error],
    ['the whole document, tested', [1, { a: null }], [{ op: 'test', path: '', value: [1, { a: null }] }], [1, { a: null }]],
    ['the whole document, moved to where it is', [1], [{ op: 'move', from: '', path: '' }], [1]],
    ['the whole document, moved into itself', [1], [{ op: 'move', from: '', path: '/0' }], Error],
    ['the whole document, copied into itself', [1], [{ op: 'copy', from: '', path: '/0' }], [[1], 1]],
    ['the whole document becomes a part', { a: { b: 1 } }, [{ op: 'move', from: '/a', path: '' }], { b: 1 }],
    ['the empty name', { '': { '': 1 } }, [{ op: 'replace', path: '//', value: 2 }], { '': { '': 2 } }],
    ['names with / and ~', {}, [{ op: 'add', path: '/~1~0~01', value: 1 }], { '/~~1': 1 }],
    ['~ and nothing', { '~': 1 }, [{ op: 'remove', path: '/~' }], Error],
    ['~ and something else', { '~2': 1 }, [{ op: 'remove', path: '/~2' }], Error],
    ['no / in front', { a: 1 }, [{ op: 'replace', path: 'a', value: 2 }], Error],
    ['a line break is part of a name', { 'a\n': 1 }, [{ op: 'remove', path: '/a\n' }], {}],
    ['an add where a member is', { a: 1, b: 2 }, [{ op: 'add', path: '/a', value: 3 }], { a: 3, b: 2 }],
    ['null is a value', { a: 1 }, [{ op: 'replace', path: '/a', value: null }, { op: 'test', path: '/a', value: null }], { a: null }],
    ['a member that is null can be removed', { a: null }, [{ op: 'remove', path: '/a' }], {}],
    ['names that look like indices', { 0: 'a', '-': 'b' }, [{ op: 'remove', path: '/0' }, { op: 'replace', path: '/-', value: 1 }], { '-': 1 }],

    ['at the end', [0, 1], [{ op: 'add', path: '/2', value: 2 }], [0, 1, 2]],
    ['behind the end', [0, 1], [{ op: 'add', path: '/3', value: 2 }], Error],
    ['into nothing', [], [{ op: 'add', path: '/0', value: 1 }], [1]],
    ['from nothing', [], [{ op: 'remove', path: '/0' }], Error],
    ['replace at the end', [0], [{ op: 'replace', path: '/1', value: 1 }], Error],
    ['- is nowhere', [0], [{ op: 'replace', path: '/-', value: 1 }], Error],
    ['- is nowhere to remove', [0], [{ op: 'remove', path: '/-' }], Error],
    ['- is nowhere to go on', [[0]], [{ op: 'add', path: '/-/0', value: 1 }], Error],
    ['a leading zero', [0, 1], [{ op: 'remove', path: '/01' }], Error],
    ['a sign', [0, 1], [{ op: 'remove', path: '/+1' }], Error],
    ['below zero', [0, 1], [{ op: 'remove', path: '/-1' }], Error],
    ['a fraction', [0, 1], [{ op: 'remove', path: '/1.0' }], Error],
    ['an exponent', [0, 1], [{ op: 'remove', path: '/1e0' }], Error],
    ['another script', [0, 1], [{ op: 'remove', path: '/\u0661' }], Error],
    ['no index at all', [0, 1], [{ op: 'remove', path: '/' }], Error],
    ['a property of arrays', [0, 1], [{ op: 'replace', path: '/length', value: 0 }], Error],
    ['far out', [0], [{ op: 'add', path: '/18446744073709551616', value: 1 }], Error],
    ['below a string', 'text', [{ op: 'replace', path: '/0', value: 'T' }], Error],
    ['below null', { a: null }, [{ op: 'add', path: '/a/b', value: 1 }], Error],

    ['forward', [0, 1, 2, 3], [{ op: 'move', from: '/3', path: '/0' }], [3, 0, 1, 2]],
    ['to the end', [0, 1, 2, 3], [{ op: 'move', from: '/0', path: '/-' }], [1, 2, 3, 0]],
    ['behind the end, now that it is shorter', [0, 1], [{ op: 'move', from: '/0', path: '/2' }], Error],
    ['to where it is', { a: 1, b: 2 }, [{ op: 'move', from: '/a', path: '/a' }], { a: 1, b: 2 }],
    ['to where nothing is, from there', { a: 1 }, [{ op: 'move', from: '/b', path: '/b' }], Error],
    ['over another', { a: 1, b: 2 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    ['into itself', { a: { b: 1 } }, [{ op: 'move', from: '/a', path: '/a/b' }], Error],
    ['out of itself', { a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/a' }], { a: 1 }],
    ['to a name that only begins alike', { a: 1 }, [{ op: 'move', from: '/a', path: '/ab' }], { ab: 1 }],
    ['copied into itself', { a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/a/b' }], { a: { b: { b: 1 } } }],
    ['a copy is another', { a: { b: 1 } },
      [{ op: 'replace', path: '/a/b', value: 2 }, { op: 'copy', from: '/a', path: '/c' }, { op: 'replace', path: '/c/b', value: 3 },
        { op: 'replace', path: '/a/b', value: 4 }], { a: { b: 4 }, c: { b: 3 } }],

    ['the order of members does not count', { a: { x: 1, y: [2] } }, [{ op: 'test', path: '/a', value: { y: [2], x: 1 } }], { a: { x: 1, y: [2] } }],
    ['a member more', { a: { x: 1 } }, [{ op: 'test', path: '/a', value: { x: 1, y: 2 } }], Error],
    ['a member less', { a: { x: 1, y: 2 } }, [{ op: 'test', path: '/a', value: { x: 1 } }], Error],
    ['an array is no object', { a: [1] }, [{ op: 'test', path: '/a', value: { 0: 1 } }], Error],
    ['nothing is no null', {}, [{ op: 'test', path: '/a', value: null }], Error],
    ['null is no object', { a: null }, [{ op: 'test', path: '/a', value: {} }], Error],

    ['no operation', {}, [{ op: 'increase', path: '/a' }], Error],
    ['no operation at all', {}, [{ path: '/a' }], Error],
    ['no operation but null', {}, [null], Error],
    ['no path', {}, [{ op: 'add', value: 1 }], Error],
    ['a path that is no text', { 0: 1 }, [{ op: 'remove', path: 0 }], Error],
    ['no value', {}, [{ op: 'add', path: '/a' }], Error],
    ['no from', { a: 1 }, [{ op: 'move', path: '/a' }], Error],
    ['no array', {}, { op: 'add', path: '/a', value: 1 }, Error],
    ['no patch', {}, undefined, Error],
    ['all or nothing', { a: 1 }, [{ op: 'remove', path: '/a' }, { op: 'remove', path: '/a' }], Error],
  ])) expectPatch(name, document, ops, want);
});

test('an error names the operation', () => {
  assert.throws(() => applyPatch({ a: 1 }, [{ op: 'remove', path: '/a' }, { op: 'replace', path: '/b', value: 1 }]),
    { message: 'pollux: operation 1 of a patch, replace /b: nothing is there' });
  assert.throws(() => applyPatch([1], [{ op: 'remove', path: '' }]),
    { message: 'pollux: operation 0 of a patch, remove : the whole document cannot be removed' });
  assert.throws(() => applyPatch(1, 2), { message: 'pollux: a patch is not an array of operations' });
});

test('merges of RFC 7396, appendix A', () => {
  for (const [document, patch, want] of /** @type {[any, any, any][]} */ ([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a', 'b'], ['c', 'd'], ['c', 'd']],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    // Beyond the appendix.
    [{}, { a: [null, { b: null }] }, { a: [null, { b: null }] }],
    [{ a: 1 }, {}, { a: 1 }],
    ['text', {}, {}],
    [{ a: 1 }, { a: {} }, { a: {} }],
    [{ '': { '': 1 } }, { '': { '': null } }, { '': {} }],
    [undefined, { a: null }, {}],
  ])) {
    assert.deepEqual(applyMerge(frozen(document), frozen(patch)), want, JSON.stringify([document, patch]));
  }
});

test('no name reaches a prototype', () => {
  /** @type {(text: string) => any} */
  const evil = text => frozen(JSON.parse(text));
  const add = (/** @type {string} */ path) => evil(`[{"op":"add","path":"${path}","value":{"stained":1}}]`);
  for (const [made, want] of [
    [applyPatch({}, add('/__proto__')), '{"__proto__":{"stained":1}}'],
    [applyPatch({ a: {} }, add('/a/__proto__')), '{"a":{"__proto__":{"stained":1}}}'],
    [applyPatch({}, add('/constructor')), '{"constructor":{"stained":1}}'],
    [applyPatch(evil('{"__proto__":{"a":1},"b":2}'), add('/__proto__/a')), '{"__proto__":{"a":{"stained":1}},"b":2}'],
    [applyPatch(evil('{"__proto__":1}'), evil('[{"op":"move","from":"/__proto__","path":"/a"}]')), '{"a":1}'],
    [applyPatch(evil('{"a":1}'), evil('[{"op":"copy","from":"/a","path":"/__proto__"}]')), '{"a":1,"__proto__":1}'],
    [applyMerge({}, evil('{"__proto__":{"stained":1}}')), '{"__proto__":{"stained":1}}'],
    [applyMerge({}, evil('{"constructor":{"prototype":{"stained":1}}}')), '{"constructor":{"prototype":{"stained":1}}}'],
    [applyMerge(evil('{"__proto__":{"a":1}}'), evil('{"__proto__":{"b":2}}')), '{"__proto__":{"a":1,"b":2}}'],
    [applyMerge(evil('{"__proto__":{"a":1}}'), evil('{"b":1,"__proto__":null}')), '{"b":1}'],
  ]) {
    assert.equal(JSON.stringify(made), want);
    assert.equal(Object.getPrototypeOf(made), Object.prototype, want);
  }
  for (const path of ['/__proto__/a', '/constructor/prototype/a', '/toString/a', '/a/__proto__/b']) {
    assert.throws(() => applyPatch({ a: [] }, add(path)), /nothing is there/, path);
  }
  for (const path of ['/__proto__', '/constructor', '/toString']) {
    for (const op of ['remove', 'replace', 'test']) {
      assert.throws(() => applyPatch({}, [{ op, path, value: 1 }]), /nothing is there/, path);
    }
  }
  assert.throws(() => applyPatch(evil('{"__proto__":{}}'), [{ op: 'test', path: '', value: { a: 1 } }]),
    /something else is there/);
  assert.equal(/** @type {any} */ ({}).stained, undefined);
});

test('what is unchanged is shared, and an object that stays keeps its order', () => {
  const before = frozen({ b: { deep: [1, 2] }, a: [{ x: 1 }, { x: 2 }], c: 3 });
  for (const after of [
    applyPatch(before, [{ op: 'replace', path: '/a/1/x', value: 3 }, { op: 'add', path: '/d', value: 4 }]),
    applyPatch(before, [{ op: 'add', path: '/d', value: 4 }, { op: 'replace', path: '/a/1/x', value: 3 }]),
  ]) {
    assert.deepEqual(Object.keys(after), ['b', 'a', 'c', 'd']);
    assert.equal(after.b, before.b);
    assert.equal(after.a[0], before.a[0]);
    assert.deepEqual(after.a[1], { x: 3 });
  }
  assert.equal(applyPatch(before, [{ op: 'test', path: '/c', value: 3 }]), before);
  const merged = applyMerge(before, { c: 4 });
  assert.equal(merged.a, before.a);
  assert.deepEqual(Object.keys(merged), ['b', 'a', 'c']);
});

test('property: a difference, applied, makes the other document', () => {
  let merges = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    const random = new Random(seed);
    const from = frozen(JSON.parse(text(random)));
    const to = frozen(seed % 5 === 0 ? JSON.parse(text(random)) : changed(random, from));
    assert.deepEqual(applyPatch(from, frozen(patchOf(from, to))), to, `patch, seed ${seed}`);
    const merge = mergeOf(from, to);
    if (merge === undefined) continue;
    merges++;
    assert.deepEqual(applyMerge(from, frozen(merge)), to, `merge, seed ${seed}`);
  }
  assert.ok(merges > RUNS / 2, `${merges} merges`);
});

test('property: a patch makes what its operations make one by one, each on a document of its own', () => {
  let possible = 0;
  for (let seed = 0; seed < RUNS * 5; seed++) {
    const random = new Random(seed);
    const document = frozen(JSON.parse(text(random)));
    const ops = frozen(operations(random, document));
    let want = /** @type {string | null} */ (JSON.stringify(document));
    for (const op of ops) want = want && attempt(JSON.parse(want), [JSON.parse(JSON.stringify(op))]);
    if (want !== null) possible++;
    assert.equal(attempt(document, ops), want, `seed ${seed}: ${JSON.stringify([document, ops])}`);
  }
  assert.ok(possible > RUNS / 10, `${possible} are possible`);
});

test('a long patch of a long array copies it once', () => {
  const document = frozen(Array.from({ length: 20_000 }, (_, i) => ({ i })));
  const ops = document.map((_, i) => ({ op: 'replace', path: `/${i}/i`, value: -i }));
  let copies = 0;
  const { slice } = Array.prototype;
  Array.prototype.slice = function count(...range) {
    if (this.length === document.length) copies++;
    return slice.apply(this, range);
  };
  try {
    assert.equal(applyPatch(document, ops)[19_999].i, -19_999);
  } finally {
    Array.prototype.slice = slice;
  }
  assert.equal(copies, 1);
});

/** All errors. A TypeError would be an attempt to modify a frozen value. */
const IMPOSSIBLE = new RegExp('^pollux: (?:a patch is not an array of operations|operation [0-9]+ of a patch, .*: (?:' + [
  'nothing is there', 'something else is there', 'a value cannot move into itself', 'the whole document cannot be removed',
  'its (?:path|from) is not a JSON Pointer', 'it has no value', 'there is no such operation',
].join('|') + '))$', 's');

/**
 * @param {string} name
 * @param {any} document
 * @param {any} ops
 * @param {any} want
 */
function expectPatch(name, document, ops, want) {
  const apply = () => applyPatch(frozen(document), frozen(ops));
  if (want === Error) assert.throws(apply, { name: 'Error', message: IMPOSSIBLE }, name);
  else assert.deepEqual(apply(), want, name);
}

/**
 * @param {any} document
 * @param {any[]} ops
 * @returns {string | null} the document as text; null if that is impossible
 */
function attempt(document, ops) {
  try {
    return JSON.stringify(applyPatch(document, ops));
  } catch (error) {
    assert.match(/** @type {Error} */ (error).message, IMPOSSIBLE);
    return null;
  }
}
