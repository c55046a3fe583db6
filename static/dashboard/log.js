/** The list of the last events. */

import { copy, h, say, selecting, set } from './dom.js';
import { Rows } from './rows.js';
import { count, size } from './text.js';
import { clock } from './time.js';

/** @import { Desk } from './desk.js' */

/**
 * Log lists the events, the newest first, and shows one of them as it came, and what it changed. The list stands still while
 * somebody has paused it, or has selected text in it.
 */
export class Log {
  /** The element. */ node;
  #desk;
  #rows;
  #sheet;
  #list;
  #paused = false;
  #pause = h('button', { type: 'button', id: 'pause', 'aria-pressed': 'false' }, 'Pause');
  #filter = /** @type {HTMLInputElement} */ (h('input', { type: 'search', placeholder: 'Filter', 'aria-label': 'Filter the events', autocomplete: 'off', spellcheck: 'false' }));
  #count = h('p.count', { id: 'count' }, 'none yet');
  #empty = h('p.empty', {}, 'Events appear here as they arrive.');
  #detail = h('div.detail', { hidden: true });
  #open = 0; // the event in the detail
  /** @type {(event: {n: number, id: string}) => void} */ #compare;
  #endpoint;

  /**
   * @param {Desk} desk
   * @param {string} endpoint the URL of the stream
   * @param {(event: {n: number, id: string}) => void} compare compares the newest document with that of an event
   */
  constructor(desk, endpoint, compare) {
    this.#desk = desk;
    this.#endpoint = endpoint;
    this.#compare = compare;
    this.#sheet = h('div.sheet', { id: 'log', role: 'list', 'aria-label': 'Events' });
    this.#list = h('div.list.loglist', { tabindex: 0, role: 'region', 'aria-label': 'List of events' }, this.#sheet, this.#empty);
    this.#rows = new Rows(this.#list, this.#sheet, makeRow, (row, item) => this.#fill(row, item), log => desk.tell('look', { log }));
    this.node = h('section.card.events', { id: 'events', 'aria-labelledby': 'events-title', tabindex: -1 },
      h('div.bar', {}, h('h2', { id: 'events-title' }, 'Events'), this.#count, h('span.gap'), this.#filter, this.#pause), this.#list, this.#detail);
    this.#pause.addEventListener('click', () => {
      this.#paused = !this.#paused;
      desk.tell('hold', this.#paused);
    });
    this.#filter.addEventListener('input', () => desk.tell('filter', this.#filter.value));
    this.#sheet.addEventListener('click', event => {
      const row = /** @type {HTMLElement} */ (event.target).closest('.event');
      if (row && !selecting(row)) void this.#show(Number(row.getAttribute('data-n')));
    });
  }

  /** @param {any} part the worker's */
  draw({ count: all, from, frames, held, kept, n, text }) {
    set(this.#pause, { 'aria-pressed': String(this.#paused) });
    say(this.#pause, this.#paused ? `Resume${held ? ` (${held.toLocaleString('en')} new)` : ''}` : 'Pause');
    say(this.#count, n === 0 ? 'none yet' : text ? `${all.toLocaleString('en')} of ${kept.toLocaleString('en')}` : n <= kept ? `${n.toLocaleString('en')} so far` : `last ${kept.toLocaleString('en')} of ${n.toLocaleString('en')}`);
    this.#empty.hidden = all > 0;
    say(this.#empty, text ? 'No event has that.' : 'Events appear here as they arrive.');
    this.#rows.show(all, from, frames);
  }

  /**
   * @param {HTMLElement} row
   * @param {any} frame
   */
  #fill(row, { n, at, kind, id, summary, size: length }) {
    set(row, { 'data-n': n, 'data-kind': kind });
    const button = /** @type {HTMLElement} */ (row.firstElementChild);
    set(button, { 'aria-expanded': String(n === this.#open) });
    const [time, text, name] = button.children;
    set(time, { datetime: new Date(at).toISOString() });
    say(time, clock(at));
    say(text, kind === 'data' ? summary : `${kind}: ${summary}`);
    say(name, id ? `…${id.slice(id.lastIndexOf('-'))}` : '');
    set(name, { title: id ? `${id}, ${size(length)}` : null });
  }

  /** Shows an event, or hides it. @param {number} n */
  async #show(n) {
    this.#open = this.#open === n ? 0 : n;
    const event = this.#open ? await this.#desk.ask('event', { n }) : null;
    for (const button of this.#sheet.querySelectorAll('button')) set(button, { 'aria-expanded': String(button.parentElement?.dataset.n === String(this.#open)) });
    this.#detail.hidden = !event;
    if (!event) return this.#detail.replaceChildren();
    const raw = h('pre', { tabindex: 0, 'aria-label': 'The event as it came' }, event.kind === 'data' ? `${event.id ? `id: ${event.id}\n` : ''}data: ${event.raw}` : event.raw);
    const said = h('span.said', { role: 'status' });
    const act = (/** @type {string} */ text, /** @type {() => any} */ does) => {
      const button = h('button', { type: 'button' }, text);
      button.addEventListener('click', async () => say(said, await does() ?? ''));
      return button;
    };
    const before = event.before && `${this.#endpoint}${this.#endpoint.includes('?') ? '&' : '?'}last_event_id=${event.before}`;
    this.#detail.replaceChildren(
      h('div.bar', {}, h('h3', {}, `${event.kind === 'data' ? 'Event' : event.kind} ${event.id}`), h('span.count', {}, `${clock(event.at)} · ${size(event.size)}`), h('span.gap'), act('Close', () => void this.#show(n))),
      event.kind === 'data' && event.before ? h('div.changes', {}, h('h4', {}, event.changes.length === 0 ? 'It changed nothing.' : `${count(event.changes.length, 'change')}${event.more ? ' and more' : ''}`), changes(event.changes)) : '',
      raw,
      h('div.tools', {}, event.kind === 'data' && act('Copy event', async () => copy(await this.#desk.ask('raw', event.n) ?? event.raw, raw)),
        before && act('Copy as curl', () => copy(`curl -N '${before}&replay=all&limit=1'`)),
        event.kind === 'data' && act('Compare with newest', () => this.#compare(event)), said));
  }
}

/** @param {any[]} all */
function changes(all) {
  return h('ul', { tabindex: 0, 'aria-label': 'What it changed' }, ...all.slice(0, 100).map(({ type, label, before, after }) => h('li', { 'data-type': type }, h('span.label', {}, label), ' ',
    before !== '' && h('del', {}, before), before !== '' && after !== '' ? ' ' : '', after !== '' && h('ins', {}, after))));
}

function makeRow() {
  return h('div.event', { role: 'listitem' }, h('button.quiet', { type: 'button' }, h('time'), h('span.summary'), h('span.id')));
}
