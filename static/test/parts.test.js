/** The modules of the dashboard that need no browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { countdown, explain, gap } from '../dashboard/condition.js';
import { diff } from '../dashboard/diff.js';
import { Frames } from '../dashboard/frames.js';
import { columns, part, tables } from '../dashboard/grid.js';
import { sinceFor } from '../dashboard/history.js';
import { describe } from '../dashboard/identity.js';
import { Exact, grouped, kindAt, kindOf, timeIn, written } from '../dashboard/kinds.js';
import { Leaves } from '../dashboard/leaves.js';
import { fits, keyIn, keyedBy, milliseconds, only } from '../dashboard/names.js';
import { parse } from '../dashboard/parse.js';
import { element, expression, identified, member, parents, segments } from '../dashboard/paths.js';
import { Points } from '../dashboard/points.js';
import { Rate } from '../dashboard/rate.js';
import { snippets } from '../dashboard/snippets.js';
import { natural, shorten } from '../dashboard/text.js';
import { ago, clock, ticks } from '../dashboard/time.js';
import { toneOf } from '../dashboard/tones.js';
import { Watch, labelOf } from '../dashboard/watch.js';
import { SAMPLES } from './samples.js';

test('ago', () => {
  for (const [ms, want] of /** @type {[number, string][]} */ ([
    [-1, 'just now'], [0, 'just now'], [999, 'just now'], [1000, '1 s ago'], [59_999, '59 s ago'],
    [60_000, '1 min 0 s ago'], [3_599_999, '59 min 59 s ago'], [3_600_000, '1 h 0 min ago'],
    [48 * 3_600_000 - 1, '47 h 59 min ago'], [48 * 3_600_000, '2 days ago'],
  ])) assert.equal(ago(ms), want, `${ms}`);
});

test('only: the stream of an address without a name', () => {
  for (const [names, want] of /** @type {[string[], string | null][]} */ ([
    [[], null], [['a'], 'a'], [['_canary'], '_canary'], [['_canary', 'a'], 'a'], [['a', 'b'], null], [['default', 'a'], null],
  ])) assert.equal(only(names.map(name => ({ name }))), want, `${names}`);
});

test('keyedBy and keyIn', () => {
  const all = [{ name: 'a' }, { name: 'prices', keys: { match: '[A-Z]+' } }];
  for (const [name, want, key] of /** @type {[string, any, string][]} */ ([
    ['', null, ''], ['a', null, ''], ['a/b', null, 'b'], ['prices', all[1], ''], ['prices/', all[1], ''],
    ['prices/BTC', all[1], 'BTC'], ['prices/B/C', all[1], 'B/C'], ['pricesx/BTC', null, 'BTC'], ['/prices', null, 'prices'],
  ])) assert.deepEqual([keyedBy(all, name), keyIn(name)], [want, key], `${name}`);
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
  for (const [ms, want] of /** @type {[number | null, string][]} */ ([
    [null, ''], [-1, 'due'], [0, 'due'], [1, 'Poll in 1 s'], [1000, 'Poll in 1 s'], [1001, 'Poll in 2 s'], [119_000, 'Poll in 119 s'], [120_000, 'Poll in 2 min'],
  ])) assert.equal(countdown(ms, 'Poll', 'due'), want, `${ms}`);
});

/** What a page knows of a stream that is live. @type {import('../dashboard/condition.js').Known} */
const LIVE = { state: 'live', status: null, error: null, exists: true, knock: null };

test('explain has the words of the reason, and promises the last document only when there is one', () => {
  const since = new Date(2026, 0, 2, 3, 4, 5).toISOString();
  const down = /** @type {const} */ ({ ...LIVE, state: 'down', exists: false });
  for (const [known, want] of /** @type {[any, string][]} */ ([
    [LIVE, ''], [{ ...LIVE, exists: false }, 'Waiting for the first document.'],
    [{ ...LIVE, status: { state: 'live', error: 'not_stored' } }, 'The server cannot store events now, and goes on in memory (not_stored).'],
    [{ ...down, status: { state: 'down', error: 'http_503' } }, 'The source answered 503 Service Unavailable (http_503).'],
    [{ ...down, status: { state: 'down', error: 'http_503', since, lastSuccess: since } }, 'The source answered 503 Service Unavailable (http_503), down since 03:04:05. It last answered at 03:04:05.'],
    [{ ...down, status: { state: 'down', error: 'invalid_json' } },
      'The source answered, but not with JSON; it may be an HTML page (invalid_json). Open its URL to see what it says, or set format.'],
    [{ ...down, status: { state: 'down', error: '<b>' } }, 'The source cannot be read (<b>).'],
    [{ ...LIVE, state: 'stale', status: { state: 'stale', error: null } }, 'The source is late. The last good document stays on show.'],
    [{ ...LIVE, state: 'down', status: { state: 'down', error: 'expired' } }, 'The sign-in has ended. The last good document stays on show.'],
    [{ ...LIVE, state: 'reconnecting', exists: false, status: { state: 'down', error: 'overloaded' } },
      'The server is full. It lets this page in as soon as there is room (overloaded).'],
    [{ ...LIVE, state: 'reconnecting', error: { kind: 'refused', message: 'Refused.', at: 0 } }, 'Refused. The last good document stays on show.'],
    [{ ...LIVE, state: 'reconnecting', exists: false, error: { kind: 'refused', message: 'Refused.', at: 0 }, knock: { status: 502, detail: '', html: true } },
      'The server, or one in between, answered 502 Bad Gateway.'],
    [{ ...LIVE, state: 'reconnecting', exists: false, error: { kind: 'refused', message: 'Refused.', at: 0 }, knock: { status: 200, detail: '', html: true } },
      'Something in between answered with an HTML page instead of the stream.'],
    [{ ...LIVE, state: 'reconnecting', exists: false }, 'The connection was lost.'], [{ ...LIVE, state: 'closed' }, 'The stream has ended.'],
  ])) assert.equal(explain(known), want);
});

test('shorten', () => {
  for (const [text, limit, want] of /** @type {[string, number, string][]} */ ([
    ['', 1, ''], ['abc', 4, 'abc'], ['abc', 3, 'abc'], ['abcd', 3, 'ab…'], ['ab', 1, '…'], ['a😀b', 3, 'a…'], ['a😀bc', 4, 'a😀…'],
  ])) assert.equal(shorten(text, limit), want, text);
});

test('natural sorts as people do', () => {
  const names = ['service-10', 'Service-3', 'service-2', 'a', 'service-2b', 'B'];
  assert.deepEqual(names.sort(natural), ['a', 'B', 'service-2', 'service-2b', 'Service-3', 'service-10']);
  assert.equal(natural('a', 'a'), 0);
});

test('describe', () => {
  for (const [value, want] of /** @type {[any, string][]} */ ([
    [{}, '0 fields'], [{ a: 1 }, '1 field'], [[], '0 items'], [[1], '1 item'], ['text', 'text'], [null, 'null'], [true, 'true'],
  ])) assert.equal(describe(value), want);
});


test('kindOf: times are times, and numbers are numbers, whatever writes them', () => {
  for (const [value, name, want] of /** @type {[any, string, string][]} */ ([
    [42, 'value', 'number'], [-1.5, '', 'number'], ['21.4', 'state', 'number'], ['1e3', 'x', 'number'], [new Exact('9007199254740993'), 'n', 'number'],
    [1796061600000, 'generated', 'time'], [1796061600000, 'x', 'time'], [1796061600, 'last_updated', 'time'], [1796061600, 'time', 'time'], ['1796061600', 'timestamp', 'time'],
    [1796061600, 'bytes_total', 'number'], [1796061600, 'followers', 'number'], [1796061600000, 'size', 'number'], [5, 'time', 'number'], [0.38, 'generationtime_ms', 'number'],
    ['2026-11-30T19:00:00Z', 'x', 'time'], ['2026-11-30', 'day', 'time'], ['2026-11-30T19:00', 'time', 'time'], ['Mon, 30 Nov 2026 19:00:00 GMT', 'x', 'time'],
    ['operational', 'status', 'state'], ['not_home', 'state', 'state'], ['All Systems Operational', 'description', 'state'], ['Random update: 42', 'message', 'text'],
    ['918273', 'resourceVersion', 'id'], [7, 'id', 'id'], ['https://a.example', 'x', 'id'], ['7d1f2c30-0000-4000-8000-000000000000', 'x', 'id'],
    [true, 'ready', 'boolean'], [null, 'x', 'null'], [[], 'x', 'array'], [{}, 'x', 'object'], ['', 'x', 'state'],
  ])) assert.equal(kindOf(value, name), want, `${name}: ${JSON.stringify(value)}`);
  assert.equal(kindAt(1796061600.781, '/.data/.result/=x/.value/#0'), 'time', 'a sample of Prometheus');
  assert.equal(kindAt('0.93', '/.data/.result/=x/.value/#1'), 'number');
});

test('timeIn reads seconds, milliseconds and texts', () => {
  const at = Date.UTC(2026, 10, 30, 19);
  for (const each of [at, at / 1000, String(at / 1000), '2026-11-30T19:00:00Z', '2026-11-30T19:00', '2026-11-30 19:00:00', 'Mon, 30 Nov 2026 19:00:00 GMT']) assert.equal(timeIn(each), at, `${each}`);
  assert.equal(timeIn('yesterday'), null);
});

test('numbers stay as they were written', () => {
  const text = '{"a":9007199254740993,"b":1.10,"c":1e400,"d":0.1234567890123456789,"e":12}';
  const document = parse(text);
  if (!(document.a instanceof Exact)) return assert.ok(!('rawJSON' in JSON), 'a browser that does not tell the text of a number');
  assert.deepEqual([document.a, document.c, document.d].map(written), ['9007199254740993', '1e400', '0.1234567890123456789']);
  assert.deepEqual([document.b, document.e], [1.1, 12]);
  assert.equal(diff(parse(text), parse(text), 9).changes.length, 0);
  for (const [text, want] of [['1234', '1234'], ['12345', '12,345'], ['-1234567.50', '-1,234,567.50'], ['1e30', '1e30'], ['x', 'x']]) assert.equal(grouped(text), want);
});

test('diff: objects in arrays are compared with themselves, wherever they are', () => {
  const before = { list: [{ id: 1, n: 'a', s: 'up' }, { id: 2, n: 'b', s: 'up' }], gone: 1, same: { x: [1, 2] } };
  const after = { list: [{ id: 3, n: 'c', s: 'up' }, { id: 1, n: 'a', s: 'down' }, { id: 2, n: 'b', s: 'up' }], same: { x: [1, 3, 4] }, come: { y: 1 } };
  assert.deepEqual(diff(before, after, 99).changes.map(({ type, path, before, after }) => [type, path, before, after]), [
    ['add', '/.list/=3', undefined, after.list[0]], ['change', '/.list/=1/.s', 'up', 'down'], ['change', '/.same/.x/#1', 2, 3], ['add', '/.same/.x/#2', undefined, 4],
    ['add', '/.come/.y', undefined, 1], ['remove', '/.gone', 1, undefined],
  ]);
  assert.deepEqual(diff(before, before, 9), { changes: [], more: false });
  assert.deepEqual(diff(1, 2, 9).changes.map(({ path }) => path), ['']);
  assert.equal(diff(Array.from({ length: 50 }, () => 1), Array.from({ length: 50 }, () => 2), 10).changes.length, 10);
  assert.equal(diff(Array.from({ length: 50 }, () => 1), Array.from({ length: 50 }, () => 2), 10).more, true);
  const twice = [{ id: 1, v: 1 }, { id: 1, v: 2 }];
  assert.deepEqual(diff(twice, [{ id: 1, v: 1 }, { id: 1, v: 3 }], 9).changes.map(({ path }) => path), ['/#1/.v'], 'an identity that is none');
  const deep = (/** @type {number} */ end) => JSON.parse(`${'['.repeat(20_000)}${end}${']'.repeat(20_000)}`);
  assert.ok(diff(deep(1), deep(2), 9).changes.length > 0);
});

test('paths: names with any character come back, and an expression finds the value', () => {
  for (const name of ['a', 'a/b', '~', '~1', '', ' ', '.', '#1', 'ü']) {
    assert.deepEqual(segments(identified(element(member('', name), 3), name)), [{ sign: '.', text: name }, { sign: '#', text: '3' }, { sign: '=', text: name }]);
  }
  assert.deepEqual(parents('/.a/.b/#1'), ['', '/.a', '/.a/.b']);
  assert.deepEqual([parents('/.a'), parents('')], [[''], []]);
  for (const [keys, want] of /** @type {[(string | number)[], string][]} */ ([[[], '.'], [['a', 0, 'b'], '.a[0].b'], [[0, 'x'], '.[0].x'], [['a b'], '.["a b"]'], [['"'], '.["\\""]']])) assert.equal(expression(keys), want);
});

test('Points: an hour of a busy stream and a day of a slow one, in the same room', () => {
  for (const [step, n, least] of /** @type {const} */ ([[1, 300_000, 290_000], [5000, 17_280, 3_600_000]])) {
    const points = new Points();
    for (let i = 0; i < n; i++) points.add(i * step, i);
    const { pairs } = points;
    assert.ok(points.length <= 512 && points.length > 100, `${points.length}`);
    assert.equal(pairs[pairs.length - 1], n - 1, 'the newest one is there');
    assert.ok(pairs[pairs.length - 2] - pairs[0] >= least, `${pairs[pairs.length - 2] - pairs[0]}`);
    for (let i = 2; i < pairs.length; i += 2) assert.ok(pairs[i] > pairs[i - 2]);
    assert.equal(points.course(24).length, 48);
  }
});

test('24 hours do not grow: values that come and go, and events of any size', () => {
  const watch = new Watch(100);
  const frames = new Frames();
  for (let i = 0; i < 20_000; i++) {
    watch.take({ at: i, [`key-${i}`]: i, list: [{ id: i, v: i }, { id: i + 1, v: i }] }, i * 5000);
    frames.add({ at: i, kind: 'data', id: `e-${i}`, raw: 'x'.repeat(i % 100 === 0 ? 100_000 : 10), summary: '' });
  }
  assert.equal([...watch.tracks.all].length, 100);
  assert.equal(frames.part(0, 1000).kept, 500);
  for (let i = 0; i < 10; i++) frames.add({ at: i, kind: 'data', id: `l-${i}`, raw: 'x'.repeat(10_000_000), summary: '' });
  assert.deepEqual(frames.part(0, 9).frames.map(({ id }) => id), ['l-9', 'l-8', 'l-7', 'l-6']);
  frames.add({ at: 0, kind: 'data', id: 'huge', raw: 'x'.repeat(60_000_000), summary: '' });
  assert.deepEqual(frames.part(0, 9).frames.map(({ id }) => id), ['huge'], 'the newest one is always kept');
});

test('what is kept of large values is what can be shown, not the documents that they were in', () => {
  setFlagsFromString('--expose-gc');
  /** @type {() => void} */ const gc = runInNewContext('gc');
  const long = 'words and more '.repeat(20_000);
  const copy = (/** @type {any} */ document) => JSON.parse(JSON.stringify(document));
  for (const [what, make] of /** @type {[string, (n: number) => any][]} */ ([
    ['a long text that changes', n => ({ text: n + long })],
    ['members that come and go', n => ({ [`key-${n}`]: n + long })],
    ['elements that come and go', n => [{ id: n, numbers: Array.from({ length: 20_000 }, (_, i) => i + 0.5) }, { id: 'x', numbers: [] }]],
    ['titles that come and go', n => [{ id: n, title: n + long, n }, { id: 'x', title: long, n: 0 }]],
    ['what was an object is a number', n => ({ value: n % 2 ? n : Array.from({ length: 20_000 }, (_, i) => i + 0.5) })],
  ])) {
    const watch = new Watch(1500);
    /** @type {string[]} */ const summaries = [];
    for (let n = 0; n < 10; n++) watch.take(copy(make(n)), n);
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let n = 10; n < 210; n++) {
      watch.take(copy(make(n)), n);
      summaries.push(shorten(written(watch.document), 40), watch.fields(n, 13, 48)[0].text);
    }
    gc();
    const grown = process.memoryUsage().heapUsed - before;
    assert.ok(grown < 10e6, `${what}: ${Math.round(grown / 1e6)} MB, and ${summaries.length} summaries`);
  }
});

test('Frames: a pause, and a filter', () => {
  const frames = new Frames();
  const add = (/** @type {string} */ raw) => frames.add({ at: 0, kind: 'data', id: `e-${raw}`, raw, summary: `has ${raw}` });
  const shown = () => frames.part(0, 9).frames.map(({ summary }) => summary.slice(4));
  ['a', 'b'].forEach(add);
  frames.hold(true);
  add('c');
  assert.deepEqual([shown(), frames.part(0, 9).held], [['b', 'a'], 1]);
  frames.hold(false);
  assert.deepEqual(shown(), ['c', 'b', 'a']);
  frames.filter('HAS b');
  assert.deepEqual(shown(), ['b']);
  assert.equal(frames.before(2)?.raw, 'a');
  assert.deepEqual([frames.get(2)?.raw, frames.get(9), frames.get(0)], ['b', undefined, undefined]);
});

test('Leaves: fold, and search', () => {
  const leaves = new Leaves();
  const document = { a: { b: 1, c: 'needle' }, d: [{ id: 7, e: 2 }] };
  const names = () => leaves.rows(document).map(({ name, depth }) => `${depth}${name}`);
  assert.deepEqual(names(), ['0', '1a', '2b', '2c', '1d', '20', '3id', '3e']);
  leaves.toggle('/.a', false);
  assert.deepEqual(names(), ['0', '1a', '1d', '20', '3id', '3e']);
  assert.deepEqual(leaves.rows(document).map(({ path }) => path).at(-1), '/.d/=7/.e');
  leaves.search('NEEDLE');
  assert.deepEqual(names(), ['0', '1a', '2c']);
  leaves.search('');
  leaves.toggleAll(false);
  assert.deepEqual(names(), ['0', '1a', '1d']);
  leaves.toggleAll(true);
  assert.equal(names().length, 8);
  for (const scalar of [1, 'x', null, [], {}]) assert.equal(leaves.rows(scalar).length, 1);
});

test('a table: the columns that change first, sorted as people sort, with what is missing at the end', () => {
  const watch = new Watch(100);
  const make = (/** @type {number} */ n) => ({ rows: [{ name: 'x-10', kind: 'k', v: n }, { name: 'x-2', kind: 'k', v: null, in: { deep: 5 } }, { name: 'X-3', kind: 'k', v: '7' }] });
  watch.take(make(1), 1);
  watch.take(make(20), 2);
  const [{ path, array }] = tables(watch.document, each => watch.lit(each));
  const cols = columns(array, path, watch);
  assert.deepEqual(cols.map(({ label }) => label), ['name', 'v', 'kind', 'in.deep']);
  const sorted = (/** @type {any} */ sort) => part(array, path, cols, sort, 0, 9, watch).map(({ cells }) => cells[0].text);
  assert.deepEqual(sorted(null), ['x-10', 'x-2', 'X-3']);
  assert.deepEqual(sorted({ by: 0, down: false }), ['x-2', 'X-3', 'x-10']);
  assert.deepEqual(sorted({ by: 1, down: true }), ['x-10', 'X-3', 'x-2']);
  assert.deepEqual(sorted({ by: 1, down: false }), ['X-3', 'x-10', 'x-2']);
  assert.deepEqual(sorted({ by: -1, down: true }), ['x-10', 'x-2', 'X-3'], 'what changed comes first');
  assert.equal(part(array, path, cols, null, 0, 1, watch)[0].cells[1].lit, true);
});

test('columns: what the rows are called, then what changes, then what differs; times and identifiers later', () => {
  const want = /** @type {Record<string, string[]>} */ ({
    github: ['name', 'status'], quotes: ['symbol', 'regularMarketPrice'], quakes: ['properties.title', 'properties.felt', 'properties.mag'], pods: ['metadata.name', 'status.phase'],
    home: ['attributes.friendly_name', 'state', 'last_changed'], prometheus: ['metric.instance', 'value'], bikes: ['station_id', 'num_bikes_available'], builds: ['display_title', 'status', 'conclusion'], large: ['id', 'battery', 'state'],
  });
  for (const { name, make, versions = 12 } of SAMPLES.filter(({ name }) => name in want)) {
    const watch = new Watch(1500);
    for (let n = 0; n < versions; n++) watch.take(make(n), n * 1000);
    const [{ array, path }] = tables(watch.document, each => watch.lit(each));
    assert.deepEqual(columns(array, path, watch).slice(0, want[name].length).map(({ label }) => label), want[name], name);
  }
});

test('columns: before something has changed, a state comes before what else differs', () => {
  const watch = new Watch(100);
  const rows = [{ id: 'a', site: 'x', state: 'up', model: 'm' }, { id: 'b', site: 'y', state: 'down', model: 'n' }];
  watch.take(rows, 0);
  assert.deepEqual(columns(rows, '', watch).map(({ label }) => label), ['id', 'state', 'site', 'model']);
});

test('labels: of a long thing the beginning, and the names whole', () => {
  const path = member(member(element(member('', 'features'), 3), 'properties'), 'felt');
  assert.equal(labelOf(path, 'M 3.38 - 74 km SW of Puerto El Triunfo, El Salvador', 28), 'M 3.38 - 74 km SW of Puerto… › properties › felt');
  assert.equal(labelOf(member('', 'x'.repeat(1000)), '').length, 60);
  assert.equal(labelOf(member(path, 'x'.repeat(1000)), 'a').length, 'a › felt › '.length + 64);
});

test('Rate counts a minute, and begins anew with the server', () => {
  const rate = new Rate();
  rate.take(100, 0);
  assert.equal(rate.aMinute, null);
  for (let i = 1; i <= 60; i++) rate.take(100 + i * 10, i * 2000);
  assert.equal(rate.aMinute, 300);
  rate.take(5, 122_000);
  assert.equal(rate.aMinute, null);
});

test('milliseconds reads durations of Go', () => {
  for (const [text, want] of /** @type {[any, number | null][]} */ ([['5s', 5000], ['1m30s', 90_000], ['1.5s', 1500], ['100ms', 100], ['1h0m0s', 3_600_000], ['', null], [null, null], ['soon', null]])) assert.equal(milliseconds(text), want);
});

test('sinceFor asks for as many documents as a chart shows, and for few large ones', () => {
  for (const [every, size, want] of /** @type {[number | null, number, string][]} */ ([[5000, 100, '2000s'], [null, 100, '1200s'], [600_000, 100, '86400s'], [1000, 3_000_000, '60s']])) assert.equal(sinceFor(every, size), want);
});

test('snippets carry the address, and a token where the stream wants one', () => {
  for (const guarded of [false, true]) {
    const all = snippets('https://a.example/p/', 'api/sse?stream=x', guarded);
    assert.deepEqual(all.map(({ name }) => name), ['curl', 'JavaScript', 'React', 'Go', 'Python']);
    for (const { name, code } of all) {
      assert.ok(code.includes('https://a.example/p/api/sse?stream=x'), name);
      if (name !== 'JavaScript') assert.equal(/token/i.test(code), guarded, name);
    }
  }
});

test('toneOf', () => {
  for (const [word, want] of [['operational', 'good'], ['degraded_performance', 'unsure'], ['major_outage', 'bad'], ['CrashLoopBackOff', 'bad'], ['Running', 'good'], ['Berlin', 'plain'], ['in_progress', 'unsure'], ['not_home', 'plain'], ['Living room', 'plain'], ['hub: end slow subscriptions', 'plain'], ['Minor Service Outage', 'bad']]) assert.equal(toneOf(word), want, word);
});

test('ticks are at round times', () => {
  const from = new Date(2026, 0, 2, 3, 4, 5).getTime();
  assert.deepEqual(ticks(from, from + 60_000, 4).map(({ text }) => text), ['03:04:15', '03:04:30', '03:04:45', '03:05:00']);
  assert.deepEqual(ticks(from, from + 3_600_000, 4).map(({ text }) => text), ['03:15', '03:30', '03:45', '04:00']);
  assert.ok(ticks(0, 400 * 86_400_000, 5).length <= 6);
});
