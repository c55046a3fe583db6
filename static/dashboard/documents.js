/** The newest document, as a tree or as a table. */

import { h, say, set } from './dom.js';
import { Table } from './table.js';
import { arrows } from './tabs.js';
import { size } from './text.js';
import { Tree } from './tree.js';

/** @import { Desk } from './desk.js' */

const VIEWS = /** @type {const} */ (['tree', 'table']);

/** Documents shows one of the two. A document that is a list is a table, unless somebody has chosen. */
export class Documents {
  /** The element. */ node;
  #desk;
  #tree;
  #table;
  #tabs;
  #body;
  #size = h('p.count', { id: 'size' });
  #tab = '';
  #chosen = false;
  /** @type {any} */ #last = null;

  /**
   * @param {Desk} desk
   * @param {(path: string) => void} pin puts a value into the chart
   */
  constructor(desk, pin) {
    this.#desk = desk;
    this.#tree = new Tree(desk, pin);
    this.#table = new Table(desk);
    this.#tabs = h('div.tabs', { role: 'tablist', 'aria-label': 'Form of the document', hidden: true }, ...VIEWS.map(view =>
      h('button', { type: 'button', role: 'tab', id: `view-${view}`, 'aria-controls': 'document' }, view === 'tree' ? 'Tree' : 'Table')));
    this.#body = h('div', { id: 'document', role: 'tabpanel' }, this.#tree.node, this.#table.node);
    this.node = h('section.card.documents', { 'aria-labelledby': 'document-title' },
      h('div.bar', {}, h('h2', { id: 'document-title' }, 'Newest document'), this.#tabs, h('span.gap'), this.#size), this.#body);
    VIEWS.forEach((view, i) => this.#tabs.children[i].addEventListener('click', () => this.#choose(view)));
    arrows(this.#tabs, n => this.#choose(VIEWS[n]));
    this.#show('tree');
  }

  /**
   * Compares the newest document with that of an event.
   * @param {{n: number, id: string}} event
   */
  compare(event) {
    this.#choose('tree');
    this.#tree.compare(event);
    this.node.scrollIntoView({ block: 'nearest' });
  }

  /** @param {any} part the worker's */
  draw(part) {
    this.#last = part;
    const lists = part.table?.names ?? [];
    this.#tabs.hidden = lists.length === 0;
    if (!this.#chosen && lists.length > 0) {
      this.#chosen = true;
      if (lists[0].count >= 3 && lists[0].path.split('/').length <= 4) this.#show('table');
    }
    if (this.#tab === 'table' && part.table) this.#table.draw(part.table, part.now);
    else this.#tree.draw(part.tree, part.now);
    say(this.#size, part.exists ? size(part.size) : '');
  }

  /** @param {string} view */
  #choose(view) {
    this.#chosen = true;
    this.#show(view);
    if (this.#last) this.draw(this.#last);
  }

  /** @param {string} view */
  #show(view) {
    this.#tab = view;
    VIEWS.forEach((each, i) => set(this.#tabs.children[i], { 'aria-selected': String(each === view), tabindex: each === view ? 0 : -1 }));
    set(this.#body, { 'aria-labelledby': `view-${view}` });
    this.#tree.node.hidden = view !== 'tree';
    this.#table.node.hidden = view !== 'table';
    this.#table.show(view === 'table');
    this.#desk.tell('look', { tree: view === 'tree' ? { from: 0, to: 60 } : null });
  }
}
