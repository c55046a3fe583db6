/** The schedule of retries, without a clock. */

/** @import { Settings } from './options.js' */

/**
 * backoffWait draws the wait before the next try, in milliseconds: a least one, plus a random part of a bound that grows
 * exponentially with consecutive failures: full jitter draws it from [0, bound).
 * @param {number} failures failed tries before the last one
 * @param {number} least such as the server's reconnection time
 * @param {Pick<Settings, 'backoffBase' | 'backoffCap' | 'random'>} options
 */
export function backoffWait(failures, least, { backoffBase, backoffCap, random }) {
  return least + random() * Math.min(backoffCap, backoffBase * 2 ** failures);
}
