/** The names of streams with keys, such as `prices/BTC`. */

const STREAM = /^(?!(?:error|hb|merge|message|open|patch|reset|snapshot|status)$)[A-Za-z0-9._-]{1,64}$/;
const KEY = /^(?!\.\.?$)[!#-+\-.0-[\]-~]{1,128}$/; // printable ASCII without `"`, `,`, `/` and `\`, and no `.` or `..`

/**
 * isKey reports whether a server can have that key, if the pattern of its stream matches.
 * @param {string} key
 */
export function isKey(key) { return KEY.test(key); }

/**
 * isKeyName reports whether a name is that of a key which a server can have, such as `prices/BTC`. A server refuses a
 * connection with any other name, even if it has the other streams.
 * @param {string} name
 */
export function isKeyName(name) {
  const slash = name.indexOf('/');
  return slash > 0 && STREAM.test(name.slice(0, slash)) && isKey(name.slice(slash + 1));
}
