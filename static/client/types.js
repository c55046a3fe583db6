/**
 * The types of pollux.js and react.js, for editors and `tsc --checkJs`. They are not needed at run time.
 */

/** @typedef {'connecting' | 'live' | 'stale' | 'down' | 'reconnecting' | 'closed'} State */

/**
 * The freshness of a stream (`event: status`).
 * @typedef {object} Status
 * @property {'live' | 'stale' | 'down'} state
 * @property {string} [stream] the stream's name
 * @property {string} [since] RFC 3339, when this state began
 * @property {string} [lastSuccess] RFC 3339, when the upstream last answered without an error
 * @property {string | null} [error] a class such as `timeout` or `http_503`; `removed` if the server has no such stream
 */

/**
 * A gap between the documents that came and those that follow (`event: reset`).
 * @typedef {object} Reset
 * @property {string} reason `skipped`: older documents were left out, and the newest one follows; `evicted`, `epoch`,
 *   `ahead` or `invalid`: events were missed and cannot be recovered; `delta`, which is not the server's: a delta did
 *   not fit the document. Empty if the server gave none
 * @property {number | null} skipped how many documents were left out; null if that is not known
 * @property {string | null} stream the only stream that has the gap; null: all streams of the connection
 */

/**
 * A problem that can be shown. Its kinds are:
 * `dropped`: an open stream ended, and the browser reconnects; `unreachable`: no connection could be made; `refused`:
 * the answer was not an event stream; `silent`: the watchdog closed the connection; `invalid`: a document did not parse;
 * `delta`: a delta did not fit the document, which is requested again; `removed`, which only views of a shared connection
 * have: the server has no such stream or key, or the token does not allow it, while there are others of the connection.
 *
 * With the option `token` or `ticket` there are also `unauthorized`: the server wants a token, or another one (401);
 * `forbidden`: the token does not allow this stream (403); `token`: the function failed, or returned what cannot be a
 * token. Without them a browser does not say why it was refused.
 * @typedef {object} Problem
 * @property {'dropped' | 'unreachable' | 'refused' | 'unauthorized' | 'forbidden' | 'token' | 'silent' | 'invalid' |
 *   'delta' | 'removed'} kind
 * @property {string} message one plain English sentence or two; for `unauthorized` and `forbidden` those of the server
 * @property {number} [status] of the server's answer, if it is known
 * @property {number} at milliseconds since 1970, by the client's clock
 */

/**
 * Each event is a CustomEvent; this is its `detail`. The properties of the stream change before the event is
 * dispatched.
 * @template [T=any]
 * @typedef {object} StreamEvents
 * @property {{state: State, previous: State}} state the state of the stream changed
 * @property {{value: T, raw: string, lastEventId: string, type: string}} value a new document; `type` is the SSE
 *   event's name, `message` for unnamed ones, the stream's name when several streams share a connection, of deltas
 *   too; `raw` is what was sent, which may be a delta
 * @property {Status} status the freshness of a stream
 * @property {Reset} reset there is a gap, and the newest document follows
 * @property {{streams: string[]}} streams a connection was opened that has other streams than the last one
 * @property {{serverNow: number}} time the server sent its time, and the times of documents; once `age`, `madeAt` or
 *   `serverNow` have been asked for
 * @property {Problem & {raw?: string, lastEventId?: string, type?: string}} problem something went wrong, and the
 *   stream continues; the last three members exist if a document did not parse
 */

/**
 * @template D
 * @typedef {((event: CustomEvent<D>) => void) | {handleEvent(event: CustomEvent<D>): void}} Listener
 */

/**
 * What dispatches the events of a stream.
 * @template [T=any]
 * @typedef {Omit<EventTarget, 'addEventListener' | 'removeEventListener'> & Listening<T>} Target
 */

/**
 * @template T
 * @typedef {object} Listening
 * @property {Listen<T, boolean | AddEventListenerOptions>} addEventListener
 * @property {Listen<T, boolean | EventListenerOptions>} removeEventListener
 */

/**
 * @template T
 * @template O
 * @typedef {<K extends keyof StreamEvents<T>>(type: K, listener: Listener<StreamEvents<T>[K]> | null, options?: O) => void} Listen
 */

/** @typedef {string | null | undefined} Pass */
/** @typedef {string | (() => Pass | Promise<Pass>)} Token */

/**
 * Everything is optional. Times are milliseconds.
 * @typedef {object} Options
 * @property {Token | null} [token] sent as `Authorization: Bearer`, or a function that is called for it before each try,
 *   so that it can return a new one. Nothing is sent if it returns nothing. It may take its time; `reconnect` calls it
 *   again. The stream is read by `fetch` then, because EventSource cannot send headers
 * @property {(() => Pass | Promise<Pass>) | null} [ticket] called before each try for a ticket, for pages that do not get
 *   the token itself: their server asks Pollux for it by `POST /api/ticket`, and a ticket is valid once
 * @property {HeadersInit | null} [headers] sent with each request. The stream is read by `fetch` then
 * @property {AbortSignal} [signal] closes the stream when it is aborted
 * @property {boolean} [withCredentials] send cookies to another origin; default false
 * @property {string[]} [events] names of events that carry documents, beside unnamed ones and those with the names in the
 *   URL's `stream=a,b`. A name listed here is data even if it is `status`, `reset` or `hb`
 * @property {(text: string) => any} [parse] makes a document of the data; default JSON.parse. May throw. With
 *   `mode=patch` or `mode=merge` it is given the whole document as JSON.stringify writes it
 * @property {boolean} [heartbeat] ask the server for heartbeats as events, by `heartbeat=event`; default true
 * @property {string} [resumeParam] the query parameter for the last id; default `last_event_id`; empty: do not resume
 * @property {number} [silence] how long a connection may be silent before it counts as dead; 0 turns the watchdog off.
 *   Default 45000, which applies after the first `hb` event; a given value applies at once
 * @property {number} [backoffBase] upper bound of the first random wait; default 1000
 * @property {number} [backoffCap] upper bound that the growing bound never exceeds; default 30000
 * @property {new (url: string, init?: EventSourceInit) => EventSource} [EventSource] for tests, as are all that follow
 * @property {(url: string, init: RequestInit) => Promise<Response>} [fetch] default fetch
 * @property {() => number} [now] wall clock; default Date.now
 * @property {() => number} [monotonic] a clock that nobody can set; default performance.now
 * @property {() => number} [random] from [0, 1); default Math.random
 * @property {(callback: () => void, ms: number) => any} [setTimeout]
 * @property {(timer: any) => void} [clearTimeout]
 * @property {Pick<EventTarget, 'addEventListener' | 'removeEventListener'>} [page] hears online, pageshow, pagehide and
 *   visibilitychange; default the window, if there is one
 */

/**
 * The options of a React hook: those that are plain data, and the token.
 * @typedef {'token' | 'ticket' | 'headers' | 'withCredentials' | 'events' | 'heartbeat' | 'resumeParam' | 'silence'} Plain
 * @typedef {Pick<Options, Plain | 'backoffBase' | 'backoffCap'>} HookOptions
 */

export {};
