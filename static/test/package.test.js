/** The package for npm: its tarball in a strict Vite project and in a Next project, with the block of the README. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open } from './browser.js';
import { Program, freePorts } from './program.js';
import { Project, pack, readmeBlock } from './project.js';

/** @import { Browser } from 'playwright-core' */

/** @type {Project} */ let workshop;
/** @type {Program} */ let program;
/** @type {Browser} */ let browser;
let tarball = '';
/** @type {string[]} */ let files;

before(async () => {
  workshop = await Project.create();
  ({ tarball, files } = await pack(workshop.folder));
  program = await Program.build();
  await program.configure(['{name: default, push: true}']);
  await program.start();
  // The block has the port that the README says. The program of this test is at another one.
  browser = await launch({ args: ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP localhost:3001 ${new URL(program.origin).host}`] });
});
after(async () => {
  await browser.close();
  await program.remove();
  await workshop.remove();
});

const BLOCK = "'use client';\n\nimport { usePollux } from 'pollux-client/react';";
const REACT = { react: '^19', 'react-dom': '^19' };
const TYPES = { '@types/react': '^19', '@types/react-dom': '^19', '@types/node': '^20', typescript: '^5' };

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

test('a strict Vite project in TypeScript: types, build, and the block of the README as it is', async context => {
  const project = await Project.create();
  context.after(() => project.remove());
  await project.write({
    'package.json': JSON.stringify({
      private: true, type: 'module',
      dependencies: { ...REACT, 'pollux-client': `file:${tarball}` }, devDependencies: { ...TYPES, vite: '^7', '@vitejs/plugin-react': '^5' },
    }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        target: 'ES2022', lib: ['ES2022', 'DOM', 'DOM.Iterable'], module: 'ESNext', moduleResolution: 'bundler', jsx: 'react-jsx',
        noEmit: true, strict: true, noUnusedLocals: false, exactOptionalPropertyTypes: false, noUncheckedIndexedAccess: true,
        isolatedModules: true, verbatimModuleSyntax: true, skipLibCheck: false, types: ['vite/client'],
      },
      include: ['src'],
    }),
    'vite.config.js': "import react from '@vitejs/plugin-react';\nexport default { plugins: [react()] };\n",
    'index.html': '<!doctype html><title>App</title><div id="root"></div><script type="module" src="/src/main.tsx"></script>',
    'src/Price.tsx': await readmeBlock(BLOCK),
    'src/uses.ts': USES,
    'src/main.tsx': `
      import { StrictMode } from 'react';
      import { createRoot } from 'react-dom/client';
      import { Price } from './Price';
      createRoot(document.getElementById('root')!).render(<StrictMode><Price /></StrictMode>);`,
  });
  await project.install();
  await project.run('tsc', '--noEmit');
  await project.run('vite', 'build');
  const [port] = await freePorts(1);
  const origin = `http://localhost:${port}`;
  await project.serve(origin, 'vite', 'preview', '--port', `${port}`, '--strictPort');
  assert.deepEqual(await lives(origin), []);
});

test('a Next project: types, build, and the block of the README as it is', async context => {
  const project = await Project.create();
  context.after(() => project.remove());
  await project.write({
    'package.json': JSON.stringify({
      private: true, dependencies: { ...REACT, next: '^16', 'pollux-client': `file:${tarball}` }, devDependencies: TYPES,
    }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        target: 'ES2022', lib: ['dom', 'dom.iterable', 'esnext'], allowJs: true, skipLibCheck: true, strict: true, noEmit: true,
        module: 'esnext', moduleResolution: 'bundler', resolveJsonModule: true, isolatedModules: true, jsx: 'react-jsx', incremental: true,
        plugins: [{ name: 'next' }],
      },
      include: ['next-env.d.ts', '**/*.ts', '**/*.tsx', '.next/types/**/*.ts'],
      exclude: ['node_modules'],
    }),
    'app/layout.tsx': 'export default function Layout({ children }: { children: React.ReactNode }) {\n  return <html lang="en"><body>{children}</body></html>;\n}\n',
    'app/page.tsx': "import { Price } from './Price';\nexport default function Page() {\n  return <Price />;\n}\n",
    'app/Price.tsx': await readmeBlock(BLOCK),
    'app/uses.ts': USES,
  });
  await project.install();
  await project.run('next', 'build');
  const [port] = await freePorts(1);
  const origin = `http://localhost:${port}`;
  await project.serve(origin, 'next', 'start', '--port', `${port}`);
  assert.deepEqual(await lives(origin), []);
});
