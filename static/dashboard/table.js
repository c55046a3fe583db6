/** An array of objects as a table. */

import { h, say, selecting, set } from './dom.js';
import { light } from './light.js';
import { Rows } from './rows.js';
import { beside, shown } from './shown.js';
import { drawSpark, spark } from './spark.js';
import { toneOf } from './tones.js';

/** @import { Desk } from './desk.js' */

/** Table shows the rows that the worker sends. Its columns sort. */
export class Table {
  /** The element. */ node;
  #desk;
  #list;
  #grid;
  #sheet;
  #head;
  #choice = /** @type {HTMLSelectElement} */ (h('select', { 'aria-label': 'Which list' }));
  #count = h('span.count');
  #changed = h('button', { type: 'button', 'aria-pressed': 'false' }, 'Changed first');
  #rows;
  #columns = '';
  #now = 0;
  /** @type {any} */ #shown = null;
  /** @type {{from: number, to: number, path: string, sort: {by: string, down: boolean} | null}} */ #view = { from: 0, to: 50, path: '', sort: null };

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#head = h('div.headrow', { role: 'row' });
    this.#sheet = h('div.sheet', { role: 'rowgroup' });
    // Hidden until there are columns: a row without cells is no row to a screen reader.
    this.#grid = h('div.grid', { hidden: true, role: 'table', 'aria-label': 'List of the newest document' }, h('div.headgroup', { role: 'rowgroup' }, this.#head), this.#sheet);
    this.#list = h('div.list', { tabindex: 0, role: 'region', 'aria-label': 'Table' }, this.#grid);
    this.#rows = new Rows(this.#list, this.#sheet, () => h('div.gridrow', { role: 'row' }), (row, item, index) => this.#fill(row, item, index), window => this.#look(window));
    this.node = h('div.table', {}, h('div.tools', {}, this.#choice, this.#count, h('span.gap'), this.#changed), this.#list);
    this.#choice.addEventListener('change', () => this.#look({ path: this.#choice.value, sort: null, from: 0, to: 50 }));
    this.#changed.addEventListener('click', () => this.#look({ sort: this.#view.sort?.by === '' ? null : { by: '', down: true } }));
    this.#head.addEventListener('click', event => {
      const label = /** @type {HTMLElement} */ (event.target).closest('button')?.dataset.label;
      if (label === undefined) return;
      const { sort } = this.#view;
      const numeric = this.#shown.columns.find((/** @type {any} */ column) => column.label === label)?.numeric ?? false;
      // A number begins with the largest, a text with A; then the other way; then as the document has it.
      const next = sort?.by !== label ? { by: label, down: numeric } : sort.down === numeric ? { by: label, down: !numeric } : null;
      this.#look({ sort: next });
    });
  }

  /** Whether it is on show. @param {boolean} on */
  show(on) { this.#desk.tell('look', { table: on ? this.#view : null }); }

  /** @param {Partial<{from: number, to: number, path: string, sort: {by: string, down: boolean} | null}>} view */
  #look(view) {
    Object.assign(this.#view, view);
    this.#desk.tell('look', { table: { ...this.#view } });
  }

  /**
   * @param {any} part the worker's
   * @param {number | null} now the server's time
   */
  draw(part, now) {
    const { names, shown: table } = part;
    if (!table || selecting(this.#sheet)) return;
    this.#now = now ?? 0;
    this.#shown = table;
    this.#view.path = table.path;
    if (this.#choice.options.length !== names.length || names.some((/** @type {any} */ { path }, /** @type {number} */ i) => this.#choice.options[i].value !== path)) {
      this.#choice.replaceChildren(...names.map((/** @type {any} */ { path, label }) => new Option(label, path)));
    }
    this.#choice.value = table.path;
    this.#choice.hidden = names.length < 2;
    say(this.#count, `${table.count.toLocaleString('en')} rows`);
    set(this.#changed, { 'aria-pressed': String(table.sort?.by === '') });
    this.#heads(table);
    this.#grid.hidden = table.columns.length === 0;
    set(this.#grid, { 'aria-rowcount': table.count + 1 });
    this.#rows.show(table.count, table.from, table.rows);
  }

  /** @param {any} table */
  #heads({ columns, sort }) {
    const key = JSON.stringify([columns, sort]);
    if (key === this.#columns) return;
    this.#columns = key;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.label;
    this.#list.style.setProperty('--columns', columns.map((/** @type {any} */ { numeric }, /** @type {number} */ i) => (i === 0 ? 'var(--first)' : i === columns.length - 1 ? 'minmax(9rem, 1fr)' : numeric ? '10.5rem' : '10rem')).join(' '));
    this.#head.replaceChildren(...columns.map((/** @type {any} */ { label, numeric }) => {
      const sorted = sort?.by === label ? (sort.down ? 'descending' : 'ascending') : 'none';
      const arrow = sorted === 'none' ? '' : sort.down ? ' ↓' : ' ↑';
      return h('div', { role: 'columnheader', 'aria-sort': sorted, 'data-numeric': numeric }, h('button.quiet', { type: 'button', 'data-label': label, title: label }, label + arrow));
    }));
    if (focused !== undefined) [...this.#head.querySelectorAll('button')].find(button => button.dataset.label === focused)?.focus();
  }

  /**
   * @param {HTMLElement} row
   * @param {any} item
   * @param {number} index
   */
  #fill(row, { path, cells, isNew }, index) {
    set(row, { 'aria-rowindex': index + 2 });
    while (row.children.length > cells.length) row.lastElementChild?.remove();
    while (row.children.length < cells.length) row.append(h('div', { role: 'cell' }, h('span'), /** @type {any} */ (spark(48, 18))));
    if (row.dataset.path !== path) { // the element has been another row
      row.dataset.path = path;
      for (const cell of row.children) delete (/** @type {HTMLElement} */ (cell)).dataset.lit;
    }
    cells.forEach((/** @type {any} */ { kind, text, lit, course }, /** @type {number} */ i) => {
      const cell = /** @type {HTMLElement} */ (row.children[i]);
      const [words, line] = cell.children;
      set(cell, { 'data-kind': kind, 'data-tone': kind === 'state' || kind === 'boolean' ? toneOf(text) : null });
      say(words, kind === 'time' ? beside(kind, text, this.#now || null) || shown(kind, text) : shown(kind, text));
      if (kind === 'time') set(words, { title: shown(kind, text) });
      set(line, { hidden: course.length < 4 });
      if (course.length >= 4) drawSpark(/** @type {any} */ (line), course);
      if (lit || isNew) light(cell, this.#shown.seq);
    });
  }
}
