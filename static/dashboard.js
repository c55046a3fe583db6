/**
 * The dashboard shows one EventStream. All text is set by textContent.
 *
 * The attributes of the root element describe the page, for tests and `test/watch.js`:
 * `data-state` (connecting, live, stale, down, reconnecting, closed), `data-value` (the headline), `data-last-event-id`,
 * `data-updated-at` (when it arrived, milliseconds since 1970 by the browser's clock), `data-events` and `data-resets`
 * (counts since the page was opened).
 *
 * `?stream=name` in the address of the page chooses a stream other than the default one. Without it, and without a
 * default stream, the page shows the first stream. A keyed stream has no documents of its own: the page asks for a key,
 * and shows `?stream=name/key`. A key that does not match is not asked for again and again.
 *
 * If the server wants a token, the page says so, closes the stream, and offers to sign in. Then it begins anew.
 */

import * as ages from './client/ages.js';
import { modules } from './client/ondemand.js';
import { EventStream } from './client/pollux.js';
import { WORDS } from './client/words.js';
import { countdown, explain, gap } from './dashboard/condition.js';
import { describe, indent, shorten } from './dashboard/document.js';
import { NAMES, explainRefusal, knock, listOpen, signIn } from './dashboard/door.js';
import { EventLog } from './dashboard/eventlog.js';
import { Series } from './dashboard/series.js';
import { copy, inQuery, snippets } from './dashboard/snippet.js';
import { DEFAULT, elsewhere, fill, fits, keyIn, keyedBy, streams } from './dashboard/streams.js';
import { Sparkline } from './dashboard/sparkline.js';
import { ago, clock } from './dashboard/time.js';

/** @import { Refusal } from './dashboard/door.js' */
/** @import { Entry } from './dashboard/eventlog.js' */
/** @import { Stream } from './dashboard/streams.js' */

const VALUES = 100; // in the chart
const ENTRIES = 50; // in the list
const SIZES = ['3', '5', '8', '12']; // lengths of a headline for which the CSS has font sizes
const DOCUMENT = 20_000; // characters of the newest document that are shown
const PAUSE = 50; // least milliseconds between drawings

const root = document.documentElement;
const name = new URLSearchParams(location.search).get('stream');
const endpoint = name ? `api/sse?stream=${inQuery(name)}` : 'api/sse';
modules.ages = ages; // so that the age is known from the first heartbeat on
// Pollux sends a heartbeat every 15 s, so the watchdog can act from the start.
const stream = new EventStream(endpoint, { silence: 45_000 });
const series = new Series(VALUES);
const sparkline = new Sparkline(/** @type {SVGSVGElement} */ (/** @type {unknown} */ (element('sparkline'))));
const log = new EventLog(element('log'), ENTRIES);
const path = /** @type {HTMLSelectElement} */ (element('path'));
const counts = { events: 0, resets: 0 };
/** @type {Entry[]} */ const entries = []; // for the list, at the next drawing
let drawn = { at: -Infinity, events: 0 };
/** @type {any} */ let due; // the timer of the next drawing

stream.addEventListener('state', draw);
stream.addEventListener('time', draw);
stream.addEventListener('status', ({ detail }) => {
  const { state, error, stream: of } = detail;
  note('status', [of, state, error].filter(Boolean).join(' · '));
});
stream.addEventListener('reset', ({ detail }) => {
  counts.resets++;
  note('reset', gap(detail));
});
stream.addEventListener('problem', ({ detail }) => {
  note('problem', detail.message);
  if (detail.kind === 'refused') void look();
});
stream.addEventListener('value', ({ detail }) => {
  const at = time();
  counts.events++;
  series.add(detail.value, at);
  record({ at, id: detail.lastEventId, value: headline(), text: detail.raw, kind: 'data' });
});

path.addEventListener('change', () => {
  series.choose(path.value);
  showValue();
});
element('retry').addEventListener('click', () => (refusal ? location.reload() : stream.reconnect()));
element('pause').addEventListener('click', () => {
  log.toggle();
  showLog();
});

element('endpoint').textContent = endpoint;
element('endpoint').setAttribute('href', endpoint);
for (const [id, text] of Object.entries(snippets(new URL('.', document.baseURI).href, endpoint))) {
  element(id).textContent = text;
}
for (const button of document.querySelectorAll('[data-copy]')) {
  const target = element(button.getAttribute('data-copy') ?? '');
  button.addEventListener('click', async () => { element('copied').textContent = await copy(target); });
}

const choice = /** @type {HTMLSelectElement} */ (element('stream'));
const key = /** @type {HTMLInputElement} */ (element('key'));
/** @type {Stream[]} */ let all = [];
/** @type {Stream | null} */ let keyed = null; // the keyed stream whose keys the page asks for
/** @type {Refusal | null} */ let refusal = null;
const listed = streams().then(list => {
  all = list.filter(({ match }) => match === null).concat(list.filter(({ match }) => match !== null));
  const other = elsewhere(all.map(({ name }) => name), name);
  if (other !== null) {
    show(other);
    return false;
  }
  fill(choice, all, name);
  ask(keyedBy(all, name));
  if (!keyed?.match || fits(keyIn(name ?? ''), keyed.match)) return true;
  stream.close(); // without a key there is nothing to show
  key.focus();
  return true;
});
choice.addEventListener('change', () => {
  ask(keyedBy(all, choice.value));
  if (!keyed) show(choice.value);
});
key.addEventListener('input', () => key.setCustomValidity(''));
key.addEventListener('keydown', event => {
  if (event.key !== 'Enter' || event.isComposing || !keyed?.match) return;
  const typed = key.value.trim();
  key.setCustomValidity(fits(typed, keyed.match) ? '' : key.title);
  if (key.reportValidity()) show(`${keyed.name}/${typed}`);
});

element('door').addEventListener('submit', async event => {
  event.preventDefault();
  const token = /** @type {HTMLInputElement} */ (element('token'));
  say('door-said', 'Signing in…');
  const wrong = await signIn(token.value.trim(), name ?? DEFAULT);
  say('door-said', wrong);
  if (wrong) token.focus();
  else location.reload();
});

draw();
setInterval(showTime, 250);

/** Looks whether the server wants a token. If it does, the page stops asking for the stream. */
async function look() {
  const stays = await listed;
  const answer = await knock(name ?? DEFAULT);
  if (!answer || !stays || stream.state === 'closed') return;
  refusal = answer;
  const { heading, todo } = explainRefusal(answer, stream.value !== undefined);
  say('door-title', heading);
  say('door-todo', todo);
  listOpen(element('door-open'), all.map(({ name }) => name));
  stream.close();
  element('door').hidden = false;
  if (document.activeElement === document.body) element('token').focus();
}

/**
 * Asks for a key.
 * @param {Stream | null} of the keyed stream; null: asks for none
 */
function ask(of) {
  keyed = of;
  element('keys').hidden = !keyed;
  key.value = keyed && keyedBy([keyed], name) ? keyIn(name ?? '') : '';
  key.placeholder = shorten(keyed?.match ?? '', 40);
  key.title = keyed ? `Keys of ${keyed.name} match ${keyed.match}.` : '';
  draw();
}

/**
 * What to type, and what was wrong with the key in the address.
 * @param {Stream} of
 */
function invite(of) {
  return `${keyIn(name ?? '') ? `${key.title} ` : ''}Type a key of ${of.name} to see its documents.`;
}

/**
 * Shows another stream, by its own address.
 * @param {string} other
 */
function show(other) {
  location.search = new URLSearchParams({ stream: other }).toString();
}

function showCondition() {
  const { state } = stream;
  root.dataset.state = state;
  element('condition-icon').setAttribute('href', `#icon-${state}`);
  say('condition-word', word());
  say('condition-text', refusal ? `${explainRefusal(refusal, stream.value !== undefined).heading}.`
    : state === 'closed' && keyed ? invite(keyed) : explain(stream));
  element('retry').hidden = state !== 'reconnecting' && !refusal;
  showTitle();
  showTime();
}

/** The name of the state. */
function word() { return refusal ? NAMES[refusal] : WORDS[stream.state]; }

/**
 * Draws now, or 50 ms after the last drawing. A page that drew each event of a busy stream would fall behind.
 */
function draw() {
  const wait = drawn.at + PAUSE - performance.now();
  if (wait <= 0) drawNow(); // even if a hidden tab's timer is late
  else due ??= setTimeout(drawNow, wait);
}

function drawNow() {
  clearTimeout(due);
  due = undefined;
  const { events, resets } = counts;
  const changed = events !== drawn.events;
  drawn = { at: performance.now(), events };
  for (const entry of entries.splice(0)) log.add(entry);
  if (resets > 0) root.dataset.resets = String(resets);
  if (changed) {
    root.dataset.events = String(events);
    root.dataset.lastEventId = stream.lastEventId;
    root.dataset.updatedAt = String(stream.updatedAt);
    showValue();
    showDocument();
  }
  showLog();
  showCondition();
}

/** The newest value in a few words. */
function headline() {
  const { chosen, points } = series;
  return chosen ? String(points[points.length - 1].value) : describe(stream.value);
}

/** Shows the headline, its name, its message and its chart. */
function showValue() {
  const { value } = stream;
  const { chosen, points } = series;
  const text = headline();
  root.dataset.value = text;
  say('headline', text);
  element('headline').dataset.size = SIZES.find(size => text.length <= Number(size)) ?? 'more';
  say('message', typeof value?.message === 'string' ? shorten(value.message, 200) : '');
  showPaths();
  sparkline.draw(chosen, points);
  const many = points.length > 1;
  say('chart-from', many ? `${points.length} values since ${clock(points[0].at)}` : '');
  say('chart-to', many ? 'newest' : '');
  showTitle();
}

/** Lists the numbers of the document, if there are several. */
function showPaths() {
  const { paths, chosen } = series;
  const old = Array.from(path.options, option => option.value);
  if (paths.length !== old.length || paths.some((each, i) => each !== old[i])) {
    path.replaceChildren(...paths.map(each => new Option(shorten(each, 60), each)));
  }
  path.value = chosen;
  path.hidden = paths.length < 2;
  say('path-label', path.hidden ? shorten(chosen, 60) || 'Newest document' : 'Number');
}

function showDocument() {
  const raw = stream.raw ?? '';
  say('document', indent(raw, DOCUMENT));
  say('size', raw.length === 1 ? '1 character' : `${raw.length.toLocaleString('en')} characters`);
}

function showLog() {
  const button = element('pause');
  button.setAttribute('aria-pressed', String(log.paused));
  say('pause', log.paused ? `Resume${log.held ? ` (${log.held} new)` : ''}` : 'Pause');
  const { events } = counts;
  say('count', events === 0 ? 'none yet' : events <= ENTRIES ? `${events} so far` : `last ${ENTRIES} of ${events}`);
  element('log-empty').hidden = element('log').childElementCount > 0;
}

/** Shows the age of the document and the wait until the next try, which change without an event. */
function showTime() {
  if (stream.updatedAt !== null) {
    const [age, madeAt] = [stream.age(), stream.madeAt()];
    if (madeAt === null) element('age').removeAttribute('datetime');
    else element('age').setAttribute('datetime', new Date(madeAt).toISOString());
    say('age', age === null ? 'The server has not sent the age yet' : `Updated ${ago(age)}`);
  }
  const text = stream.state !== 'reconnecting' ? ''
    : !stream.waiting ? 'Trying now…' : countdown(stream.nextRetryAt, Date.now());
  element('countdown').hidden = text === '';
  say('countdown', text);
}

function showTitle() {
  const { state } = stream;
  const parts = [state === 'live' ? '' : word(), root.dataset.value, name, 'Pollux'];
  const title = parts.filter(Boolean).join(' · ');
  if (document.title !== title) document.title = title;
}

/**
 * Adds something other than a document to the list.
 * @param {'status' | 'reset' | 'problem'} kind
 * @param {string} text
 */
function note(kind, text) {
  record({ at: time(), id: '', text, kind });
}

/**
 * Adds an entry to the list.
 * @param {Entry} entry
 */
function record(entry) {
  entries.push(entry);
  if (entries.length > ENTRIES) entries.shift();
  draw();
}

/** The time, milliseconds since 1970: the server's if it is known, because the clock here can be wrong. */
function time() {
  return stream.serverNow ?? Date.now();
}

/**
 * Sets a text only if it has changed, so that screen readers do not read it twice.
 * @param {string} id
 * @param {string} text
 */
function say(id, text) {
  const node = element(id);
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {string} id of an element that index.html has
 * @returns {HTMLElement}
 */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`dashboard: index.html has no element #${id}`);
  return found;
}
