/** A small line of numbers. */

import { s, set } from './dom.js';

/**
 * spark makes an empty line. It is a picture of what the text beside it says, and grows with that text.
 * @param {number} width in pixels, where a text has 16
 * @param {number} height
 */
export function spark(width, height) {
  return s('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, width: `${width / 16}rem`, height: `${height / 16}rem`, 'aria-hidden': 'true' },
    s('path', { class: 'line' }), s('circle', { class: 'end', r: 2 }));
}

/**
 * drawSpark draws numbers over time.
 * @param {SVGElement} svg made by spark
 * @param {number[]} pairs at, value; none hides it
 */
export function drawSpark(svg, pairs) {
  const [line, end] = svg.children;
  const [width, height] = (svg.getAttribute('viewBox') ?? '').split(' ').slice(2).map(each => Number(each) - 6);
  if (pairs.length < 4) {
    set(line, { d: null });
    return set(end, { cx: -9, cy: -9 });
  }
  let [low, high] = [Infinity, -Infinity];
  for (let i = 1; i < pairs.length; i += 2) {
    low = Math.min(low, pairs[i]);
    high = Math.max(high, pairs[i]);
  }
  const [begin, span] = [pairs[0], pairs[pairs.length - 2] - pairs[0] || 1];
  const x = (/** @type {number} */ at) => 3 + (at - begin) / span * width;
  const y = (/** @type {number} */ value) => 3 + (high === low ? height / 2 : height - (value - low) / (high - low) * height);
  let d = '';
  for (let i = 0; i < pairs.length; i += 2) d += `${i ? 'L' : 'M'}${x(pairs[i]).toFixed(1)} ${y(pairs[i + 1]).toFixed(1)}`;
  set(line, { d });
  set(end, { cx: x(pairs[pairs.length - 2]).toFixed(1), cy: y(pairs[pairs.length - 1]).toFixed(1) });
}
