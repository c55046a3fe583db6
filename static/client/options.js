/** The options of an EventStream, checked and with defaults. */

/** @import { Options } from './types.js' */

/**
 * All options but `events`, whose default depends on the URL.
 * @typedef {Required<Omit<Options, 'events'>>} Settings
 */

/**
 * withDefaults adds the defaults. It throws RangeError for an invalid time.
 * @param {Options} options
 * @returns {Settings}
 */
export function withDefaults(options) {
  const { silence = 45_000, backoffBase = 1000, backoffCap = 30_000 } = options;
  for (const [name, number] of Object.entries({ silence, backoffBase, backoffCap })) {
    if (!(number >= 0)) throw new RangeError(`pollux: ${name} is ${number}, want milliseconds, 0 or more`);
  }
  return {
    withCredentials: options.withCredentials ?? false,
    parse: options.parse ?? JSON.parse,
    heartbeat: options.heartbeat ?? true,
    resumeParam: options.resumeParam ?? 'last_event_id',
    silence,
    backoffBase,
    backoffCap,
    // Looked up when a stream is created, because this module may be imported on a server.
    EventSource: options.EventSource ?? globalThis.EventSource,
    now: options.now ?? Date.now,
    monotonic: options.monotonic ?? (() => performance.now()),
    random: options.random ?? Math.random,
    // Browsers throw if these are not called on the window.
    setTimeout: options.setTimeout ?? ((callback, ms) => globalThis.setTimeout(callback, ms)),
    clearTimeout: options.clearTimeout ?? (timer => globalThis.clearTimeout(timer)),
    page: options.page ?? globalThis.window ?? new EventTarget(),
  };
}
