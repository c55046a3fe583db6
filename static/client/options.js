/** The options of an EventStream, checked and with defaults. */

/** @import { HookOptions, Options } from './types.js' */

/**
 * All options but `events`, whose default depends on the URL, and `signal`.
 * @typedef {'token' | 'ticket' | 'headers' | 'fetch' | 'monotonic' | 'silence' | 'withCredentials'} Optional
 * @typedef {Required<Omit<Options, 'events' | 'signal' | Optional>> & Pick<Options, Optional>} Settings
 */

/**
 * withDefaults adds the defaults. It throws RangeError for an invalid time.
 * @param {Options} options
 * @returns {Settings}
 */
export function withDefaults(options) {
  /** @type {any} */
  const settings = {
    parse: JSON.parse,
    heartbeat: true,
    resumeParam: 'last_event_id',
    backoffBase: 1000,
    backoffCap: 30_000,
    // Looked up when a stream is created, because this module may be imported on a server.
    EventSource: globalThis.EventSource,
    now: Date.now,
    random: Math.random,
    setTimeout,
    clearTimeout,
    page: globalThis.window ?? new EventTarget(),
  };
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' && !(value >= 0)) throw new RangeError(`pollux: ${name} is ${value}`); // all are times
    if (value !== undefined) settings[name] = value;
  }
  return settings;
}

/**
 * contentOf is the same text for the same stream with the same options. A function is as good as any other: JSON writes
 * null for it.
 * @param {string} url
 * @param {HookOptions} options
 */
export function contentOf(url, options) {
  const { headers, ...others } = options;
  const entries = Object.entries({ ...others, headers: headers && [...new Headers(headers)] })
    .filter(([, value]) => value !== undefined && value !== null);
  return JSON.stringify([url, entries.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/**
 * asking returns those of the options that are functions, each of which calls the one that there is by then.
 * @param {HookOptions} options
 * @param {(name: 'token' | 'ticket') => HookOptions['token']} current returns it
 * @returns {Pick<HookOptions, 'token' | 'ticket'>}
 */
export function asking(options, current) {
  const names = /** @type {const} */ (['token', 'ticket']).filter(name => typeof options[name] === 'function');
  return Object.fromEntries(names.map(name => [name, () => {
    const now = current(name);
    return typeof now === 'function' ? now() : now;
  }]));
}
