/** A connection that several users share, and the newest of each of its streams. */

import { MAX_STREAMS } from './names.js';
import { asking, withDefaults } from './options.js';
import { withQuery } from './query.js';
import { REMOVED } from './signals.js';
import { StreamSet } from './streams.js';

/** @import { SharedView } from './sharedview.js' */
/** @import { Options, Problem, Status, StreamEvents } from './types.js' */

const LINGER = 5000; // how long a stream without a view stays on its connection
const MAX_LENGTH = 3000; // of all names in a URL, which can have them twice: many servers refuse a URL of 8 kB

/** Topic is one stream of a shared connection: its newest document, and its views. */
class Topic {
  /** @type {any} */ value;
  lastEventId = '';
  /** @type {number | null} */ updatedAt = null;
  /** @type {Problem | null} */ problem = null; // of the newest document
  /** @type {{status: Status, problem: Problem} | null} */ removed = null; // the last time that the server said so
  /** @type {Set<SharedView>} */ views = new Set();
}

/** SharedConnection is a connection, with at least one view until it ends. */
export class SharedConnection {
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
   * The current problem: of the connection, or that a stream does not exist. It is null while there is no problem.
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
