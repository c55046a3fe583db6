/** What has changed is lit for a moment. */

const LIT = 1500; // milliseconds

/**
 * light lights an element for a moment, once for each event.
 * @param {HTMLElement} node
 * @param {number} event 0 for none
 */
export function light(node, event) {
  if (!event || node.dataset.lit === String(event)) return;
  node.dataset.lit = String(event);
  const color = getComputedStyle(document.documentElement).getPropertyValue('--lit');
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (const animation of node.getAnimations()) animation.cancel();
  node.animate(still ? [{ backgroundColor: color }, { backgroundColor: color }] : [{ backgroundColor: color }, { backgroundColor: 'transparent' }], { duration: LIT });
}
