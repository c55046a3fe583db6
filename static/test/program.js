/**
 * The program itself, built from this source, for tests with the real server. It is the file that the environment variable
 * TEST_PROGRAM names, or is built for each test file.
 */

import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** @import { ChildProcess } from 'node:child_process' */

const TOKEN = 'sesame';
const SECRET = 'a secret of at least 32 bytes, for tests';

/** The lines of a configuration that let streams be read with a token, which `signed` makes. */
export const GUARDED = [`tokens: {secret: "${SECRET}", issuer: tests, audience: pollux}`];

/**
 * A JSON Web Token.
 * @param {string[]} subscribe what it allows
 * @param {number} [life] in seconds; more than said, and by less than a second
 */
export function signed(subscribe, life = 3600) {
  const exp = Math.floor(Date.now() / 1000) + 1 + life;
  const parts = [{ alg: 'HS256' }, { iss: 'tests', aud: 'pollux', subscribe, exp }]
    .map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${parts}.${createHmac('sha256', SECRET).update(parts).digest('base64url')}`;
}

/** Program is a Pollux on ports of 127.0.0.1, the same ones after `stop` and `start`. */
export class Program {
  /** @type {string} */ #file;
  /** @type {string} */ #folder;
  /** @type {number[]} */ #ports;
  /** @type {ChildProcess | undefined} */ #process;

  /**
   * @param {string} file to execute
   * @param {string} folder that belongs to the program
   * @param {number[]} ports for clients and for the administrator
   */
  constructor(file, folder, ports) {
    this.#file = file;
    this.#folder = folder;
    this.#ports = ports;
  }

  /** Builds the program if nobody has, without starting it. */
  static async build() {
    const folder = await mkdtemp(join(tmpdir(), 'pollux-static-test-'));
    const file = resolve(process.env.TEST_PROGRAM ?? join(folder, 'pollux'));
    const source = fileURLToPath(new URL('../..', import.meta.url));
    if (!process.env.TEST_PROGRAM) await promisify(execFile)('go', ['build', '-o', file, './cmd/pollux'], { cwd: source });
    return new Program(file, folder, await freePorts(2));
  }

  /** Another one of the same build, on other ports. */
  async another() {
    return new Program(this.#file, await mkdtemp(join(tmpdir(), 'pollux-static-test-')), await freePorts(2));
  }

  /** Where its files are. */
  get folder() { return this.#folder; }

  get origin() { return `http://127.0.0.1:${this.#ports[0]}`; }

  /**
   * @param {string[]} streams each of which is an entry of `streams` in the configuration, as JSON or YAML
   * @param {string[]} more other lines of it
   */
  async configure(streams, more = []) {
    await writeFile(join(this.#folder, 'pollux.yaml'), [
      `listen: 127.0.0.1:${this.#ports[0]}`, `admin_listen: 127.0.0.1:${this.#ports[1]}`,
      ...more, 'streams:', ...streams.map(stream => `  - ${stream}`), '',
    ].join('\n'));
  }

  async start() {
    let log = '';
    const child = this.#process = spawn(this.#file, ['--config', join(this.#folder, 'pollux.yaml')],
      { env: { POLLUX_PUBLISH_TOKEN: TOKEN }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const output of [child.stdout, child.stderr]) output.on('data', text => { log += text; });
    for (;;) {
      if (child.exitCode !== null) throw new Error(`pollux has ended: ${log}`);
      if (await fetch(`${this.origin}/livez`).then(({ ok }) => ok, () => false)) return;
      await setTimeout(20);
    }
  }

  /** Kills the program, which cuts every connection. */
  async stop() {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Stops the program, and removes its files. */
  async remove() {
    await this.stop();
    await rm(this.#folder, { recursive: true });
  }

  /**
   * @param {string} stream
   * @param {any} document
   * @returns {Promise<string>} the event's id
   */
  async publish(stream, document) {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const url = `${this.origin}/api/streams/${stream}/events`;
    return (await answer(url, { method: 'POST', headers, body: JSON.stringify(document) })).id;
  }

  /** Reloads the configuration. */
  reload() {
    return answer(`http://127.0.0.1:${this.#ports[1]}/-/reload`, { method: 'POST' });
  }
}

/**
 * @param {string} url
 * @param {RequestInit} init
 * @returns {Promise<any>}
 */
async function answer(url, init) {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** The first port that `freePorts` gives out, and how many there are. Browsers refuse port 10080. */
const [FIRST, PORTS] = [11_000, 19_000];
/** The number of the next port. Tests that run at the same time begin apart. */
let next = process.pid * 64;

/**
 * Ports at which nobody listens. No system gives them to who asks for any port, so they stay free until the test listens
 * there, and while what listens is restarted.
 * @param {number} n
 */
export async function freePorts(n) {
  /** @type {number[]} */ const ports = [];
  while (ports.length < n) {
    const port = FIRST + next++ % PORTS;
    const server = createServer();
    const free = await new Promise(resolve => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await once(server.close(), 'close');
    ports.push(port);
  }
  return ports;
}
