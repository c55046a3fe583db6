/** What happens to a page. */

const EVENTS = ['online', 'pagehide', 'pageshow', 'visibilitychange'];

/**
 * @typedef {object} Handlers
 * @property {() => void} hide the page may go into the back/forward cache, where no page with an open connection gets
 * @property {() => void} show it has returned from there
 * @property {() => void} online the machine has a network again
 * @property {() => void} look the page was hidden, or is seen again: timers of a hidden one run late
 */

/** Page hears what happens to a page, until `leave`. While it is hidden in the cache, it hears only `show`. */
export class Page {
  #target;
  #handlers;
  #away = false;

  /**
   * @param {Pick<EventTarget, 'addEventListener' | 'removeEventListener'>} target the window
   * @param {Handlers} handlers
   */
  constructor(target, handlers) {
    this.#target = target;
    this.#handlers = handlers;
    for (const type of EVENTS) target.addEventListener(type, this.#hear);
  }

  /** The page is in use, whatever it was told. */
  wake() { this.#away = false; }

  leave() {
    for (const type of EVENTS) this.#target.removeEventListener(type, this.#hear);
  }

  /** @param {Event} event */
  #hear = ({ type }) => {
    const { hide, show, online, look } = this.#handlers;
    if (type === 'pagehide') {
      this.#away = true;
      hide();
    } else if (type === 'pageshow') {
      if (this.#away) show();
    } else if (type === 'visibilitychange') look();
    else if (!this.#away) online();
  };
}
