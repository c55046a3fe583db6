/** The SharedWorker of a browser's tabs. It has each stream as long as a tab wants it. */

import { Host } from './tabhost.js';

/** @import { Order } from './tabhost.js' */

/** @type {Map<string, {host: Host, ports: Set<MessagePort>}>} */
const hosts = new Map();

globalThis.addEventListener('connect', event => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  port.onmessage = ({ data }) => order(port, data);
  port.postMessage('ready');
});

/**
 * @param {MessagePort} port of the tab, one for each of its streams
 * @param {Order} what
 */
function order(port, what) {
  if ('close' in what) {
    const shared = hosts.get(what.close);
    shared?.ports.delete(port);
    if (!shared || shared.ports.size > 0) return;
    shared.host.close();
    hosts.delete(what.close);
  } else {
    const { name, url, options } = what;
    const shared = hosts.get(name) ?? { host: new Host(name, url, options), ports: new Set() };
    shared.ports.add(port);
    hosts.set(name, shared);
  }
}
