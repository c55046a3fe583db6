/**
 * The package for npm, in the examples with strict Vite and with Next: as their READMEs start them, and then from the tarball,
 * with the block of the README.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launch, open } from './browser.js';
import { Program, freePorts } from './program.js';
import { Clone, Project, block, pack } from './project.js';

/** @import { TestContext } from 'node:test' */
/** @import { Browser } from 'playwright-core' */

/** @type {string} */ let workshop;
/** @type {Program} */ let program;
/** @type {Browser} */ let browser;
let tarball = '';
/** @type {string[]} */ let files;

before(async () => {
  workshop = await mkdtemp(join(tmpdir(), 'pollux-package-'));
  ({ tarball, files } = await pack(workshop));
  program = await Program.build();
  await program.configure(['{name: default, push: true}']);
  await program.start();
  // The block has the port that the README says. The program of this test is at another one.
  browser = await launch({ args: ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP localhost:3001 ${new URL(program.origin).host}`] });
});
after(async () => {
  await browser.close();
  await program.remove();
  await rm(workshop, { recursive: true });
});

const BLOCK = "'use client';\n\nimport { usePollux } from 'pollux-client/react';";
/** Uses everything that has a type. */
const USES = `
import { EventStream } from 'pollux-client';
import { SseExample, usePollux } from 'pollux-client/react';
import { StreamSet } from 'pollux-client/streams';
import { TabStream } from 'pollux-client/tabs';
import type { Problem, State } from 'pollux-client/types';

interface Price { value: number; message: string }

export async function first(url: string, signal: AbortSignal): Promise<number | undefined> {
  const stream = new EventStream<Price>(url, { token: async () => 'secret', headers: { 'X-Key': 'k' }, signal });
  stream.addEventListener('value', ({ detail }) => { const n: number = detail.value.value; void n; });
  stream.addEventListener('problem', event => { const text: string = event.detail.message; void text; });
  // @ts-expect-error there is no such event
  stream.addEventListener('valeu', () => {});
  // @ts-expect-error a price has no such member
  stream.value?.cost;
  for await (const { value } of stream) return value;
  const age: number | null = stream.age();
  void age;
  new StreamSet(url).setStreams(['a', 'b']);
  return stream.value?.value;
}

export function usePrice(url: string | null): number {
  const { value } = usePollux<Price, number>(url, { select: price => price.value, initial: 0, token: () => 'secret' });
  const { value: whole } = usePollux<Price>(url);
  // @ts-expect-error a price has no such member
  whole?.cost;
  return value ?? 0;
}

export const Example = SseExample;

export function facts(stream: TabStream<Price>): [State, Problem | null, number | undefined] {
  return [stream.state, stream.error, stream.value?.value];
}
`;

/** Waits until a page shows documents that are published. @param {string} origin */
async function lives(origin) {
  const { page, complaints } = await open(browser);
  await page.goto(origin);
  for (const message of ['one', 'two']) {
    await program.publish('default', { value: 1, message });
    await page.waitForFunction(message => document.querySelector('p.live')?.textContent === message, message, { timeout: 60_000 });
  }
  await page.context().close();
  return complaints.filter(text => !text.startsWith('Failed to load resource')); // there is no icon
}

test('the tarball has the modules, their types, a licence, and nothing else', async () => {
  assert.ok(files.includes('pollux.js') && files.includes('types/pollux.d.ts') && files.includes('types/react.d.ts'));
  assert.ok(files.includes('LICENSE') && files.includes('README.md'));
  for (const file of files) assert.match(file, /^([a-z]+\.js|types\/[a-z]+\.d\.ts|LICENSE|README\.md|package\.json)$/);
});

/**
 * Copies an example, starts it by the command of its README, and waits until its page shows updates. Returns the project, for
 * which the package of the tarball is installed then.
 * @param {TestContext} context
 * @param {string} name of the example
 * @param {number} port of its page, as its files have it
 * @param {number} pollux the port of its Pollux
 */
async function start(context, name, port, pollux) {
  const clone = await Clone.create();
  const project = new Project(clone.example(name));
  context.after(async () => {
    await project.stop();
    await clone.remove();
  });
  const [free, freeOne] = await freePorts(2);
  await clone.move(name, { [port]: free, [pollux]: freeOne });
  const printed = await clone.start(name);
  const origin = `http://localhost:${free}`;
  while (!await fetch(origin).then(({ ok }) => ok, () => false)) {
    assert.doesNotMatch(printed.text, /\(ended with /);
    await setTimeout(200);
  }
  const { page, complaints } = await open(browser);
  await page.goto(origin);
  await page.waitForFunction(() => document.querySelectorAll('.sse-example[data-status=live] li strong').length >= 2, undefined, { timeout: 120_000 });
  assert.equal(await page.locator('.sse-example [role=status]').textContent(), 'Live');
  const newest = await page.locator('.sse-example strong').first().textContent();
  await page.waitForFunction(newest => document.querySelector('main > p')?.textContent?.includes(newest ?? ''), newest, { timeout: 60_000 });
  await page.context().close();
  assert.deepEqual(complaints.filter(text => !text.startsWith('Failed to load resource')), []);
  await clone.stop();
  await project.install(tarball);
  return project;
}

test('vite-react-ts: as its README starts it; then strict types, the build, and the block of the README as it is', async context => {
  const project = await start(context, 'vite-react-ts', 5173, 3000);
  await project.write({
    'src/Price.tsx': await block('README.md', BLOCK),
    'src/uses.ts': USES,
    'src/main.tsx': `
      import { StrictMode } from 'react';
      import { createRoot } from 'react-dom/client';
      import { Price } from './Price';
      createRoot(document.getElementById('root')!).render(<StrictMode><Price /></StrictMode>);`,
  });
  await project.run('tsc', '--noEmit');
  await project.run('vite', 'build');
  const [port] = await freePorts(1);
  const origin = `http://localhost:${port}`;
  await project.serve(origin, 'vite', 'preview', '--port', `${port}`, '--strictPort');
  assert.deepEqual(await lives(origin), []);
});

test('nextjs: as its README starts it; then types, the build, and the block of the README as it is', async context => {
  const project = await start(context, 'nextjs', 3000, 3001);
  await project.write({
    'app/page.tsx': "import { Price } from './Price';\nexport default function Page() {\n  return <Price />;\n}\n",
    'app/Price.tsx': await block('README.md', BLOCK),
    'app/uses.ts': USES,
  });
  await project.run('next', 'build');
  const [port] = await freePorts(1);
  const origin = `http://localhost:${port}`;
  await project.serve(origin, 'next', 'start', '--port', `${port}`);
  assert.deepEqual(await lives(origin), []);
});
