/** The options of an EventStream, checked and with defaults. */

/** @import { HookOptions, Options } from './types.js' */

/**
 * All options but `events`, whose default depends on the URL.
 * @typedef {Required<Omit<Options, 'events' | 'token' | 'ticket'>> & Pick<Options, 'token' | 'ticket'>} Settings
 */

/**
 * withDefaults adds the defaults. It throws RangeError for an invalid time, and TypeError for what cannot be a token.
 * @param {Options} options
 * @returns {Settings}
 */
export function withDefaults(options) {
  const { silence = 45_000, backoffBase = 1000, backoffCap = 30_000 } = options;
  for (const [name, number] of Object.entries({ silence, backoffBase, backoffCap })) {
    if (!(number >= 0)) throw new RangeError(`pollux: ${name} is ${number}, want milliseconds, 0 or more`);
  }
  const { token, ticket } = options;
  if (token && ticket) throw new TypeError('pollux: want either a token or a ticket');
  if (token && !['string', 'function'].includes(typeof token)) throw new TypeError('pollux: token is neither a string nor a function');
  if (ticket && typeof ticket !== 'function') throw new TypeError('pollux: ticket is not a function, and each ticket is valid once');
  return {
    token: token || undefined,
    ticket: ticket || undefined,
    withCredentials: options.withCredentials ?? false,
    parse: options.parse ?? JSON.parse,
    heartbeat: options.heartbeat ?? true,
    resumeParam: options.resumeParam ?? 'last_event_id',
    silence,
    backoffBase,
    backoffCap,
    // Looked up when a stream is created, because this module may be imported on a server.
    EventSource: options.EventSource ?? globalThis.EventSource,
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    now: options.now ?? Date.now,
    monotonic: options.monotonic ?? (() => performance.now()),
    random: options.random ?? Math.random,
    // Browsers throw if these are not called on the window.
    setTimeout: options.setTimeout ?? ((callback, ms) => globalThis.setTimeout(callback, ms)),
    clearTimeout: options.clearTimeout ?? (timer => globalThis.clearTimeout(timer)),
    page: options.page ?? globalThis.window ?? new EventTarget(),
  };
}

/**
 * contentOf is the same text for the same stream with the same options. A function is as good as any other: JSON writes
 * null for it.
 * @param {string} url
 * @param {HookOptions} options
 */
export function contentOf(url, options) {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
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
