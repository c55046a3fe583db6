/** Texts, made short enough to show. */

/**
 * shorten cuts a text to at most `limit` characters, including the ellipsis, and never within a surrogate pair. The result
 * does not keep the whole text in memory. A template literal would: to engines it is a reference to a part of the text.
 * @param {string} text
 * @param {number} limit
 */
export function shorten(text, limit) {
  if (text.length <= limit) return text;
  return [text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, ''), '…'].join('');
}

/**
 * count returns a number with its noun: `1 event`, `2,000 events`.
 * @param {number} n
 * @param {string} noun
 * @param {string} [plural]
 */
export function count(n, noun, plural = `${noun}s`) {
  return `${n.toLocaleString('en')} ${n === 1 ? noun : plural}`;
}

/**
 * size returns a number of characters as a size.
 * @param {number} n
 */
export function size(n) {
  if (n < 1000) return `${n} B`;
  return n < 1e6 ? `${(n / 1e3).toFixed(n < 1e4 ? 1 : 0)} kB` : `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB`;
}

const order = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/**
 * natural compares two texts as people sort them: `service-2` comes before `service-10`.
 * @param {string} a
 * @param {string} b
 */
export function natural(a, b) {
  return order.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
