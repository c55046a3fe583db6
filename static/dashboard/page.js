/** The page of one stream. */

import { Chart } from './chart.js';
import { explainRefusal } from './door.js';
import { find, h, say, set } from './dom.js';
import { Gate, keyField } from './gate.js';
import { endpointOf, fits, keyIn } from './names.js';
import { Fields, Headline } from './now.js';
import { Strip } from './strip.js';

/** @import { Desk } from './desk.js' */
/** @import { Stream } from './names.js' */

const PINS = 6; // values in the chart

/**
 * openPage shows one stream: how it is and what is new at once, and the lists and the code after that.
 * @param {HTMLElement} main
 * @param {Desk} desk
 * @param {string} name
 * @param {Stream | null} keyed the keyed stream to which it belongs
 * @param {string[]} names of the streams that there are
 * @param {(name: string) => void} show shows another stream
 */
export function openPage(main, desk, name, keyed, names, show) {
  if (keyed?.keys && !(keyIn(name) && fits(keyIn(name), keyed.keys.match))) return ask(main, desk, name, keyed, show);
  const endpoint = endpointOf(name);
  /** @type {string[]} */ let pins = [];
  /** @type {any} */ let last = null;
  /** The lists and the code, once they are there. @type {Awaited<ReturnType<typeof below>> | null} */ let lower = null;
  const pin = (/** @type {string} */ path) => {
    const shown = pins.length > 0 ? pins : (last?.chart ?? []).map((/** @type {any} */ field) => field.path);
    pins = shown.includes(path) ? shown.filter((/** @type {string} */ each) => each !== path) : [...shown, path].slice(-PINS);
    desk.tell('look', { pins });
  };
  const strip = new Strip(() => desk.tell('reconnect'));
  const gate = new Gate(name);
  const headline = new Headline();
  const chart = new Chart(pin);
  const fields = new Fields(pin);
  const now = h('section.card.now', { 'aria-label': 'Newest value' }, headline.node, chart.node);
  const rest = h('div.rest');
  main.replaceChildren(h('h1.sr', {}, `Stream ${name}`), strip.node, gate.node, now, fields.node, rest);
  if (keyed) find('extra').replaceChildren(keyField(keyed, name, show).node);
  set(find('endpoint'), { href: endpoint });
  say(find('endpoint'), endpoint);
  document.documentElement.dataset.state = 'connecting';
  desk.open(name, draw);

  /** @param {any} part the worker's */
  function draw(part) {
    const { exists, refusal, knock, now: time } = part;
    const first = last === null;
    last = part;
    strip.draw({ ...part, heading: refusal ? `${explainRefusal(refusal, exists, name).heading}.` : '' });
    gate.draw(refusal, exists, name, knock?.streams.length > 0 ? knock.streams : names);
    for (const node of [now, rest]) node.hidden = refusal !== null && !exists;
    headline.draw(part.fields[0], part.message, time);
    chart.draw(part.chart, time ?? part.madeAt ?? 0, pins.length > 0);
    fields.draw(part.fields.slice(1), pins.length > 0 ? pins : part.chart.map((/** @type {any} */ { path }) => path), time);
    lower?.draw(part);
    describe(part, name);
    if (first) void below(desk, name, endpoint, pin).then(made => {
      lower = made;
      rest.replaceChildren(...lower.nodes);
      lower.draw(last);
    });
  }
}

/**
 * The lists and the code.
 * @param {Desk} desk
 * @param {string} name
 * @param {string} endpoint
 * @param {(path: string) => void} pin
 */
async function below(desk, name, endpoint, pin) {
  const [{ Documents }, { Log }, { tryIt }] = await Promise.all([import('./documents.js'), import('./log.js'), import('./tryit.js')]);
  const documents = new Documents(desk, pin);
  const log = new Log(desk, new URL(endpoint, document.baseURI).href, event => documents.compare(event));
  const use = tryIt(name, endpoint);
  return {
    nodes: [h('div.columns', {}, documents.node, log.node), use.node],
    /** @param {any} part the worker's */
    draw(part) {
      documents.draw(part);
      log.draw(part.log);
      use.draw(part.about);
    },
  };
}

/**
 * Asks for a key.
 * @param {HTMLElement} main
 * @param {Desk} desk
 * @param {string} name
 * @param {Stream} keyed
 * @param {(name: string) => void} show
 */
function ask(main, desk, name, keyed, show) {
  desk.close();
  const { field, node } = keyField(keyed, name, show);
  const count = keyed.keys?.count;
  main.replaceChildren(h('h1.sr', {}, `Stream ${keyed.name}`), h('section.card.door', { id: 'condition' }, h('h2', {}, `${keyed.name} is a stream for each key`),
    h('p', { id: 'condition-text' }, `${keyIn(name) ? `${field.title} ` : ''}Type a key of ${keyed.name} to see its documents.${typeof count === 'number' ? ` ${count.toLocaleString('en')} exist now.` : ''}`), node));
  document.documentElement.dataset.state = 'closed';
  document.title = `${keyed.name} · Pollux`;
  field.focus();
}

/**
 * Describes the page by its title, and by the attributes of the root element.
 * @param {any} part
 * @param {string} name
 */
function describe({ state, refusal, fields, exists, events, resets, lastEventId, madeAt }, name) {
  const { dataset } = document.documentElement;
  if (exists) Object.assign(dataset, { value: fields[0]?.text ?? '', updatedAt: String(madeAt), events: String(events), lastEventId });
  if (resets > 0) dataset.resets = String(resets);
  const word = find('condition-word').textContent ?? '';
  const parts = [state === 'live' && !refusal ? '' : word, fields[0]?.text ?? '', name === 'default' ? '' : name, 'Pollux'];
  const title = parts.filter(Boolean).join(' · ').slice(0, 200);
  if (document.title !== title) document.title = title;
}
