/** Code to take along, and a form that publishes. */

import { copy, h, say, set } from './dom.js';
import { inQuery } from './names.js';
import { snippets } from './snippets.js';
import { arrows } from './tabs.js';

/** @import { Stream } from './names.js' */

/**
 * tryIt makes the section. The form is there if documents can be published to the stream.
 * @param {string} name of the stream
 * @param {string} endpoint of it, relative to the page
 */
export function tryIt(name, endpoint) {
  const tabs = h('div.tabs', { role: 'tablist', 'aria-label': 'Language' });
  const code = h('pre', { id: 'snippet', tabindex: 0, role: 'tabpanel' });
  const note = h('p.note');
  const said = h('span.said', { role: 'status' });
  const button = h('button', { type: 'button' }, 'Copy');
  const form = publishForm(name);
  button.addEventListener('click', async () => say(said, await copy(code.textContent ?? '', code)));
  let all = snippets(new URL(`.`, document.baseURI).href, endpoint, false);
  let chosen = 0;
  const show = (/** @type {number} */ n) => {
    chosen = n;
    [...tabs.children].forEach((tab, i) => set(tab, { 'aria-selected': String(i === n), tabindex: i === n ? 0 : -1 }));
    say(code, all[n].code);
    say(note, all[n].note);
    say(said, '');
    set(code, { 'aria-labelledby': `tab-${n}` });
  };
  tabs.append(...all.map(({ name }, n) => {
    const tab = h('button', { type: 'button', role: 'tab', id: `tab-${n}`, 'aria-controls': 'snippet' }, name);
    tab.addEventListener('click', () => show(n));
    return tab;
  }));
  arrows(tabs, show);
  show(0);
  // Whether somebody who has not signed in may read the stream.
  fetch(`api/streams?stream=${inQuery(name)}`, { credentials: 'omit', cache: 'no-store' }).then(({ status }) => {
    if (status !== 401 && status !== 403) return;
    all = snippets(new URL(`.`, document.baseURI).href, endpoint, true);
    show(chosen);
  }, () => {}); // the page already shows the lost connection
  const node = h('section.card.tryit', { 'aria-labelledby': 'tryit-title' }, h('div.bar', {}, h('h2', { id: 'tryit-title' }, 'Try it'), tabs, h('span.gap'), said, button), code, note, form);
  return {
    node,
    /** Shows the form if the stream takes documents. @param {Stream | null} stream what the server knows of it */
    draw(stream) {
      form.hidden = !stream || stream.every !== null || name.startsWith('_') || Boolean(stream.keys) && !name.includes('/');
    },
  };
}

/** @param {string} name */
function publishForm(name) {
  const text = /** @type {HTMLTextAreaElement} */ (h('textarea', { id: 'publish-document', rows: 4, spellcheck: 'false', autocomplete: 'off' }, '{"value": 1}'));
  const token = /** @type {HTMLInputElement} */ (h('input', { id: 'publish-token', type: 'password', autocomplete: 'off', spellcheck: 'false' }));
  const send = h('button', { disabled: true }, 'Publish');
  const said = h('p.said', { role: 'status' });
  const form = h('form.publish', { hidden: true, 'aria-labelledby': 'publish-title' }, h('h3', { id: 'publish-title' }, 'Publish a document'),
    h('label', { for: 'publish-document' }, 'JSON'), text, h('label', { for: 'publish-token' }, 'Token that may publish'), h('div.entry', {}, token, send), said);
  token.addEventListener('input', () => set(send, { disabled: token.value.trim() === '' }));
  form.addEventListener('submit', async event => {
    event.preventDefault();
    say(said, 'Publishing…');
    say(said, await publish(name, text.value, token.value.trim()));
  });
  return form;
}

/**
 * publish publishes a document, and returns what to tell the user.
 * @param {string} name
 * @param {string} text
 * @param {string} token
 */
export async function publish(name, text, token) {
  try {
    JSON.parse(text);
  } catch (error) {
    return `This is not one JSON document: ${/** @type {Error} */ (error).message}`;
  }
  if (!/^[\x21-\x7e]+$/.test(token)) return 'A token has no spaces, and no letters beyond ASCII.';
  try {
    const path = name.split('/').map(encodeURIComponent).join('/');
    const response = await fetch(`api/streams/${path}/events`, { method: 'POST', body: text, credentials: 'omit', headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' } });
    /** @type {any} */ const answer = await response.json().catch(() => ({}));
    if (!response.ok) return String(answer.detail ?? `The server answered ${response.status}.`);
    return answer.id ? `Published as ${answer.id}.` : 'It waits, because the stream has had as many documents as it may, and is streamed when its time has come.';
  } catch {
    return 'The server could not be reached.';
  }
}
