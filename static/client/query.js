/** The query of a stream's URL, relative or absolute. */

/**
 * withQuery sets query parameters of a URL, relative or absolute, and leaves all else of it verbatim. A parameter
 * given as null is removed.
 * @param {string} url
 * @param {Record<string, string | null>} params
 */
export function withQuery(url, params) {
  const [address] = url.split('#', 1); // a fragment never reaches a server
  const mark = address.indexOf('?');
  const path = mark < 0 ? address : address.slice(0, mark);
  const pairs = mark < 0 ? [] : address.slice(mark + 1).split('&').filter(pair => {
    const [name] = new URLSearchParams(pair).keys();
    return name !== undefined && !Object.hasOwn(params, name);
  });
  for (const [name, value] of Object.entries(params)) {
    if (value !== null) pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  }
  return pairs.length ? `${path}?${pairs.join('&')}` : path;
}

/**
 * streamNames is the streams that a URL asks for, by `stream=a,b` or `stream=a&stream=b`, when they are several and
 * their events therefore named.
 * @param {string} url
 */
export function streamNames(url) {
  const names = new Set(queryOf(url).getAll('stream').flatMap(value => value.split(',')).filter(Boolean));
  return names.size > 1 ? [...names] : [];
}

/**
 * wantsDeltas tells whether a URL asks for changes instead of whole documents, by `mode=patch` or `mode=merge`.
 * @param {string} url
 */
export function wantsDeltas(url) {
  return ['patch', 'merge'].includes(queryOf(url).get('mode')?.toLowerCase() ?? '');
}

/** @param {string} url */
function queryOf(url) {
  return new URLSearchParams(url.split('#', 1)[0].split('?').slice(1).join('?'));
}
