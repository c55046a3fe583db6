/** The nodes that share their events, as `/api/streams` tells of them. */

import { natural } from './text.js';

/** @import { Stream } from './names.js' */

/** Each node reports its own state every 2 s while it runs. */
const SILENT = 6;

/**
 * One of the nodes.
 * @typedef {object} ClusterNode
 * @property {string} name
 * @property {boolean} here whether it is the one that answers
 * @property {number | null} lag events that were stored and that it has not read; null if this page may not know
 * @property {number | null} silent seconds since it was heard, if those are too many; null if they are not
 * @property {boolean} lost whether it still holds the lease of a stream and is not heard any more
 * @property {number} polls how many streams it polls, or polls keys of
 */

/**
 * A stream that another node has configured differently.
 * @typedef {{stream: string, node: string, since?: string | null, keys: string[], missing: string | null}} Difference
 */

/**
 * What is known of all nodes.
 * @typedef {object} Cluster
 * @property {ClusterNode[]} nodes none if there is one node alone
 * @property {number} size how many nodes the cluster has, also those that are gone; 0 if any number may come
 * @property {Difference[]} differences
 */

/**
 * clusterOf returns what an answer says of the nodes. A page that may not read every stream is told of the node that answers
 * alone; the others that it knows are those that poll its streams.
 * @param {any} answer of `/api/streams`
 * @returns {Cluster}
 */
export function clusterOf({ node = '', lag = 0, size = 0, nodes, differences = [], streams = [] }) {
  /** @type {Map<string, number>} */ const polls = new Map();
  for (const { polledBy } of /** @type {Stream[]} */ (streams)) {
    for (const name of polledBy?.split(', ') ?? []) polls.set(name, (polls.get(name) ?? 0) + 1);
  }
  /** @type {{name: string, lag: number, age: number}[]} */
  const heard = nodes ?? (node ? [{ name: node, lag, age: 0 }] : []);
  const here = heard.find(({ name }) => name === node); // the first of several with one name is the one that answers
  const list = heard.map(each => ({
    name: each.name, here: each === here, lag: each.lag, silent: each.age >= SILENT ? each.age : null, lost: false, polls: polls.get(each.name) ?? 0,
  }));
  for (const [name, n] of polls) {
    if (!heard.some(each => each.name === name)) list.push({ name, here: false, lag: /** @type {any} */ (null), silent: null, lost: nodes !== undefined, polls: n });
  }
  return { nodes: list.sort((a, b) => natural(a.name, b.name)), size, differences };
}

/**
 * differencesOf returns, in words, how other nodes have configured a stream: `b: every, url`.
 * @param {Difference[]} differences
 * @param {string} stream
 */
export function differencesOf(differences, stream) {
  return differences.filter(each => each.stream === stream)
    .map(({ node, keys, missing }) => (missing === null ? `${node}: ${keys.join(', ')}` : `missing on ${missing}`)).join('; ');
}
