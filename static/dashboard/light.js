/** What has changed is lit for a moment. */

const LIT = 1500; // milliseconds
const still = matchMedia('(prefers-reduced-motion: reduce)');
/** @type {WeakMap<HTMLElement, Animation>} */ const running = new WeakMap();

/**
 * light lights an element for a moment, once for each event. It asks for no computed style, because the browser would have to
 * find it anew for each of many elements that change in a frame.
 * @param {HTMLElement} node
 * @param {number} event 0 for none
 */
export function light(node, event) {
  if (!event || node.dataset.lit === String(event)) return;
  node.dataset.lit = String(event);
  running.get(node)?.cancel();
  running.set(node, node.animate({ backgroundColor: ['var(--lit)', still.matches ? 'var(--lit)' : 'transparent'] }, LIT));
}
