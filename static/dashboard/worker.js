/**
 * The worker of the dashboard. It has the connection and the documents, however large and many they are, and sends the page
 * the parts that it shows: one after the page has drawn the last one, so that nothing piles up.
 */

import { BEAT, Seat } from './seat.js';

const PAUSE = 80; // least milliseconds between two parts

/** Hears what happens to the page, as a window does. */
class Page extends EventTarget {
  document = { hidden: false };
}

const page = new Page();
const channel = new BroadcastChannel('pollux dashboard');
const seat = new Seat(String(Math.random()), word => channel.postMessage(word), event => page.dispatchEvent(new Event(event)));
channel.onmessage = ({ data }) => seat.hear(data, performance.now());
/** @type {any} */ let shown = null; // a One or a Many
let view = 0; // the number of what is shown, so that the page knows to which a part belongs
/** What the page told while a module was being loaded. @type {any[]} */ let waiting = [];
let drawn = true;
let dirty = false;
let sentAt = -Infinity;
/** @type {any} */ let timer;

/**
 * Orders of the page: `open`, `close`, `drawn` and `page`; `ask` calls a method, and answers; `tell` calls a method.
 * @param {MessageEvent} event
 */
onmessage = ({ data }) => {
  switch (data.type) {
    case 'open': return void open(data);
    case 'close':
      view = data.view;
      shown?.close();
      shown = null;
      break;
    case 'drawn':
      drawn = true;
      if (dirty) changed();
      break;
    case 'page':
      look(data.hidden);
      page.dispatchEvent(new Event(data.event));
      break;
    case 'tell': return shown ? void shown[data.method](data.value) : void waiting.push(data);
    case 'ask': return postMessage({ answer: data.n, value: shown?.[data.method](data.value) ?? null });
  }
};

/** @param {boolean} hidden whether nobody looks at the page */
function look(hidden) {
  page.document.hidden = hidden;
  shown?.hide(hidden);
  seat.look(hidden);
}

/** @param {{stream: string | null, view: number, hidden: boolean}} what */
async function open({ stream, view: next, hidden }) {
  look(hidden);
  shown?.close();
  shown = null;
  view = next;
  waiting = [];
  const made = stream === null ? new (await import('./many.js')).Many(page, changed) : new (await import('./one.js')).One(stream, page, changed);
  if (view !== next) return made.close();
  shown = made;
  shown.hide(page.document.hidden);
  for (const { method, value } of waiting.splice(0)) shown[method](value);
  changed();
}

/** Something has changed. The page is sent a part when it has drawn the last one, and PAUSE has passed. */
function changed() {
  dirty = true;
  if (drawn) timer ??= setTimeout(send, Math.max(0, sentAt + PAUSE - performance.now()));
}

function send() {
  timer = undefined;
  if (!shown) return; // what was shown is closed, or the next one is being loaded, which is a change
  dirty = drawn = false;
  sentAt = performance.now();
  postMessage({ part: shown.part(), view });
}

// Over HTTP/2 all tabs have one connection anyway.
setInterval(() => { if (!performance.getEntriesByType('resource').some(entry => /^h[23]/.test(/** @type {any} */ (entry).nextHopProtocol))) seat.beat(performance.now()); }, BEAT);
// Ages grow and times come nearer without an event.
setInterval(changed, 1000);
