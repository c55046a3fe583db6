/** A proxy whose connections a test cuts. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** @import { AddressInfo, Socket } from 'node:net' */

/**
 * Starts a proxy on a free port of 127.0.0.1.
 * @param {string} origin of the server behind it
 */
export async function startProxy(origin) {
  const { hostname, port } = new URL(origin);
  /** @type {Set<Socket>} */ const sockets = new Set();
  const server = createServer(client => {
    const upstream = connect(Number(port), hostname);
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => {
        sockets.delete(socket);
        other.destroy();
      }).pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${/** @type {AddressInfo} */ (server.address()).port}`,
    /** Cuts every connection. */
    cut() { for (const socket of sockets) socket.destroy(); },
    async stop() {
      this.cut();
      await once(server.close(), 'close');
    },
  };
}
