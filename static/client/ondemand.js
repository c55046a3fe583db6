/** Modules that only some streams need. Each is loaded when the first stream needs it, and the page stays small till then. */

import { wantsDeltas } from './query.js';

/** @import { Settings } from './options.js' */

/**
 * Those that are loaded.
 * @typedef {object} Modules
 * @property {typeof import('./ages.js')} [ages] how old documents are
 * @property {typeof import('./documents.js')} [deltas] for `mode=patch` and `mode=merge`
 * @property {typeof import('./fetchsource.js')} [fetch] for a token, a ticket or headers
 * @property {typeof import('./iterate.js')} [iterate] for `for await`
 * @property {typeof import('./names.js')} [streams] for several streams
 */

/** @type {Modules} */
export const modules = {};

/** A bundler finds the modules by these calls. */
const LOADERS = {
  ages: () => import('./ages.js'),
  deltas: () => import('./documents.js'),
  fetch: () => import('./fetchsource.js'),
  iterate: () => import('./iterate.js'),
  streams: () => import('./names.js'),
};

/**
 * load loads one of them, and returns it. It rejects if that is not possible.
 * @template {keyof Modules} K
 * @param {K} name
 * @returns {Promise<NonNullable<Modules[K]>>}
 */
export async function load(name) {
  return modules[name] = /** @type {any} */ (await LOADERS[name]());
}

/**
 * needsOf returns the modules without which there is no connection, and false for the others.
 * @param {string} url
 * @param {string[]} streams
 * @param {Settings} settings
 * @returns {(keyof Modules | false)[]}
 */
export function needsOf(url, streams, { token, ticket, headers }) {
  return [Boolean(token || ticket || headers) && 'fetch', wantsDeltas(url) && 'deltas', streams.length > 1 && 'streams'];
}
