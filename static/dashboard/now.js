/** What is on show first: the value that says most, and the others that change. */

import { h, icon, say, set } from './dom.js';
import { light } from './light.js';
import { beside, headed, shown } from './shown.js';
import { drawSpark, spark } from './spark.js';
import { ago, brief } from './time.js';
import { toneOf } from './tones.js';

/** @import { Field } from './watch.js' */

const SIZES = ['4', '7', '11', '18', '30']; // lengths of a headline for which the CSS has font sizes

/** Headline shows the value that says most. */
export class Headline {
  /** The element. */ node;
  #label = h('h2.label', {}, 'Newest value');
  #value = h('p.headline', { id: 'headline', 'data-size': '4' }, '—');
  #was = h('p.was');
  #message = h('p.message', { id: 'message' }, 'No event yet.');

  constructor() {
    this.node = h('div.figure', {}, this.#label, this.#value, this.#was, this.#message);
  }

  /**
   * @param {Field | undefined} field
   * @param {string} message
   * @param {number | null} now the server's time
   */
  draw(field, message, now) {
    if (!field) return;
    const text = shown(field.kind, field.text);
    const unit = field.unit;
    say(this.#label, headed(field));
    set(this.#label, { title: field.label });
    const words = text + (unit ? ` ${unit}` : '');
    say(this.#value, words);
    set(this.#value, { 'data-size': SIZES.find(size => words.length <= Number(size)) ?? 'more', 'data-tone': field.kind === 'state' || field.kind === 'boolean' ? toneOf(field.text) : null });
    say(this.#was, wasOf(field, now));
    say(this.#message, message);
    this.#message.hidden = message === '';
  }
}

/**
 * What the value was before, and since when it is what it is.
 * @param {Field} field
 * @param {number | null} now
 */
function wasOf({ kind, from, type, at, text, course }, now) {
  if (type === '' || at === null) return '';
  const since = now === null ? '' : `, ${ago(now - at)}`;
  if (type !== 'change') return now === null ? '' : ago(now - at);
  if (kind !== 'number' || course.length < 2) return `was ${shown(kind, from)}${since}`;
  const change = Number(text) - Number(from);
  const digits = Math.max(...[text, from].map(each => each.split('.')[1]?.length ?? 0));
  return Number.isFinite(change) && Number(from) !== 0 ? `${change > 0 ? '▲' : '▼'} ${Math.abs(change).toFixed(Math.min(digits, 8))} from ${shown(kind, from)}${since}` : `was ${shown(kind, from)}${since}`;
}

/** Fields shows the other values that change, each with a button that puts it into the chart. */
export class Fields {
  /** The element. */ node;
  #list = h('ul.fields');
  /** @type {(path: string) => void} */ #pin;

  /** @param {(path: string) => void} pin puts a value into the chart, or takes it out */
  constructor(pin) {
    this.#pin = pin;
    this.node = h('section.changing', { 'aria-labelledby': 'changing-title', hidden: true }, h('div.bar', {}, h('h2', { id: 'changing-title' }, 'What else changes')), this.#list);
  }

  /**
   * @param {Field[]} fields
   * @param {string[]} pins
   * @param {number | null} now the server's time
   */
  draw(fields, pins, now) {
    const changing = fields.filter(({ type }) => type !== '');
    this.node.hidden = changing.length === 0;
    const cards = /** @type {HTMLElement[]} */ ([...this.#list.children]);
    while (cards.length > changing.length) cards.pop()?.remove();
    while (cards.length < changing.length) {
      const card = this.#make();
      cards.push(card);
      this.#list.append(card);
    }
    // A value keeps its place as long as it is on show, so that nothing jumps.
    const free = new Set(changing);
    const places = cards.map(card => {
      const field = changing.find(({ path }) => path === card.dataset.path);
      if (field) free.delete(field);
      return field ?? null;
    });
    const rest = [...free];
    cards.forEach((card, i) => this.#fill(card, places[i] ?? /** @type {Field} */ (rest.shift()), pins, now));
  }

  /**
   * @param {HTMLElement} card
   * @param {Field} field
   * @param {string[]} pins
   * @param {number | null} now
   */
  #fill(card, field, pins, now) {
    const { path, label, kind, text, unit, from, type, at, seq, course, past } = field;
    if (card.dataset.path !== path) {
      card.dataset.path = path;
      card.dataset.lit = String(seq);
    }
    const [name, value, line, foot] = /** @type {HTMLElement[]} */ ([...card.children[0].children]);
    // Of a long label the end is what tells the values of one thing apart.
    const end = label.lastIndexOf(' › ') + 1;
    const whole = type === 'add' ? `+ ${label}` : type === 'remove' ? `− ${label}` : label;
    say(name.children[0], end > 0 ? whole.slice(0, whole.length - label.length + end) : '');
    say(name.children[1], end > 0 ? label.slice(end) : whole);
    set(name, { title: label });
    say(value, shown(kind, text) + (unit ? ` ${unit}` : ''));
    set(value, { 'data-tone': kind === 'state' || kind === 'boolean' ? toneOf(text) : null, title: text.length > 24 ? text : null, 'data-long': text.length > 18 });
    set(line, { hidden: course.length < 4 });
    drawSpark(/** @type {any} */ (line), course);
    const ageText = at === null || now === null ? '' : `${brief(now - at)} ago`;
    say(foot, kind === 'number' && course.length >= 4 ? beside(kind, text, now) : [from !== '' ? `was ${shown(kind, from)}` : '', ageText].filter(Boolean).join(', '));
    const button = card.children[1];
    set(button, { 'aria-pressed': String(pins.includes(path)), 'aria-label': `Chart ${label}` });
    /** @type {HTMLElement} */ (button).hidden = course.length < 2 && past.length === 0;
    light(card, seq);
  }

  #make() {
    const button = h('button.pin', { type: 'button', 'aria-pressed': 'false' }, icon('pin'));
    const card = h('li', {}, h('div', {}, h('span.name', {}, h('span'), h('span')), h('span.value'), /** @type {any} */ (spark(96, 26)), h('span.foot')), button);
    button.addEventListener('click', () => this.#pin(card.dataset.path ?? ''));
    return card;
  }
}
