/** The format text/event-stream, as WHATWG HTML 9.2.5 and 9.2.6 define it. */

/** @typedef {{type: string, data: string, lastEventId: string}} Block an event as it came */

/** Parser makes events of the text of one stream, which comes in pieces of any size. */
export class Parser {
  #handle;
  /** @type {string[]} */ #line = []; // what has come of a line
  #afterCR = false; // an LF that comes next belongs to the CR before it
  /** @type {string[]} */ #data = [];
  #type = '';
  #id = '';
  #lastEventId = '';
  /** @type {number | null} */ #retry = null;

  /** @param {(block: Block) => void} handle is called for each event */
  constructor(handle) {
    this.#handle = handle;
  }

  /** The reconnection time that the server has sent last, in milliseconds; null if it has sent none. */
  get retry() { return this.#retry; }

  /** The id of the last block that was complete, even of one without data; empty if there was none. */
  get lastEventId() { return this.#lastEventId; }

  /** @param {string} text without a byte order mark */
  feed(text) {
    let from = this.#afterCR && text.startsWith('\n') ? 1 : 0;
    if (text) this.#afterCR = text.endsWith('\r');
    const ends = /\r\n?|\n/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.#line.push(text.slice(from, end.index));
      from = ends.lastIndex;
      const line = this.#line.join('');
      this.#line = [];
      if (line) this.#onField(line);
      else this.#onBlank();
    }
    if (from < text.length) this.#line.push(text.slice(from)); // joined only once, because a line can be long
  }

  /** @param {string} line */
  #onField(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d{1,15}$/.test(value)) this.#retry = Number(value);
  }

  #onBlank() {
    const [type, data] = [this.#type || 'message', this.#data];
    this.#lastEventId = this.#id;
    this.#type = '';
    this.#data = [];
    if (data.length > 0) this.#handle({ type, data: data.join('\n'), lastEventId: this.#id });
  }
}
