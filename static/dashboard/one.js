/** One stream, in the worker: its connection, what is known of its documents, and the parts that the page shows. */

import { diff } from './diff.js';
import { Frames } from './frames.js';
import { columns, part, tables } from './grid.js';
import { describe, titleOf } from './identity.js';
import { kindAt, timeIn } from './kinds.js';
import { Leaves, textOf } from './leaves.js';
import { Line } from './line.js';
import { weightOf } from './news.js';
import { parse } from './parse.js';
import { expression, segments } from './paths.js';
import { told } from './shown.js';
import { shorten } from './text.js';
import { Watch, labelOf } from './watch.js';

/** @import { Column } from './grid.js' */
/** @import { Change } from './diff.js' */
/** @import { Field } from './watch.js' */

const TRACKS = 1500; // values whose course is kept
const DIFF = 500; // changes of a comparison that are shown
const RAW = 50_000; // characters of a raw event that are shown
const COURSE = 240; // values of a line in the chart
const THING = 28; // characters of what has changed, in the list of events, where the change has to be seen too

/**
 * What the page shows of the stream.
 * @typedef {object} View
 * @property {{from: number, to: number} | null} tree
 * @property {{from: number, to: number, path: string, sort: {by: string, down: boolean} | null} | null} table
 * @property {{from: number, to: number}} log
 * @property {string[]} pins paths of the values in the chart
 * @property {number} base the number of the event with which the tree is compared; 0 for none
 */

/** One is asked for `part` whenever the page can draw. */
export class One {
  #name;
  #dirty;
  #line;
  #watch = new Watch(TRACKS);
  #frames = new Frames();
  #leaves = new Leaves();
  /** @type {View} */ #view = { tree: { from: 0, to: 60 }, table: null, log: { from: 0, to: 40 }, pins: [], base: 0 };
  #events = 0;
  #resets = 0;
  #lastEventId = '';
  /** What the tree is compared with. @type {{n: number, document: any, against: any, changes: Map<string, Change>} | null} */ #compared = null;
  /** The columns of the table stay while its rows come and go. @type {{path: string, columns: Column[], seq: number} | null} */ #columns = null;

  /**
   * @param {string} name of the stream
   * @param {EventTarget} page hears what happens to the page
   * @param {() => void} dirty is called when something has changed
   */
  constructor(name, page, dirty) {
    this.#name = name;
    this.#dirty = dirty;
    this.#line = new Line(name, page, {
      take: (document, raw, id, at) => {
        const watch = this.#watch;
        watch.take(document, at);
        this.#events++;
        this.#lastEventId = id;
        this.#frames.add({ at, kind: 'data', id, raw, summary: summaryOf(watch) });
        dirty();
      },
      forget: () => { this.#watch = new Watch(TRACKS); },
      note: (kind, text, at) => {
        if (kind === 'reset') this.#resets++;
        this.#frames.add({ at, kind, id: '', raw: text, summary: text });
        dirty();
      },
      dirty,
    });
  }

  /** Ends it. */
  close() { this.#line.close(); }

  /** @param {Partial<View>} view */
  look(view) {
    Object.assign(this.#view, view);
    this.#dirty();
  }

  /** @param {boolean} hidden whether nobody sees the page */
  hide(hidden) { this.#line.hide(hidden); }

  // Orders of the page.

  /** @param {{path: string, open: boolean}} what */
  toggle({ path, open }) { this.#leaves.toggle(path, open); this.#dirty(); }
  /** @param {boolean} open */
  toggleAll(open) { this.#leaves.toggleAll(open); this.#dirty(); }
  /** @param {string} words */
  search(words) { this.#leaves.search(words); this.#dirty(); }
  /** @param {boolean} holds */
  hold(holds) { this.#frames.hold(holds); this.#dirty(); }
  /** @param {string} words */
  filter(words) { this.#frames.filter(words); this.#dirty(); }
  /** Connects now. */
  reconnect() { this.#line.reconnect(); }

  // Questions of the page.

  /**
   * A value of the newest document.
   * @param {string} path
   * @returns {{where: string, value: string, kind: string} | null} null if there is none
   */
  value(path) {
    const keys = this.#locate(path);
    if (!keys) return null;
    const value = keys.reduce((value, key) => value?.[key], this.#watch.document);
    return { where: expression(keys), kind: kindAt(value, path), value: typeof value === 'string' ? value : JSON.stringify(value, null, 2) ?? '' };
  }

  /**
   * An event: as it came, and what differs from the one before, or from another one.
   * @param {{n: number, with?: number}} which
   */
  event({ n, with: other }) {
    const frame = this.#frames.get(n);
    if (!frame) return null;
    const before = other ? this.#frames.get(other) : this.#frames.before(n);
    const { raw, ...rest } = frame;
    const answer = { ...rest, size: raw.length, raw: shorten(raw, RAW), before: before?.id ?? '', changes: /** @type {any[]} */ ([]), more: false };
    if (frame.kind !== 'data' || !before) return answer;
    try {
      const { changes, more } = diff(parse(before.raw), parse(raw), DIFF);
      answer.changes = changes.map(({ type, path, before, after, title }) =>
        ({ type, label: labelOf(path, title) || 'document', before: before === undefined ? '' : told(before, path, 300), after: after === undefined ? '' : told(after, path, 300) }));
      answer.more = more;
    } catch {
      // One of them is no JSON, which the list says.
    }
    return answer;
  }

  /** The data of an event as it came, however long; null if it is not kept any more. @param {number} n */
  raw(n) { return this.#frames.get(n)?.raw ?? null; }

  /** The documents that can be compared, the newest first. */
  kept() { return this.#frames.part(0, 500).frames.filter(({ kind }) => kind === 'data').map(({ n, id, at }) => ({ n, id, at })); }

  // The parts.

  /** What the page shows now. */
  part() {
    const watch = this.#watch;
    const { now, known } = this.#line;
    const fields = watch.fields(now ?? Date.now(), 13, 48);
    return {
      ...known, now, name: this.#name, exists: watch.exists, seq: watch.seq, events: this.#events, resets: this.#resets, lastEventId: this.#lastEventId,
      madeAt: known.madeAt ?? (watch.exists ? watch.at : null), age: known.age ?? (watch.exists && now !== null ? now - watch.at : null),
      size: this.#frames.newest?.raw.length ?? 0,
      fields, message: messageIn(watch.document, fields[0]?.path ?? ''),
      chart: this.#chart(fields.filter(({ course, past }) => course.length > 2 || past.length > 0).map(({ path }) => path)),
      tree: this.#view.tree && watch.exists ? this.#tree(this.#view.tree) : null,
      table: watch.exists ? this.#table() : null,
      log: this.#frames.part(this.#view.log.from, this.#view.log.to),
    };
  }

  /** @param {string[]} best */
  #chart(best) {
    const pins = this.#view.pins.length > 0 ? this.#view.pins : best.slice(0, 1);
    return pins.flatMap(/** @returns {Field[]} */ path => {
      const track = this.#watch.tracks.get(path);
      if (track) return [this.#watch.field(track, COURSE)];
      const keys = this.#locate(path);
      const value = keys?.reduce((value, key) => value?.[key], this.#watch.document);
      return typeof value === 'number' ? [{ path, label: labelOf(path, ''), unit: '', kind: 'number', text: String(value), course: [this.#watch.at, value], past: [], from: '', type: '', at: null, seq: 0, changes: 0 }] : [];
    });
  }

  /** @param {{from: number, to: number}} window */
  #tree({ from, to }) {
    const { document } = this.#watch;
    const all = this.#leaves.rows(document);
    const compared = this.#compare();
    const rows = all.slice(from, to).map(leaf => {
      const { path, name, depth, place, siblings, open } = leaf;
      const { kind, text } = textOf(leaf);
      const old = compared?.changes.get(path);
      const track = this.#watch.tracks.get(path);
      return {
        path, name, depth, place, siblings, open, kind, text,
        lit: open !== true && this.#watch.lit(path) ? this.#watch.seq : 0,
        was: old ? (old.before === undefined ? '(new)' : told(old.before, path, 80)) : '',
        at: track && open !== true ? track.at : null,
        from: track && !old && track.type === 'change' && open === null ? told(track.from, path, 60) : '',
        course: track?.points && track.points.length > 1 ? track.points.course(24) : [],
      };
    });
    return { from, count: all.length, rows, base: this.#view.base, gone: compared ? [...compared.changes.values()].filter(({ type }) => type === 'remove').length : 0, differ: compared?.changes.size ?? 0 };
  }

  /** What differs between the newest document and the one that was chosen. */
  #compare() {
    const { base } = this.#view;
    if (!base) return this.#compared = null;
    const { document } = this.#watch;
    if (this.#compared?.n === base && this.#compared.document === document) return this.#compared;
    const frame = this.#frames.get(base);
    const against = this.#compared?.n === base ? this.#compared.against : frame && parse(frame.raw);
    if (against === undefined) return null;
    const { changes } = diff(against, document, 5000);
    return this.#compared = { n: base, document, against, changes: new Map(changes.map(change => [change.path, change])) };
  }

  #table() {
    const watch = this.#watch;
    const all = tables(watch.document, path => watch.lit(path));
    const names = all.map(({ path, label, array }) => ({ path, label, count: array.length }));
    const { table } = this.#view;
    if (!table || all.length === 0) return { names, shown: null };
    const { path, array } = all.find(each => each.path === table.path) ?? all[0];
    // What changes shows soon after the beginning.
    const young = watch.seq < 10 || watch.seq % 50 === 0;
    if (this.#columns?.path !== path || young && this.#columns.seq !== watch.seq) this.#columns = { path, columns: columns(array, path, watch), seq: watch.seq };
    const cols = this.#columns.columns;
    const by = table.sort ? (table.sort.by === '' ? -1 : cols.findIndex(({ label }) => label === table.sort?.by)) : -2;
    const sort = table.sort && by > -2 ? { by, down: table.sort.down } : null;
    return {
      names, shown: {
        path, count: array.length, from: table.from, seq: watch.seq, sort: table.sort,
        columns: cols.map(({ label, numeric }) => ({ label, numeric })),
        rows: part(array, path, cols, sort, table.from, table.to, watch),
      },
    };
  }

  /**
   * The keys that lead to a path in the newest document; null if there is no such value.
   * @param {string} path
   * @returns {(string | number)[] | null}
   */
  #locate(path) {
    let value = this.#watch.document;
    /** @type {(string | number)[]} */ const keys = [];
    for (const { sign, text } of segments(path)) {
      if (value === null || typeof value !== 'object') return null;
      /** @type {string | number} */ let key = sign === '#' ? Number(text) : text;
      if (sign === '=') {
        const rows = this.#leaves.identities(value);
        key = rows?.findIndex(id => id === text) ?? -1;
        if (key < 0) return null;
      }
      if (!(key in value)) return null;
      value = value[key];
      keys.push(key);
    }
    return keys;
  }
}

/**
 * The message of a document, as long as it is not on show anyway.
 * @param {any} document
 * @param {string} path on show
 */
function messageIn(document, path) {
  const message = document?.message;
  return typeof message === 'string' && path !== '/.message' ? shorten(message, 200) : '';
}

/** What the newest event of a stream changed, in words. @param {Watch} watch */
function summaryOf(watch) {
  const { changes } = watch;
  if (watch.seq === 1) return describe(watch.document);
  if (changes.length === 0) return 'no change';
  /** @type {Change | undefined} */ let best;
  let most = -1;
  for (const change of changes.slice(0, 50)) {
    const kind = kindAt(change.after ?? change.before, change.path);
    const worth = change.among > 0 ? 2.7 : weightOf(kind, change.path);
    if (worth > most) [best, most] = [change, worth];
  }
  if (!best) return '';
  const { type, path, before, after, title } = best;
  const whole = best.among > 0 && typeof (after ?? before) === 'object';
  const label = labelOf(path, whole ? '' : title, THING);
  const words = kindAt(after ?? before, path) === 'time' && timeIn(after ?? before) !== null ? `only ${label.split(' › ').pop()} → ${told(after ?? before, path, 40)}`
    : type === 'change' ? `${label}: ${told(before, path, 40)} → ${told(after, path, 40)}`
    : `${type === 'add' ? '+' : '−'} ${whole ? titleOf(after ?? before) || label : `${label}: ${told(after ?? before, path, 40)}`}`;
  return changes.length > 1 ? `${words} · ${(changes.length - 1).toLocaleString('en')} more` : words;
}
