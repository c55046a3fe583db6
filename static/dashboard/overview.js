/** The page of all streams. */

import { MEANINGS, WORDS } from '../client/words.js';
import { h, icon, say, set } from './dom.js';
import { light } from './light.js';
import { address } from './names.js';
import { Nodes } from './nodes.js';
import { reasonOf, statusOf } from './reasons.js';
import { Rows } from './rows.js';
import { headed, shown } from './shown.js';
import { drawSpark, spark } from './spark.js';
import { next, number, rounded } from './strip.js';
import { count } from './text.js';
import { brief } from './time.js';
import { toneOf } from './tones.js';

/** @import { Desk } from './desk.js' */

/** The columns: what they are called, and by what they sort. @type {readonly {id: string, label: string, by?: string}[]} */
const COLUMNS = [
  { id: 'name', label: 'Stream', by: 'name' }, { id: 'state', label: 'State', by: 'state' }, { id: 'value', label: 'Newest' }, { id: 'line', label: 'Course' },
  { id: 'age', label: 'Age' }, { id: 'next', label: 'Next poll' }, { id: 'clients', label: 'Clients', by: 'clients' },
  { id: 'rate', label: 'Events a minute', by: 'rate' }, { id: 'saved', label: 'Requests saved', by: 'saved' },
];

/**
 * openOverview shows all streams.
 * @param {HTMLElement} main
 * @param {Desk} desk
 * @param {(name: string) => void} show shows one of them
 */
export function openOverview(main, desk, show) {
  const filter = /** @type {HTMLInputElement} */ (h('input', { type: 'search', id: 'filter', placeholder: 'Filter by name, state or node', 'aria-label': 'Filter the streams', autocomplete: 'off', spellcheck: 'false' }));
  const sums = h('p.sums', { role: 'status' });
  const saved = h('p.count');
  const nodes = new Nodes(name => {
    filter.value = name;
    filter.dispatchEvent(new Event('input'));
  });
  const trouble = h('p.trouble', { role: 'alert', hidden: true });
  const head = h('div.headrow', { role: 'row' });
  const sheet = h('div.sheet', { role: 'rowgroup' });
  const table = h('div.grid', { role: 'table', 'aria-labelledby': 'streams-title' }, h('div.headgroup', { role: 'rowgroup' }, head), sheet);
  const list = h('div.list', { tabindex: 0, role: 'region', 'aria-label': 'Streams' }, table);
  const empty = h('p.empty', { hidden: true });
  let sort = { by: 'name', down: false };
  const rows = new Rows(list, sheet, makeRow, fill, window => desk.tell('look', window));
  filter.addEventListener('input', () => {
    list.scrollTop = 0;
    desk.tell('look', { words: filter.value, from: 0, to: 40 });
  });
  filter.addEventListener('keydown', event => {
    const first = /** @type {HTMLElement | null} */ (rows.row(0)?.querySelector('a') ?? null);
    if (event.key === 'Enter' && first?.dataset.name) show(first.dataset.name);
    else if (event.key === 'ArrowDown') first?.focus();
    else return;
    event.preventDefault();
  });
  list.addEventListener('keydown', event => {
    const row = /** @type {HTMLElement} */ (event.target).closest('.stream');
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (!row || by === 0) return;
    const to = Number(row.getAttribute('data-index')) + by;
    event.preventDefault();
    if (to < 0) return filter.focus();
    rows.reveal(to);
    /** @type {HTMLElement | null} */ (rows.row(to)?.querySelector('a') ?? null)?.focus({ preventScroll: true });
  });
  head.addEventListener('click', event => {
    const by = /** @type {HTMLElement} */ (event.target).closest('button')?.dataset.by;
    if (!by) return;
    sort = { by, down: sort.by === by && !sort.down };
    heads();
    desk.tell('look', sort);
  });
  const heads = () => {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.by;
    head.replaceChildren(...COLUMNS.map(({ id, label, by }) => h(`div.${id}`, { role: 'columnheader', 'aria-sort': by ? (sort.by === by ? (sort.down ? 'descending' : 'ascending') : 'none') : null },
      by ? h('button.quiet', { type: 'button', 'data-by': by }, label + (sort.by === by ? (sort.down ? ' ↓' : ' ↑') : '')) : h('span', {}, label))));
    if (focused) /** @type {HTMLElement | null} */ (head.querySelector(`[data-by="${focused}"]`))?.focus();
  };
  heads();
  main.replaceChildren(h('div.top-line', {}, h('h1', { id: 'streams-title' }, 'Streams'), sums, saved, h('span.gap'), filter), nodes.node, trouble, h('section.card.overview', { 'aria-label': 'All streams' }, list, empty));
  document.title = 'Pollux';
  document.documentElement.dataset.state = 'connecting';
  desk.open(null, draw);

  /** @param {any} part the worker's */
  function draw(part) {
    const { asked, refused, total, count: listed, from, states, cluster, saved: sum, requests } = part;
    if (!asked) return;
    document.documentElement.dataset.state = refused ? 'reconnecting' : states.down ? 'down' : states.stale ? 'stale' : 'live';
    trouble.hidden = !refused;
    say(trouble, refused ? refusedText(refused) : '');
    say(sums, total === 0 ? '' : [count(total, 'stream'), states.live === total ? 'all live' : `${states.live} live`, states.stale && `${states.stale} stale`, states.down && `${states.down} down`].filter(Boolean).join(' · '));
    say(saved, requests > 0 ? `${number(sum)} requests to the sources saved` : '');
    nodes.draw(cluster);
    empty.hidden = listed > 0;
    say(empty, refused ? '' : total === 0 ? 'This server has no streams. Add one to its configuration.' : 'No stream has that.');
    set(table, { 'aria-rowcount': listed + 1 });
    rows.show(listed, from, part.rows);
    document.documentElement.dataset.streams = String(total);
    const bad = states.down + states.stale;
    const title = `${bad ? `${bad} not live · ` : ''}${count(total, 'stream')} · Pollux`;
    if (document.title !== title) document.title = title;
  }
}

/** @param {{status: number, detail: string}} refused */
function refusedText({ status, detail }) {
  if (status === 0) return 'The server cannot be reached. What is here is what it said last; this page asks again.';
  return `${detail || `The server, or one in between, answered ${statusOf(status)}.`} This page asks again.`;
}

function makeRow() {
  return h('div.stream', { role: 'row' },
    h('div.name', { role: 'cell' }, h('a'), h('span.by')), h('div.state', { role: 'cell' }, icon('live'), h('span')),
    h('div.value', { role: 'cell' }, h('span.label'), h('span.text')), h('div.line', { role: 'cell' }, /** @type {any} */ (spark(120, 26)), h('span.was')),
    h('div.age', { role: 'cell' }), h('div.next', { role: 'cell' }), h('div.clients', { role: 'cell' }), h('div.rate', { role: 'cell' }), h('div.saved', { role: 'cell' }));
}

/**
 * @param {HTMLElement} row
 * @param {any} item
 * @param {number} index
 */
function fill(row, item, index) {
  const { name, state, error, idle, waiting, keys, every, clients, saved, polledBy, differs, aMinute, nextPoll, age, seq, field } = item;
  const [first, condition, value, course, ...figures] = /** @type {HTMLElement[]} */ ([...row.children]);
  set(row, { 'data-index': index, 'data-state': state, 'aria-rowindex': index + 2 });
  if (row.dataset.name !== name) {
    row.dataset.name = name;
    delete value.dataset.lit;
  }
  const link = first.children[0];
  set(link, { href: address(name), 'data-name': name });
  say(link, keys ? `${name}/…` : name);
  say(first.children[1], `${polledBy ? `polled by ${polledBy}` : every ? `every ${every}` : every === null && !keys ? 'published to' : ''}${differs ? ' · settings differ' : ''}`);
  set(first.children[1], { title: differs || null, 'data-tone': differs ? 'unsure' : null });
  set(condition.children[0].children[0], { href: `#icon-${state}` });
  const why = state === 'live' ? (idle ? 'asleep' : waiting ? 'waiting' : WORDS.live) : WORDS[/** @type {'stale'} */ (state)];
  say(condition.children[1], why);
  set(condition, { title: state === 'live' ? (idle ? 'It is polled when somebody listens.' : null) : `${error ? reasonOf(error) : MEANINGS[/** @type {'stale'} */ (state)]}.` });
  const text = keys ? `${keys.count ?? '?'} keys` : field ? shown(field.kind, field.text) + (field.unit ? ` ${field.unit}` : '') : idle ? '' : '–';
  say(value.children[0], state !== 'live' && error ? `${reasonOf(error)}` : field && !keys ? headed(field) : keys && keys.watched !== null ? `${keys.watched ?? 0} watched` : '');
  say(value.children[1], text);
  set(value.children[1], { 'data-tone': field && (field.kind === 'state' || field.kind === 'boolean') ? toneOf(field.text) : null });
  drawSpark(/** @type {any} */ (course.children[0]), field?.course ?? []);
  set(course.children[0], { hidden: !field || field.course.length < 4 });
  say(course.children[1], field && field.course.length < 4 && field.from ? `was ${shown(field.kind, field.from)}` : '');
  const texts = [age === null ? '' : brief(age), every && !idle ? next(nextPoll, null).replace(/^in /, '') : '', number(clients), aMinute === null ? '' : rounded(aMinute), number(saved)];
  figures.forEach((figure, i) => say(figure, texts[i]));
  if (seq > 1 && field?.type) light(value, seq);
}
