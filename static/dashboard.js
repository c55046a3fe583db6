/**
 * The dashboard. `?stream=name` in the address shows one stream, and no name shows all of them, or the only one.
 *
 * The connection and the documents are in a worker, which sends the page the parts that it shows. The page draws one of
 * them in a frame, whatever arrives. All text is set by textContent.
 *
 * The attributes of the root element describe the page of one stream, for tests and `test/watch.js`: `data-state`
 * (connecting, live, stale, down, reconnecting, closed), `data-value` (the headline), `data-last-event-id`, `data-updated-at`
 * (when it was made, milliseconds since 1970), `data-events` and `data-resets` (counts since the page was opened).
 * `data-draws` counts the drawings, and on the page of all streams `data-streams` the streams.
 */

import { Desk } from './dashboard/desk.js';
import { find, h, say, set } from './dashboard/dom.js';
import { DEFAULT, address, keyedBy, only } from './dashboard/names.js';

/** @import { Stream } from './dashboard/names.js' */

const desk = new Desk();
const main = find('main');
/** @type {Stream[]} */ let all = [];
const listed = list();

addEventListener('popstate', () => void route());
document.addEventListener('click', event => {
  const link = /** @type {Element} */ (event.target).closest?.('a');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || url.pathname !== location.pathname || link.hash) return;
  event.preventDefault();
  go(url.search);
});
void route();

/** Shows what the address says. */
async function route() {
  const named = new URLSearchParams(location.search).get('stream');
  const several = new URLSearchParams(location.search).has('all');
  // A name with a key needs the pattern of the keys first.
  if (named === null || named.includes('/')) await listed;
  const name = named ?? (several ? null : all.length > 0 ? only(all) : DEFAULT);
  const { dataset } = document.documentElement;
  for (const key of ['value', 'lastEventId', 'updatedAt', 'events', 'resets', 'streams']) delete dataset[key];
  find('extra').replaceChildren();
  set(find('where'), { hidden: name === null });
  say(find('where'), name ?? '');
  set(find('all'), { hidden: name === null, href: '?all' });
  if (name === null) {
    const { openOverview } = await import('./dashboard/overview.js');
    set(find('endpoint'), { href: 'api/streams' });
    say(find('endpoint'), 'api/streams');
    openOverview(main, desk, show);
  } else {
    const { openPage } = await import('./dashboard/page.js');
    if (keyedBy(all, name) === null && named !== null) await Promise.race([listed, new Promise(resolve => setTimeout(resolve, 300))]);
    openPage(main, desk, name, keyedBy(all, name), all.map(({ name }) => name), show);
  }
}

/** Lists the streams. */
async function list() {
  try {
    const response = await fetch('api/streams', { cache: 'no-store' });
    if (response.ok) all = (await response.json()).streams ?? [];
  } catch {
    // The page shows the lost connection.
  }
}

/** @param {string} name */
function show(name) { go(address(name)); }

/** @param {string} search of the address */
function go(search) {
  history.pushState(null, '', search || location.pathname);
  scrollTo(0, 0);
  desk.close(); // what still comes for the old page has no place to be drawn
  main.replaceChildren(h('p.empty', {}, 'Loading…'));
  void route();
}
