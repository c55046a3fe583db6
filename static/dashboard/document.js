/** JSON documents, made short enough to look at. Works on the text, so that numbers stay as the upstream wrote them. */

/**
 * shorten cuts a text to at most `limit` characters, ellipsis included, and never through a surrogate pair.
 * @param {string} text
 * @param {number} limit
 */
export function shorten(text, limit) {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/**
 * indent lays JSON out by two spaces a level, and stops once it has written `limit` characters; the work is bounded by
 * the limit, not by the document. Text that is not JSON comes out unharmed, if oddly spaced.
 * @param {string} json
 * @param {number} limit
 */
export function indent(json, limit) {
  const tokens = /"(?:[^"\\]|\\.)*"?|[[\]{},:]|[^\s"[\]{},:]+/gs;
  const input = json.slice(0, limit + 1); // a token adds at least itself
  let out = '';
  let depth = 0;
  let previous = '';
  for (const [token] of input.matchAll(tokens)) {
    const newline = () => `\n${'  '.repeat(Math.max(depth, 0))}`;
    if (token === '}' || token === ']') {
      depth--;
      out += previous === '{' || previous === '[' ? token : newline() + token;
    } else {
      if (previous === '{' || previous === '[' || previous === ',') out += newline();
      out += token === ':' ? ': ' : token;
      if (token === '{' || token === '[') depth++;
    }
    previous = token;
    if (out.length > limit) return shorten(out, limit);
  }
  return out;
}

/**
 * describe says in a few words what a document without any number is.
 * @param {any} value
 */
export function describe(value) {
  if (Array.isArray(value)) return `${value.length} ${value.length === 1 ? 'item' : 'items'}`;
  if (value !== null && typeof value === 'object') {
    const { length } = Object.keys(value);
    return `${length} ${length === 1 ? 'field' : 'fields'}`;
  }
  return shorten(String(value), 60);
}
