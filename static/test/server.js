/**
 * A server for the tests: the files with the Content-Security-Policy of Pollux, and streams that a test scripts.
 */

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

/** @import { IncomingMessage, Server, ServerResponse } from 'node:http' */
/** @import { AddressInfo, Socket } from 'node:net' */

export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const TYPES = /** @type {Record<string, string>} */ ({
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
});

/** @typedef {(response: ServerResponse, request: IncomingMessage, n: number) => void} Answer n counts requests from 0 */

/** TestServer listens on a free port of 127.0.0.1, and again on the same one after `stop` and `start`. */
export class TestServer {
  /** The Content-Security-Policy of pages; empty for none, as with most servers. */
  policy = POLICY;
  /** The answer of the stream. @type {Answer} */
  answer = response => response.writeHead(404).end();
  /** Requests for the stream. @type {{url: string, lastEventId?: string, authorization?: string, at: number}[]} */
  requests = [];
  /** Pages and scripts beside the files, by path. @type {Map<string, {type: string, body: string}>} */
  extra = new Map();
  /** The names of all streams, or what `/api/streams` has of them. @type {(string | {name: string, keys: {match: string}})[]} */
  names = ['default'];
  /** What `/api/streams` answers beside that. @type {any} */
  list = {};
  /** What `/api/streams?stream=` answers, if that is not the list. @type {(name: string) => {status: number, type?: string, body: string} | null} */
  about = () => null;
  /** Answers of other paths. @type {Map<string, (response: ServerResponse, request: IncomingMessage) => void>} */
  others = new Map();
  /** Streams that are open. @type {Set<ServerResponse>} */
  streams = new Set();
  /** @type {Server | undefined} */ #server;
  /** @type {Set<Socket>} */ #sockets = new Set();
  #port = 0;

  get origin() { return `http://127.0.0.1:${this.#port}`; }

  async start() {
    const server = this.#server = createServer((request, response) => void this.#serve(request, response));
    server.on('connection', socket => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', () => resolve(undefined));
    });
    this.#port = /** @type {AddressInfo} */ (server.address()).port;
    return this;
  }

  /** Stops like a killed process, which cuts every connection. */
  async stop() {
    const closed = new Promise(resolve => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** @param {string} text to send on every open stream */
  send(text) {
    for (const response of this.streams) response.write(text);
  }

  /** Ends every open stream cleanly. */
  end() {
    for (const response of this.streams) response.end();
  }

  /** Cuts every open stream. */
  cut() {
    for (const response of this.streams) response.destroy();
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  async #serve(request, response) {
    const url = request.url ?? '/';
    const path = url.split('?', 1)[0];
    if (path.startsWith('/api/sse')) {
      const lastEventId = /** @type {string | undefined} */ (request.headers['last-event-id']);
      const { authorization } = request.headers;
      this.requests.push({ url, lastEventId, authorization, at: performance.now() });
      return this.answer(response, request, this.requests.length - 1);
    }
    const other = this.others.get(path);
    if (other) return other(response, request);
    const asked = path === '/api/streams' && new URL(url, this.origin).searchParams.get('stream');
    const about = asked ? this.about(asked) : null;
    if (about) return void response.writeHead(about.status, { 'Content-Type': about.type ?? 'application/json' }).end(about.body);
    const list = { type: 'application/json', body: JSON.stringify({
      streams: this.names.map(stream => (typeof stream === 'string' ? { name: stream } : stream)), ...this.list,
    }) };
    const extra = path === '/api/streams' ? list : this.extra.get(path);
    const type = extra?.type ?? TYPES[extname(path === '/' ? '/index.html' : path)];
    try {
      const body = extra?.body ?? await readFile(new URL(`..${path === '/' ? '/index.html' : path}`, import.meta.url));
      if (this.policy) response.setHeader('Content-Security-Policy', this.policy);
      response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }

  /**
   * Answers with a stream and leaves it open.
   * @param {ServerResponse} response
   * @param {string} first frames to send at once
   */
  open(response, first = '') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache' });
    response.write(`: hello\n\n${first}`);
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
  }
}

/**
 * One event as Pollux writes it.
 * @param {string} id
 * @param {any} document
 */
export function event(id, document) {
  return `id: ${id}\ndata: ${JSON.stringify(document)}\n\n`;
}

/**
 * A heartbeat as Pollux writes it with `heartbeat=event`.
 * @param {{age?: number, retry?: number, id?: string, stream?: string}} [what] `age` of the stream's newest document in
 *   milliseconds, if it has one; `retry` at the start of a connection; `id` if the position has moved
 */
export function heartbeat({ age, retry, id, stream = 'default' } = {}) {
  const now = Date.now();
  const made = age === undefined ? {} : { [stream]: new Date(now - age).toISOString() };
  const data = { ...(retry === undefined ? {} : { retry }), now: new Date(now).toISOString(), made };
  return `event: hb\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/**
 * The start of a stream: a first heartbeat, the replayed frames, and a second heartbeat.
 * @param {number} age of the newest document in milliseconds
 * @param {string} replay
 */
export function greeting(age, replay) {
  return heartbeat({ age, retry: 3000 }) + replay + heartbeat({ age });
}

/**
 * A document or a delta, as Pollux writes it with `mode=patch` and `mode=merge`.
 * @param {string} id
 * @param {string} name snapshot, patch or merge; with several streams, a colon and the stream follow
 * @param {any} data
 */
export function delta(id, name, data) {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * The mock source's document.
 * @param {number} value
 */
export function mock(value) {
  return { timestamp: '2026-01-02T03:04:05.678Z', value, message: `Random update: ${value}` };
}
