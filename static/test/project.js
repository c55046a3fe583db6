/** Projects of users, which get the package from its tarball and everything else from npm. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** @import { ChildProcess } from 'node:child_process' */

const SOURCE = fileURLToPath(new URL('../..', import.meta.url));
const NPM = ['--no-audit', '--no-fund', '--no-update-notifier', '--no-package-lock'];

/**
 * Runs a command to its end, and returns what it said.
 * @param {string} folder
 * @param {string} command
 * @param {string[]} args
 */
async function run(folder, command, args) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: folder, maxBuffer: 1 << 24, env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' } });
    return stdout;
  } catch (/** @type {any} */ error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.message}\n${error.stdout}\n${error.stderr}`);
  }
}

/**
 * Packs the client, from a copy because npm writes into the folder, and returns the tarball and its files.
 * @param {string} folder for the copy and the tarball
 * @returns {Promise<{tarball: string, files: string[]}>}
 */
export async function pack(folder) {
  const copy = join(folder, 'static');
  await cp(join(SOURCE, 'static/client'), join(copy, 'client'), { recursive: true });
  for (const name of ['tsconfig.json', 'tsconfig.types.json']) await cp(join(SOURCE, 'static', name), join(copy, name));
  await cp(join(SOURCE, 'LICENSE'), join(folder, 'LICENSE'));
  await symlink(join(SOURCE, 'static/node_modules'), join(copy, 'node_modules'));
  const [{ filename, files }] = JSON.parse(await run(join(copy, 'client'), 'npm', ['pack', '--json', '--pack-destination', folder]));
  return { tarball: join(folder, filename), files: files.map((/** @type {{path: string}} */ { path }) => path) };
}

/**
 * The block of a page that begins with a line.
 * @param {string} page such as README.md
 * @param {string} first
 */
export async function block(page, first) {
  const text = await readFile(join(SOURCE, page), 'utf8');
  const found = text.split('```').find(text => text.slice(text.indexOf('\n') + 1).startsWith(first));
  if (!found) throw new Error(`${page} has no block that begins with ${first}`);
  return found.slice(found.indexOf('\n') + 1);
}

/** Clone is the source as somebody gets it, with examples to start. */
export class Clone {
  /** @type {Set<ChildProcess>} */ #commands = new Set();

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /** Copies the source, without what was installed or built in it; the modules of the tests are linked. */
  static async create() {
    const clone = new Clone(await mkdtemp(join(tmpdir(), 'pollux-clone-')));
    const without = new Set(['.git', 'bin', 'dist', 'node_modules', '.next', 'bench', 'docs', 'test', 'testdata']);
    await cp(SOURCE, clone.folder, { recursive: true, filter: path => !without.has(basename(path)) });
    await symlink(join(SOURCE, 'static/node_modules'), join(clone.folder, 'static/node_modules'));
    return clone;
  }

  /** @param {string} name of the example */
  example(name) { return join(this.folder, 'examples', name); }

  /**
   * Gives an example other ports, since its own may be taken here.
   * @param {string} name of the example
   * @param {Record<string, number>} ports the new ones by those that its files have
   */
  async move(name, ports) {
    for (const entry of await readdir(this.example(name), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.parentPath.includes('node_modules')) continue;
      const file = join(entry.parentPath, entry.name);
      const text = await readFile(file, 'utf8');
      const moved = text.replace(/(localhost:|port:? )(\d{4})\b/g, (all, before, port) => (ports[port] ? `${before}${ports[port]}` : all));
      if (moved !== text) await writeFile(file, moved);
    }
  }

  /**
   * Runs the command in the README of an example as it stands, and returns what it prints as it comes. The command is
   * ended when the clone is removed.
   * @param {string} name of the example
   * @param {Record<string, string>} [env]
   */
  async start(name, env) {
    const blocks = [...(await readFile(join(this.example(name), 'README.md'), 'utf8')).matchAll(/```sh\n(.*?)\n```/gs)].map(([, text]) => text);
    if (blocks.length !== 1 || blocks[0].includes('\n')) throw new Error(`${name}/README.md has ${blocks.length} shell blocks, want one with one command`);
    const printed = { text: '' };
    // Whatever the folder of the clone, Go has built its packages already.
    const child = spawn('bash', ['-c', blocks[0]], { cwd: this.example(name), detached: true, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', GOFLAGS: '-trimpath', ...env } });
    this.#commands.add(child);
    for (const output of [child.stdout, child.stderr]) output.on('data', text => { printed.text += text; });
    child.on('exit', status => { printed.text += `\n(ended with ${status})`; });
    return printed;
  }

  /** Ends the commands, with the processes that they have started. */
  async stop() {
    for (const child of this.#commands) await end(child);
    this.#commands.clear();
  }

  async remove() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Project is a folder with a package.json. */
export class Project {
  /** @type {Set<ChildProcess>} */ #servers = new Set();

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /** @param {Record<string, string>} files texts by their paths */
  async write(files) {
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  /** @param {string} tarball a package that it gets, in place of one that it has */
  install(tarball) { return run(this.folder, 'npm', ['install', ...NPM, tarball]); }

  /**
   * @param {string} command of a package
   * @param {string[]} args
   */
  run(command, ...args) { return run(this.folder, join('node_modules/.bin', command), args); }

  /**
   * Starts a server, and waits until it answers.
   * @param {string} origin
   * @param {string} command of a package
   * @param {string[]} args
   */
  async serve(origin, command, ...args) {
    const child = spawn(join('node_modules/.bin', command), args,
      { cwd: this.folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' } });
    let log = '';
    for (const output of [child.stdout, child.stderr]) output.on('data', text => { log += text; });
    this.#servers.add(child);
    while (!await fetch(origin).then(({ ok }) => ok, () => false)) {
      if (child.exitCode !== null) throw new Error(`${command} has ended: ${log}`);
      await setTimeout(100);
    }
  }

  /** Ends the servers, with the processes that they have started. */
  async stop() { for (const child of this.#servers) await end(child); }
}

/**
 * Ends a process, and the processes of its group.
 * @param {ChildProcess} child
 */
async function end(child) {
  if (child.pid === undefined) return;
  const exit = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
  try {
    process.kill(-child.pid, 'SIGKILL'); // even if the first of them has ended
  } catch {
    // There is none left.
  }
  await exit;
}
