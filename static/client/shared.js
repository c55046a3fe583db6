/**
 * Streams of one connection for several users, such as the components of a page that each show another key.
 *
 *     const streams = new SharedStreams();
 *     const view = streams.open('/api/sse?stream=prices/BTC');
 *     view.addEventListener('value', () => console.log(view.value));
 *
 * Views with the same URL, but for the name of the stream, and the same options share a connection. It opens one
 * macrotask after its first view, and closes with its last one. A stream without a view leaves with the next change, or
 * after 5 s, so that a view that returns soon costs nothing. Functions among the options count as the same: the one of a
 * view that there still is is called.
 *
 * If the server does not have a stream, because the pattern does not match the key or the stream was removed, its views
 * are `down`, with an error of the kind `removed`. The others go on. The stream is asked for again with each connection.
 */

import { isKeyName } from './keys.js';
import { MAX_STREAMS } from './names.js';
import { asking, contentOf, withDefaults } from './options.js';
import { queryOf, streamNames, withQuery } from './query.js';
import { REMOVED } from './signals.js';
import { StreamSet } from './streams.js';
import { StreamTarget } from './target.js';

/** @import { HookOptions, Options, Problem, State, Status, StreamEvents } from './types.js' */

const LINGER = 5000; // how long a stream without a view stays on its connection
const MAX_LENGTH = 3000; // of all names in a URL, which can have them twice: many servers refuse a URL of 8 kB

/** Parameters that are about one connection, and would have another effect on a shared one. */
const OWN = ['last_event_id', 'lastEventId', 'since', 'limit', 'fresh'];

/**
 * canShare reports whether a stream can share its connection: its URL names one key of a keyed stream, such as
 * `prices/BTC`, and nothing in the URL or the options is about a connection of its own. Only a server that has keys can
 * change the streams of a connection.
 * @param {string} url
 * @param {Options} [options]
 */
export function canShare(url, { events, resumeParam } = {}) {
  const names = streamNames(url);
  const query = queryOf(url);
  return names.length === 1 && isKeyName(names[0]) && !OWN.some(name => query.has(name)) &&
    events === undefined && resumeParam !== '';
}

/** SharedStreams has the connections of a page. */
export class SharedStreams {
  #options;
  /** @type {Set<Shared>} */ #connections = new Set();

  /** @param {Options} [options] of all connections, for tests */
  constructor(options = {}) {
    this.#options = options;
  }

  /**
   * Opens a view of one stream. It throws for an invalid URL or option.
   * @param {string} url that names the stream; see `canShare`
   * @param {HookOptions} [options] which are compared by content
   */
  open(url, options = {}) {
    const [name] = streamNames(url);
    const rest = withQuery(url, { stream: null });
    const kind = contentOf(rest, options);
    const all = [...this.#connections].filter(each => each.kind === kind);
    let shared = all.find(each => each.has(name)) ?? all.find(each => each.hasRoom(name));
    if (!shared) {
      const made = shared = new Shared(kind, rest, { ...options, ...this.#options }, () => this.#connections.delete(made));
      this.#connections.add(made);
    }
    return new SharedView(shared, name, options);
  }
}

/**
 * SharedView is one stream of a connection that others use too. It has what `usePollux` reads of an EventStream.
 * @extends {StreamTarget<any>}
 */
export class SharedView extends StreamTarget {
  #shared;
  #name;
  #topic;
  #closed = false;
  /** @type {State} */ #state; // as the events told it

  /**
   * @param {Shared} shared
   * @param {string} name of the stream
   * @param {HookOptions} options
   */
  constructor(shared, name, options) {
    super();
    this.options = options;
    this.#shared = shared;
    this.#name = name;
    this.#topic = shared.join(this, name);
    this.#state = this.state;
  }

  /** The state of the connection, of which only the status of this stream counts. */
  get state() { return this.#closed ? 'closed' : this.#shared.stateOf(this.#name); }
  /** The newest document of the stream; undefined before the first. Kept while disconnected. */
  get value() { return this.#topic.value; }
  /** The id of the event that brought `value`; empty before the first. */
  get lastEventId() { return this.#topic.lastEventId; }
  /** When `value` arrived, milliseconds since 1970 by the client's clock; null before the first. */
  get updatedAt() { return this.#topic.updatedAt; }
  /** The newest status of the stream; null if it is live, or if that is not known. */
  get status() { return this.#shared.statusOf(this.#name); }
  /** The current problem of the connection, of this stream or of its document; null if there is none. */
  get error() { return this.#shared.problemOf(this.#name) ?? this.#topic.problem; }

  /**
   * As `EventStream.age`.
   * @param {string} [stream] default: the one of this view
   */
  age(stream = this.#name) { return this.#shared.age(stream); }

  /**
   * As `EventStream.madeAt`.
   * @param {string} [stream] default: the one of this view
   */
  madeAt(stream = this.#name) { return this.#shared.madeAt(stream); }

  /** Ends this view for good; the connection, if no other view is left. No event comes after `closed`. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#shared.leave(this, this.#name);
    this.#look();
  }

  /**
   * Dispatches an event of the connection, and before it the event `state` if the state of this stream has changed.
   * @param {keyof StreamEvents | null} type null: only that one
   * @param {object} [detail]
   */
  tell(type, detail) {
    this.#look();
    if (!this.#closed && type !== null) this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #look() {
    const [state, previous] = [this.state, this.#state];
    if (state === previous) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: { state, previous } }));
  }
}

/** Topic is one stream of a shared connection: its newest document, and its views. */
class Topic {
  /** @type {any} */ value;
  lastEventId = '';
  /** @type {number | null} */ updatedAt = null;
  /** @type {Problem | null} */ problem = null; // of the newest document
  /** @type {{status: Status, problem: Problem} | null} */ removed = null; // the last time that the server said so
  /** @type {Set<SharedView>} */ views = new Set();
}

/** Shared is a connection, with at least one view until it ends. */
class Shared {
  #url;
  #options;
  #settings;
  #ended;
  /** @type {Map<string, Topic>} */ #topics = new Map();
  /** @type {StreamSet | null} */ #stream = null;
  /** @type {any} */ #timer; // until the connection opens, or until streams without a view leave

  /**
   * @param {string} kind the same for connections that differ in their streams alone
   * @param {string} url without a stream
   * @param {Options} options
   * @param {() => void} ended called after the last view has left
   */
  constructor(kind, url, options, ended) {
    this.kind = kind;
    this.#url = url;
    this.#options = { ...options, ...asking(options, name => [...this.#topics.values()]
      .flatMap(({ views }) => [...views]).map(view => view.options)[0]?.[name]) };
    this.#settings = withDefaults(options);
    this.#ended = ended;
    new URL(url, globalThis.document?.baseURI ?? 'http://localhost'); // throws now instead of in the timer
    const { setTimeout } = this.#settings;
    this.#timer = setTimeout(() => this.#open(), 0);
  }

  /**
   * The current problem of the connection, or of a stream that does not exist; null if there is none.
   * @param {string} name of the stream
   * @returns {Problem | null}
   */
  problemOf(name) {
    const problem = this.#stream?.error;
    if (problem && problem.kind !== 'invalid') return problem; // that one is a problem of a document
    const status = this.#stream?.statusOf(name);
    const topic = this.#topics.get(name);
    if (!topic || status?.error !== REMOVED) return null;
    if (topic.removed?.status !== status) {
      const { token, ticket } = this.#settings;
      const message = `The server has no stream ${name}${token || ticket ? ', or the token does not allow it' : ''}.`;
      topic.removed = { status, problem: { kind: 'removed', message, at: this.#settings.now() } };
    }
    return topic.removed.problem;
  }

  /** @param {string} name */
  stateOf(name) { return this.#stream?.stateOf(name) ?? 'connecting'; }

  /** @param {string} name */
  statusOf(name) { return this.#stream?.statusOf(name) ?? null; }

  /** @param {string} name */
  age(name) { return this.#stream?.age(name) ?? null; }

  /** @param {string} name */
  madeAt(name) { return this.#stream?.madeAt(name) ?? null; }

  /** @param {string} name */
  has(name) { return this.#topics.has(name); }

  /**
   * Whether another stream has room. Those without a view would make room.
   * @param {string} name
   */
  hasRoom(name) {
    const names = [...this.#wanted(), name];
    return names.length <= MAX_STREAMS && encodeURIComponent(names.join(',')).length <= MAX_LENGTH;
  }

  /**
   * @param {SharedView} view
   * @param {string} name
   */
  join(view, name) {
    const known = this.#topics.get(name);
    const topic = known ?? new Topic();
    topic.views.add(view);
    this.#topics.set(name, topic);
    if (!known) this.#change();
    return topic;
  }

  /**
   * @param {SharedView} view
   * @param {string} name
   */
  leave(view, name) {
    this.#topics.get(name)?.views.delete(view);
    if (this.#wanted().length === 0) return this.#end();
    if (!this.#stream) return;
    const connected = this.#stream.streams;
    const changes = connected.length !== this.#topics.size || connected.some(each => !this.has(each));
    if (changes) this.#change(); // the stream leaves when those join that wait for the next connection
    else this.#linger();
  }

  /** The streams that have a view. */
  #wanted() {
    return [...this.#topics].filter(([, { views }]) => views.size > 0).map(([name]) => name);
  }

  /** Lets the connection have the streams that have a view. */
  #change() {
    if (!this.#stream) return; // which will have them when it opens
    this.#stop();
    this.#drop();
    this.#stream.setStreams(this.#topics.keys());
  }

  /** Forgets the streams that have no view. */
  #drop() {
    const wanted = this.#wanted();
    for (const name of this.#topics.keys()) if (!wanted.includes(name)) this.#topics.delete(name);
  }

  #linger() {
    const { setTimeout } = this.#settings;
    this.#timer ??= setTimeout(() => this.#change(), LINGER);
  }

  #stop() {
    const { clearTimeout } = this.#settings;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #end() {
    this.#stop();
    this.#stream?.close();
    this.#ended();
  }

  #open() {
    this.#stop();
    this.#drop();
    const url = withQuery(this.#url, { stream: [...this.#topics.keys()].join(',') });
    const stream = this.#stream = new StreamSet(url, this.#options);
    for (const type of /** @type {const} */ (['state', 'streams'])) stream.addEventListener(type, () => this.#tell(null, null));
    stream.addEventListener('time', ({ detail }) => this.#tell(null, 'time', detail));
    // A status without a name is one of all streams.
    stream.addEventListener('status', ({ detail }) => {
      const name = detail.stream ?? null;
      this.#tell(name, 'status', detail);
      const problem = name === null ? null : this.problemOf(name);
      if (problem?.kind === 'removed') this.#tell(name, 'problem', problem);
    });
    stream.addEventListener('reset', ({ detail }) => this.#tell(detail.stream, 'reset', detail));
    stream.addEventListener('problem', ({ detail }) => {
      if (detail.type === undefined) return this.#tell(null, 'problem', detail);
      const name = this.#streamOf(detail.type);
      const topic = this.#topics.get(name);
      if (topic) topic.problem = stream.error;
      this.#tell(name, 'problem', { ...detail, type: 'message' });
    });
    stream.addEventListener('value', ({ detail }) => {
      const { value, lastEventId } = detail;
      const name = this.#streamOf(detail.type);
      const topic = this.#topics.get(name);
      if (topic) Object.assign(topic, { value, lastEventId, updatedAt: stream.updatedAt, problem: null });
      this.#tell(name, 'value', { ...detail, type: 'message' });
    });
  }

  /**
   * The stream of a document.
   * @param {string} type of its event
   */
  #streamOf(type) {
    const names = this.#stream?.streams ?? [];
    return names.length > 1 ? type : names[0];
  }

  /**
   * Tells the views of a stream what has happened.
   * @param {string | null} name null: of all streams
   * @param {keyof StreamEvents | null} type
   * @param {object} [detail]
   */
  #tell(name, type, detail) {
    const topics = name === null ? [...this.#topics.values()] : [this.#topics.get(name)];
    for (const view of topics.flatMap(topic => [...topic?.views ?? []])) view.tell(type, detail);
  }
}
