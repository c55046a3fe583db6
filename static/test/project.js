/** Projects of users, which get the package from its tarball and everything else from npm. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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
 * The block of the README that begins with a line.
 * @param {string} first
 */
export async function readmeBlock(first) {
  const readme = await readFile(join(SOURCE, 'README.md'), 'utf8');
  const block = readme.split('```').find(text => text.slice(text.indexOf('\n') + 1).startsWith(first));
  if (!block) throw new Error(`README.md has no block that begins with ${first}`);
  return block.slice(block.indexOf('\n') + 1);
}

/** Project is a folder with a package.json. */
export class Project {
  /** @type {Set<ChildProcess>} */ #servers = new Set();

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  static async create() {
    return new Project(await mkdtemp(join(tmpdir(), 'pollux-project-')));
  }

  /** @param {Record<string, string>} files texts by their paths */
  async write(files) {
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  /** Installs what package.json says. */
  install() { return run(this.folder, 'npm', ['install', ...NPM]); }

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

  /** Ends the servers, with the processes that they have started, and removes the folder. */
  async remove() {
    for (const child of this.#servers) {
      if (child.exitCode !== null || child.pid === undefined) continue;
      const exit = once(child, 'exit');
      process.kill(-child.pid, 'SIGKILL');
      await exit;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
