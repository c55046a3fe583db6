/** The line that says how a stream is: its state in words, and its figures. */

import { WORDS } from '../client/words.js';
import { differencesOf } from './cluster.js';
import { countdown, explain } from './condition.js';
import { NAMES } from './door.js';
import { h, icon, say, set } from './dom.js';
import { count } from './text.js';
import { ago } from './time.js';

/** @import { ClusterNode } from './cluster.js' */

/** Strip shows it, with the attributes of the root element that describe the page. */
export class Strip {
  /** The element. */ node;
  #icon = icon('connecting');
  #word = h('strong', { id: 'condition-word' }, 'Connecting');
  #text = h('span', { id: 'condition-text' });
  #wait = h('span.countdown', { id: 'countdown', hidden: true });
  #retry = h('button', { type: 'button', id: 'retry', hidden: true }, 'Try now');
  #figures = h('dl.figures');
  /** @type {Map<string, HTMLElement>} */ #values = new Map();

  /** @param {() => void} retry */
  constructor(retry) {
    this.#retry.addEventListener('click', retry);
    this.node = h('section.condition', { id: 'condition', 'aria-label': 'Connection' }, this.#icon, h('p', { role: 'status' }, this.#word, ' ', this.#text), this.#wait, this.#retry, this.#figures);
  }

  /** @param {any} part the worker's */
  draw(part) {
    const { state, refusal, retryIn, waiting, about, knock, aMinute, age, exists, nextPoll } = part;
    document.documentElement.dataset.state = state;
    set(this.#icon.children[0], { href: `#icon-${state}` });
    say(this.#word, refusal ? NAMES[/** @type {'token'} */ (refusal)] : WORDS[/** @type {'live'} */ (state)]);
    say(this.#text, refusal ? part.heading : about?.waiting && state !== 'reconnecting' && !exists ? waitingFor(part) : explain(part));
    const wait = state !== 'reconnecting' ? '' : !waiting ? 'Trying now…' : countdown(retryIn, 'Next try', 'Trying now…');
    this.#wait.hidden = wait === '';
    say(this.#wait, wait);
    this.#retry.hidden = state !== 'reconnecting' && !refusal;
    this.#figure('Updated', exists ? age === null ? 'age not known yet' : ago(age) : '', 'age');
    this.#figure('Next poll', about?.idle ? 'when somebody listens' : about?.every ? next(nextPoll, about.notBeforeReason) : '', 'next');
    this.#figure('Every', about?.every ?? '', 'every');
    this.#figure('Source', about && about.every === null ? 'published to' : '', 'source');
    this.#figure('Clients', number(about?.clients), 'clients');
    this.#figure('Events a minute', aMinute === null ? '' : rounded(aMinute), 'rate');
    this.#figure('Requests saved', about?.every ? number(about.requestsSaved) : '', 'saved');
    this.#figure('Polled by', about?.polledBy ?? '', 'by');
    const here = knock?.cluster?.nodes.find((/** @type {ClusterNode} */ node) => node.here);
    this.#figure('This node', here ? `${here.name}${here.lag ? `, ${count(here.lag, 'event')} behind` : ''}` : '', 'node');
    this.#figure('Other settings', about && knock?.cluster ? differencesOf(knock.cluster.differences, about.name.split('/', 1)[0]) : '', 'differs');
  }

  /**
   * @param {string} name
   * @param {string} text empty if it is not known
   * @param {string} id
   */
  #figure(name, text, id) {
    const old = this.#values.get(name);
    if (old) {
      say(old, text);
      /** @type {HTMLElement} */ (old.parentElement).hidden = text === '';
      return;
    }
    if (text === '') return;
    const value = h('dd', { id }, text);
    this.#values.set(name, value);
    this.#figures.append(h('div', { 'data-figure': id }, h('dt', {}, name), value));
  }
}

/** @param {any} part */
function waitingFor(part) { return part.about.error ? explain({ ...part, state: part.state, status: part.status ?? { state: part.about.state, error: part.about.error } }) : 'Waiting for the first answer of the source.'; }

/**
 * next returns words for the time until the next poll.
 * @param {number | null} ms
 * @param {string | null | undefined} reason why it is so late
 */
export function next(ms, reason) {
  if (ms === null) return '';
  return `${countdown(ms, '', 'now').trim()}${reason ? ` (${reason})` : ''}`;
}

/** @param {number | null | undefined} n */
export function number(n) { return typeof n === 'number' ? n.toLocaleString('en') : ''; }

/** @param {number} n */
export function rounded(n) { return n >= 10 || n === 0 ? Math.round(n).toLocaleString('en') : n.toFixed(1); }
