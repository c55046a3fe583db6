/** What stands between a page and the program, as a proxy or a network does, and its faults. */

import { request as ask } from 'node:http';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */

/**
 * What happens to a request: it is passed on; it is answered with this status and a page of HTML, as a proxy does; or it is
 * never answered, as if the cable were out.
 * @typedef {'pass' | 'dead' | number} Fault
 */

/** Between passes the requests of a TestServer on to a program, whose bytes it does not change. */
export class Between {
  /** @type {Set<ServerResponse>} */ #open = new Set();
  /** @type {Set<ServerResponse>} */ #dead = new Set();
  /** What happens to the requests that come. @type {Fault} */
  fault = 'pass';

  /** @param {() => string} origin of the program */
  constructor(origin) {
    this.origin = origin;
  }

  /** Cuts every connection. */
  cut() { for (const response of this.#open) response.destroy(); }

  /** Lets nothing come through any more, neither on new connections nor on those that are open, and says so to nobody. */
  die() {
    this.fault = 'dead';
    for (const response of this.#open) this.#dead.add(response);
  }

  /** Answers as `TestServer.answer`. @type {(response: ServerResponse, request: IncomingMessage) => void} */
  answer = (response, { url, headers }) => {
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
    if (this.fault === 'dead') return;
    if (this.fault !== 'pass') {
      response.writeHead(this.fault, { 'Content-Type': 'text/html' }).end(`<h1>${this.fault}</h1>`);
      return;
    }
    const upstream = ask(new URL(url ?? '/', this.origin()), { headers, agent: false }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('data', part => { if (!this.#dead.has(response)) response.write(part); });
      answer.on('end', () => { if (!this.#dead.has(response)) response.end(); });
      answer.on('error', () => { if (!this.#dead.has(response)) response.destroy(); });
    });
    upstream.on('error', () => response.destroy());
    upstream.end();
    response.on('close', () => upstream.destroy());
  };
}
