/** JSON documents, made short enough to show. They are handled as text, so numbers stay as the upstream wrote them. */

/**
 * shorten cuts a text to at most `limit` characters, including the ellipsis, and never within a surrogate pair.
 * @param {string} text
 * @param {number} limit
 */
export function shorten(text, limit) {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/**
 * indent formats JSON with two spaces for each level, and stops after `limit` characters, so that a large document takes
 * no longer. Text that is not JSON keeps all but its white space.
 * @param {string} json
 * @param {number} limit
 */
export function indent(json, limit) {
  const tokens = /"(?:[^"\\]|\\.)*"?|[[\]{},:]|[^\s"[\]{},:]+/gs;
  const input = json.slice(0, limit + 1); // the output has at least the tokens of the input
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
 * describe returns a few words about a document that contains no number.
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
