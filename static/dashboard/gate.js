/** The forms that stand before a stream: for a token, for a key, and the list of streams in place of one that is unknown. */

import { explainRefusal, signIn } from './door.js';
import { h, say } from './dom.js';
import { address, fits, keyIn } from './names.js';

/** @import { Refusal } from './door.js' */
/** @import { Stream } from './names.js' */

/** Gate says that this page may not read a stream, or that there is none, and what to do. */
export class Gate {
  /** The element. */ node;
  #title = h('h2', { id: 'door-title' });
  #todo = h('p', { id: 'door-todo' });
  #token = /** @type {HTMLInputElement} */ (h('input', { id: 'token', type: 'password', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'door-said' }));
  #entry;
  #said = h('p.said', { id: 'door-said', role: 'alert' });
  #open = h('div', { id: 'door-open', hidden: true });
  #shown = '';

  /** @param {string} name of the stream */
  constructor(name) {
    this.#entry = h('p.entry', {}, h('label', { for: 'token' }, 'Token'), this.#token, h('button', {}, 'Sign in'));
    this.node = h('form.card.door', { id: 'door', 'aria-labelledby': 'door-title', hidden: true }, this.#title, this.#todo, this.#entry, this.#said, this.#open);
    this.node.addEventListener('submit', async event => {
      event.preventDefault();
      say(this.#said, 'Signing in…');
      const wrong = await signIn(this.#token.value.trim(), name);
      say(this.#said, wrong);
      if (wrong) this.#token.focus();
      else location.reload();
    });
  }

  /**
   * @param {Refusal | null} refusal
   * @param {boolean} ended whether the page could read the stream until now
   * @param {string} name of the stream
   * @param {string[]} streams that this page may read
   */
  draw(refusal, ended, name, streams) {
    const key = JSON.stringify([refusal, streams]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.node.hidden = refusal === null;
    if (refusal === null) return;
    const { heading, todo } = explainRefusal(refusal, ended, name);
    say(this.#title, heading);
    say(this.#todo, todo);
    this.#entry.hidden = refusal === 'unknown';
    this.#open.hidden = streams.length === 0;
    this.#open.replaceChildren(refusal === 'unknown' ? 'Streams that there are: ' : 'Open to you: ', ...listOf(streams));
    if (document.activeElement === document.body && !this.#entry.hidden) this.#token.focus();
  }
}

/** @param {string[]} names */
function listOf(names) {
  return names.flatMap((name, n) => [n === 0 ? '' : ', ', h('a', { href: address(name) }, name)]);
}

/**
 * keyField makes a field for a key of a keyed stream.
 * @param {Stream} stream
 * @param {string} name on show, which may have a key already
 * @param {(name: string) => void} show shows another stream
 */
export function keyField(stream, name, show) {
  const match = stream.keys?.match ?? '';
  const field = /** @type {HTMLInputElement} */ (h('input', { id: 'key', enterkeyhint: 'go', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', maxlength: 128,
    placeholder: match.length > 40 ? `${match.slice(0, 39)}…` : match, title: `Keys of ${stream.name} match ${match}.` }));
  field.value = keyIn(name);
  field.addEventListener('input', () => field.setCustomValidity(''));
  field.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || event.isComposing) return;
    const typed = field.value.trim();
    field.setCustomValidity(fits(typed, match) ? '' : field.title);
    if (field.reportValidity()) show(`${stream.name}/${typed}`);
  });
  return { field, node: h('p.keys', { id: 'keys' }, h('label', { for: 'key' }, 'Key'), ' ', field) };
}
