/** The nodes that share their events, on the page of all streams. */

import { h, say, set } from './dom.js';
import { count } from './text.js';
import { span } from './time.js';

/** @import { Cluster, ClusterNode, Difference } from './cluster.js' */

const MOST = 8; // differences that are listed

/** Nodes shows each node: whether it is the one that answers, what it polls, and how far it is behind. */
export class Nodes {
  #title = h('h2', { id: 'nodes-title' });
  #list = h('ul.nodes');
  #trouble = h('ul');
  /** The element. */ node = h('section.cluster', { 'aria-labelledby': 'nodes-title', hidden: true }, this.#title, this.#list,
    h('div.differences', { role: 'status' }, this.#trouble));

  /** @param {(node: string) => void} choose shows the streams that a node polls */
  constructor(choose) {
    this.#list.addEventListener('click', event => {
      const name = /** @type {HTMLElement} */ (event.target).closest('button')?.dataset.node;
      if (name) choose(name);
    });
  }

  /** @param {Cluster} cluster */
  draw({ nodes, size, differences }) {
    this.node.hidden = nodes.length === 0;
    const there = nodes.filter(({ lost }) => !lost).length;
    say(this.#title, size > there ? `${there} of ${count(size, 'node')}` : count(Math.max(nodes.length, there), 'node'));
    set(this.#title, { 'data-tone': size > there ? 'bad' : null });
    while (this.#list.children.length > nodes.length) this.#list.lastElementChild?.remove();
    nodes.forEach((each, i) => fill(this.#list.children[i] ?? this.#list.appendChild(makeNode()), each));
    const lines = differences.slice(0, MOST).map(wordsOf);
    if (differences.length > MOST) lines.push(`${count(differences.length - MOST, 'more stream')} with different settings.`);
    while (this.#trouble.children.length > lines.length) this.#trouble.lastElementChild?.remove();
    lines.forEach((line, i) => say(this.#trouble.children[i] ?? this.#trouble.appendChild(h('li')), line));
  }
}

function makeNode() {
  return h('li', {}, h('button.quiet', { type: 'button' }), h('span.here', { hidden: true }, 'this node'), h('span.facts'));
}

/**
 * @param {Element} item
 * @param {ClusterNode} node
 */
function fill(item, node) {
  const { name, here, lag, silent, lost, polls } = node;
  const [button, mark, facts] = item.children;
  set(item, { 'data-node': name, 'data-tone': lost ? 'bad' : silent !== null || lag ? 'unsure' : null });
  set(button, { 'data-node': name, 'aria-label': `${name}: show the streams that it polls` });
  say(button, name);
  set(mark, { hidden: !here });
  say(facts, [
    polls === 0 ? 'polls nothing' : `polls ${count(polls, 'stream')}`,
    lost ? 'not heard any more' : silent !== null ? `silent for ${span(silent * 1000)}` : '',
    lag === null || lag === 0 && silent !== null ? '' : lag === 0 ? 'up to date' : `${count(lag, 'event')} behind`,
  ].filter(Boolean).join(' · '));
}

/** @param {Difference} difference */
function wordsOf({ stream, node, keys, missing }) {
  return missing === null ? `${stream}: ${node} has other settings than this node (${keys.join(', ')}).` : `${stream}: not configured on ${missing}.`;
}
