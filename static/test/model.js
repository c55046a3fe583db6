/** A model of Pollux: streams with one timeline, and connections that resume, as docs/protocol.md has it. */

/** @typedef {{type: string, id: string, data: string}} Frame an event of text/event-stream; `id` empty: it has none */

/** Model is a server that keeps all that was published. */
export class Model {
  /** @type {{seq: number, stream: string, data: any}[]} */ #events = [];
  /** @type {Map<string, any>} */ #statuses = new Map();
  /** @type {Set<{streams: string[], send: (frame: Frame) => void}>} */ #open = new Set();

  constructor(epoch = 'e') {
    this.epoch = epoch;
  }

  /** How many connections are open. */
  get open() { return this.#open.size; }

  /** The number of the newest event. */
  get last() { return this.#events.length; }

  /**
   * @param {string} stream
   * @param {any} data
   * @returns {string} the event's id
   */
  publish(stream, data) {
    const event = { seq: this.last + 1, stream, data };
    this.#events.push(event);
    for (const { streams, send } of this.#open) {
      if (streams.includes(stream)) send(this.#frame(event, streams));
    }
    return this.#id(event.seq);
  }

  /**
   * @param {string} stream
   * @param {'live' | 'stale' | 'down'} state
   */
  tell(stream, state) {
    this.#statuses.set(stream, { stream, state });
    for (const { streams, send } of this.#open) if (streams.includes(stream)) send(this.#status(stream));
  }

  /**
   * Opens a connection.
   * @param {string} url
   * @param {string} header Last-Event-ID, which wins; empty for none
   * @param {(frame: Frame) => void} send called at once for what is replayed, and then for all that follows
   * @returns {() => void} closes it
   */
  connect(url, header, send) {
    const { searchParams } = new URL(url, 'http://x');
    const list = (/** @type {string} */ name) =>
      [...new Set(searchParams.getAll(name).flatMap(value => value.split(',')).filter(Boolean))];
    const streams = list('stream').length > 0 ? list('stream') : ['default'];
    const fresh = list('fresh');
    if (streams.length > 100 || fresh.some(name => !streams.includes(name))) throw new Error(`400: ${url}`);
    const id = header || searchParams.get('last_event_id') || '';
    const [epoch, seq] = [id.slice(0, id.lastIndexOf('-')), Number(id.slice(id.lastIndexOf('-') + 1))];
    const known = id !== '' && epoch === this.epoch && seq <= this.last;
    const newest = new Map(this.#events.map(event => [event.stream, event.seq]));
    const replay = this.#events.filter(event => streams.includes(event.stream) && (
      known && !fresh.includes(event.stream) ? event.seq > seq : event.seq === newest.get(event.stream)));

    send(this.#heartbeat({ retry: 3000 }));
    if (id !== '' && !known) send({ type: 'reset', id: '', data: '{"reason":"epoch"}' });
    for (const event of replay) send(this.#frame(event, streams));
    for (const stream of streams) if (this.#statuses.get(stream)?.state !== 'live') send(this.#status(stream));
    send(this.#heartbeat({}, this.#id(this.last)));
    const connection = { streams, send };
    this.#open.add(connection);
    return () => void this.#open.delete(connection);
  }

  /** @param {number} seq */
  #id(seq) { return `${this.epoch}-${seq}`; }

  /** @type {(event: {seq: number, stream: string, data: any}, streams: string[]) => Frame} */
  #frame({ seq, stream, data }, streams) {
    return { type: streams.length > 1 ? stream : 'message', id: this.#id(seq), data: JSON.stringify(data) };
  }

  /** @type {(stream: string) => Frame} */
  #status(stream) {
    return { type: 'status', id: '', data: JSON.stringify(this.#statuses.get(stream) ?? { stream, state: 'live' }) };
  }

  /** @type {(more: object, id?: string) => Frame} */
  #heartbeat(more, id = '') {
    return { type: 'hb', id, data: JSON.stringify({ ...more, now: new Date().toISOString(), made: {} }) };
  }
}

/**
 * Frames as text/event-stream.
 * @param {Frame} frame
 */
export function textOf({ type, id, data }) {
  return `${id && `id: ${id}\n`}${type === 'message' ? '' : `event: ${type}\n`}data: ${data}\n\n`;
}
