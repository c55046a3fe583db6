/** The page's end of the worker. */

const EVENTS = ['online', 'pagehide', 'pageshow', 'visibilitychange'];

/**
 * Desk has the worker of the page. It draws at most once in a frame, and not while the page is hidden.
 */
export class Desk {
  #worker;
  /** @type {Map<number, (value: any) => void>} */ #asked = new Map();
  #n = 0;
  #view = 0;
  /** @type {(part: any) => void} */ #draw = () => {};

  constructor() {
    const url = new URL('./worker.js', import.meta.url).href;
    // The policy wants to know that the address of a script is meant as one.
    const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('pollux', { createScriptURL: () => url });
    this.#worker = new Worker(policy ? policy.createScriptURL('') : url, { type: 'module' });
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    for (const event of EVENTS) addEventListener(event, () => this.#post({ type: 'page', event, hidden: document.hidden }));
  }

  /**
   * Shows a stream.
   * @param {string | null} stream null for all
   * @param {(part: any) => void} draw
   */
  open(stream, draw) {
    this.#draw = draw;
    this.#post({ type: 'open', stream, view: ++this.#view, hidden: document.hidden });
  }

  /** Shows nothing. */
  close() { this.#post({ type: 'close', view: ++this.#view }); }

  /**
   * Calls a method of what is shown.
   * @param {string} method
   * @param {any} [value]
   */
  tell(method, value) { this.#post({ type: 'tell', method, value }); }

  /**
   * Calls a method of what is shown, and returns what it returns.
   * @param {string} method
   * @param {any} [value]
   * @returns {Promise<any>}
   */
  ask(method, value) {
    const n = ++this.#n;
    this.#post({ type: 'ask', n, method, value });
    return new Promise(resolve => this.#asked.set(n, resolve));
  }

  /** @param {any} message */
  #post(message) { this.#worker.postMessage(message); }

  /** @param {any} message */
  #hear(message) {
    if ('answer' in message) {
      this.#asked.get(message.answer)?.(message.value);
      this.#asked.delete(message.answer);
    } else requestAnimationFrame(() => {
      if (message.view === this.#view) this.#draw(message.part);
      const { dataset } = document.documentElement;
      dataset.draws = String(Number(dataset.draws ?? 0) + 1);
      this.#post({ type: 'drawn' });
    });
  }
}
