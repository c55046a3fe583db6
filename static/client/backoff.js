/** The schedule of retries: pure, without a clock. */

/**
 * backoffBound is the upper bound of the random wait before try number `failures` + 1, in milliseconds: `base` doubled
 * with each failure, never above `cap`. Full jitter draws the wait from [0, bound).
 * @param {number} failures failed tries so far, 0 and up
 * @param {number} base
 * @param {number} cap
 */
export function backoffBound(failures, base, cap) {
  return Math.min(cap, base * 2 ** failures);
}
