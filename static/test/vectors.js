/** The wire vectors of hub/sse: streams, and what an EventSource makes of them. */

import { readFile } from 'node:fs/promises';

/**
 * @typedef {object} Vector
 * @property {string} name
 * @property {string} [input]
 * @property {string} [base64]
 * @property {{type: string, data: string, lastEventId: string}[]} events
 * @property {string} lastEventId
 * @property {number | null} retry
 */

/** @type {Vector[]} */
export const vectors = JSON.parse(await readFile(new URL('../../hub/sse/testdata/vectors.json', import.meta.url), 'utf8'));

/** @param {Vector} vector */
export function bytesOf({ input, base64 }) {
  return base64 === undefined ? Buffer.from(input ?? '') : Buffer.from(base64, 'base64');
}

/** Ways to split a stream into pieces. @type {Record<string, (input: Buffer) => Buffer[]>} */
export const SPLITS = {
  whole: input => [input],
  bytes: input => pieces(input, input.length > 2000 ? 999 : 1),
  pairs: input => [input.subarray(0, 1), ...pieces(input.subarray(1), input.length > 2000 ? 1000 : 2)],
  thirds: input => pieces(input, Math.ceil(input.length / 3) || 1),
};

/**
 * @param {Buffer} input
 * @param {number} size
 */
function pieces(input, size) {
  return Array.from({ length: Math.ceil(input.length / size) }, (_, i) => input.subarray(i * size, (i + 1) * size));
}
