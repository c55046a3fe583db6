/** An EventTarget whose events are typed. */

/** @import { Target } from './types.js' */

/** StreamTarget dispatches the events of a stream. Each is a CustomEvent. */
export const StreamTarget = /** @type {new <T>() => Target<T>} */ (/** @type {unknown} */ (EventTarget));
