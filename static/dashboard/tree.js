/** The newest document as a tree. */

import { copy, h, say, selecting, set } from './dom.js';
import { light } from './light.js';
import { Rows } from './rows.js';
import { beside, plain, shown } from './shown.js';
import { drawSpark, spark } from './spark.js';
import { brief, clock } from './time.js';

/** @import { Desk } from './desk.js' */

/**
 * Tree shows the rows that the worker sends. One row is the current one: the buttons below are about it, and the arrow keys
 * move it and fold it.
 */
export class Tree {
  /** The element. */ node;
  #desk;
  #rows;
  #list;
  #sheet;
  #bar;
  #path = h('code.path');
  #said = h('span.said', { role: 'status' });
  #search = /** @type {HTMLInputElement} */ (h('input', { type: 'search', id: 'search', placeholder: 'Search names and values', 'aria-label': 'Search the document', autocomplete: 'off', spellcheck: 'false' }));
  #against = /** @type {HTMLSelectElement} */ (h('select', { 'aria-label': 'Compare with an earlier event' }));
  #differ = h('span.count');
  #current = 0;
  /** @type {any} */ #part = null;
  #now = 0;
  /** @type {(path: string) => void} */ #pin;

  /**
   * @param {Desk} desk
   * @param {(path: string) => void} pin puts a number into the chart
   */
  constructor(desk, pin) {
    this.#desk = desk;
    this.#pin = pin;
    this.#sheet = h('div.sheet', { role: 'tree', 'aria-label': 'Newest document' });
    this.#list = h('div.list.treelist', { tabindex: 0, role: 'group', 'aria-label': 'Tree of the newest document; arrow keys move and fold' }, this.#sheet);
    this.#rows = new Rows(this.#list, this.#sheet, makeRow, (row, item, index) => this.#fill(row, item, index), tree => desk.tell('look', { tree }));
    const button = (/** @type {string} */ text, /** @type {() => void} */ act) => {
      const node = h('button', { type: 'button' }, text);
      node.addEventListener('click', act);
      return node;
    };
    this.#bar = h('div.pathbar', {}, this.#path,
      button('Copy path', () => void this.#copy('where')), button('Copy value', () => void this.#copy('value')),
      button('Chart', () => { if (this.#item) this.#pin(this.#item.path); }), this.#said);
    this.node = h('div.tree', {},
      h('div.tools', {}, this.#search, this.#against, this.#differ, h('span.gap'),
        button('Unfold', () => desk.tell('toggleAll', true)), button('Fold', () => desk.tell('toggleAll', false))),
      this.#list, this.#bar);
    this.#search.addEventListener('input', () => {
      desk.tell('search', this.#search.value.trim());
      this.#list.scrollTop = 0;
    });
    this.#against.append(new Option('Compare with…', '0'));
    for (const event of ['pointerdown', 'focus']) this.#against.addEventListener(event, () => void this.#offer());
    this.#against.addEventListener('change', () => desk.tell('look', { base: Number(this.#against.value) }));
    this.#sheet.addEventListener('click', event => this.#click(/** @type {MouseEvent} */ (event)));
    this.#list.addEventListener('keydown', event => this.#key(/** @type {KeyboardEvent} */ (event)));
  }

  /**
   * Compares with an event.
   * @param {{n: number, id: string}} event
   */
  compare({ n, id }) {
    if (![...this.#against.options].some(({ value }) => value === String(n))) this.#against.append(new Option(id, String(n)));
    this.#against.value = String(n);
    this.#desk.tell('look', { base: n });
  }

  /**
   * @param {any} part the worker's
   * @param {number | null} now the server's time
   */
  draw(part, now) {
    if (!part || selecting(this.#sheet)) return;
    this.#part = part;
    this.#now = now ?? 0;
    this.#current = Math.min(this.#current, part.count - 1);
    this.#rows.show(part.count, part.from, part.rows);
    say(this.#differ, part.base ? part.differ === 0 ? 'no difference' : `${part.differ} different${part.gone ? `, ${part.gone} gone` : ''}` : '');
    this.#show();
  }

  get #item() { return this.#part?.rows[this.#current - this.#part.from] ?? null; }

  /**
   * @param {HTMLElement} row
   * @param {any} item
   * @param {number} index
   */
  #fill(row, item, index) {
    const { name, depth, kind, text, open, lit, was, from, at, course, place, siblings } = item;
    const [fold, key, value, extra] = /** @type {HTMLElement[]} */ ([...row.children]);
    set(row, {
      'aria-level': depth + 1, 'aria-expanded': open === null ? null : String(open), 'aria-posinset': place, 'aria-setsize': siblings,
      'aria-selected': String(index === this.#current), id: `leaf-${index}`, 'data-kind': kind, 'data-index': index, 'data-was': was !== '' });
    row.style.setProperty('--depth', String(depth));
    say(fold, open === null ? '' : open ? '▾' : '▸');
    say(key, depth === 0 ? 'document' : name);
    say(value, plain(kind, text) || (kind === 'state' || kind === 'text' ? '“”' : ''));
    const [line, words] = extra.children;
    drawSpark(/** @type {any} */ (line), course);
    set(line, { hidden: course.length < 4 });
    const time = beside(kind, text, this.#now || null);
    say(words, was ? `was ${was}` : time || (from !== '' ? `was ${shown(kind, from)}${this.#since(at)}` : at && open === false ? `changed${this.#since(at)}` : ''));
    light(row, lit);
  }

  /** How long ago something was, after a comma; empty if the server's time is not known. @param {number | null} at */
  #since(at) { return at && this.#now ? `, ${brief(this.#now - at)} ago` : ''; }

  #show() {
    const item = this.#item;
    set(this.#list, { 'aria-activedescendant': item ? `leaf-${this.#current}` : null });
    for (const row of this.#sheet.children) set(row, { 'aria-selected': String(row.getAttribute('data-index') === String(this.#current)) });
    say(this.#path, item ? item.path === '' ? 'document' : item.path.split('/').slice(1).map((/** @type {string} */ each) => (each[0] === '#' ? `[${each.slice(1)}]` : each.slice(1).replaceAll('~1', '/').replaceAll('~0', '~'))).join(' › ') : '');
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const row = /** @type {HTMLElement} */ (event.target).closest('.leaf');
    if (!row || selecting(row)) return;
    this.#current = Number(row.getAttribute('data-index'));
    const item = this.#item;
    if (item && item.open !== null && (event.detail > 1 || /** @type {HTMLElement} */ (event.target).className === 'fold' || item.depth > 0)) this.#toggle(item);
    this.#show();
  }

  /** @param {any} item */
  #toggle({ path, open }) { this.#desk.tell('toggle', { path, open: !open }); }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#part) return;
    const item = this.#item;
    const page = Math.max(1, Math.floor(this.#list.clientHeight / this.#rows.height) - 1);
    const moves = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity });
    if (event.key in moves) this.#move(moves[event.key]);
    else if (event.key === 'ArrowRight' && item) item.open === false ? this.#toggle(item) : this.#move(1);
    else if (event.key === 'ArrowLeft' && item) {
      if (item.open) this.#toggle(item);
      else this.#move(this.#parent(item) - this.#current);
    } else if ((event.key === 'Enter' || event.key === ' ') && item?.open !== null) this.#toggle(item);
    else if (event.key === 'c') void this.#copy('value');
    else return;
    event.preventDefault();
  }

  /** The index of the row that a row is in, if it is on show. @param {any} item */
  #parent(item) {
    const { rows, from } = this.#part;
    for (let i = this.#current - from; i >= 0; i--) if (rows[i].depth < item.depth) return i + from;
    return this.#current;
  }

  /** @param {number} by */
  #move(by) {
    this.#current = Math.max(0, Math.min(this.#part.count - 1, this.#current + by));
    this.#rows.reveal(this.#current);
    this.#show();
  }

  /** @param {'where' | 'value'} what */
  async #copy(what) {
    const item = this.#item;
    const found = item && await this.#desk.ask('value', item.path);
    say(this.#said, found ? await copy(found[what], this.#path) : 'It is not in the newest document.');
    setTimeout(() => say(this.#said, ''), 4000);
  }

  /** Lists the events to compare with. */
  async #offer() {
    const kept = await this.#desk.ask('kept');
    const chosen = this.#against.value;
    const options = kept.slice(1).map((/** @type {any} */ { n, id, at }) => new Option(`${clock(at)}  ${id}`, String(n)));
    if (chosen !== '0' && !options.some((/** @type {HTMLOptionElement} */ { value }) => value === chosen)) options.push(new Option(`event ${chosen}`, chosen));
    this.#against.replaceChildren(new Option(chosen === '0' ? 'Compare with…' : 'Compare with nothing', '0'), ...options);
    this.#against.value = chosen;
  }
}

function makeRow() {
  return h('div.leaf', { role: 'treeitem' }, h('span.fold', { 'aria-hidden': 'true' }), h('span.name'), h('span.value'),
    h('span.extra', {}, /** @type {any} */ (spark(64, 18)), h('span')));
}
