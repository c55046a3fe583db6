/** What a Link and its owner have to do with each other: types alone. */

/** @import { Problem } from './types.js' */

/**
 * What to do with the events of a connection that have one name, and, if they bring documents, the name of the event that
 * brings a whole one.
 * @typedef {[(event: MessageEvent) => void, string?]} Handler
 */

/**
 * What a Link tells its owner. Each method may call `close`.
 * @typedef {object} Owner
 * @property {(renamed: boolean) => Iterable<[string, Handler]>} listen a connection begins. It returns which events to
 *   hear, by their names. `renamed`: it has other streams than the last one
 * @property {() => void} begin there is no connection now, and nothing is wrong: the page has closed it, or the next one
 *   begins, which does not replace an open one or takes too long for that
 * @property {(kept: boolean, renamed: boolean) => void} open it was opened. `kept`: it replaces one that was open, and the
 *   server will tell the end of its replay. `renamed`: it has other streams than the one that was open before it
 * @property {(problem: Omit<Problem, 'at'>) => void} lost there is no connection, and no try under way
 */

export {};
