/** An EventTarget whose events are typed. */

/** @import { Listener, StreamEvents } from './types.js' */

/** StreamTarget dispatches the events of a stream. Each is a CustomEvent. */
export class StreamTarget extends EventTarget {
  /**
   * @template {keyof StreamEvents} K
   * @param {K} type
   * @param {Listener<StreamEvents[K]> | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, /** @type {EventListenerOrEventListenerObject | null} */ (listener), options);
  }
}
