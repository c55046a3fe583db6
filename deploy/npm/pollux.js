#!/usr/bin/env node
// Starts the program, which is in the package for this platform. npm installs that one alone.
'use strict';
const { spawn } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');

const name = `@polluxhub/pollux-${process.platform}-${process.arch}`;
let folder;
try {
  folder = path.dirname(require.resolve(`${name}/package.json`));
} catch {
  console.error(`pollux: the package ${name} is not installed: either there is no Pollux for this platform, or optional dependencies were left out`);
  process.exit(1);
}
const program = path.join(folder, process.platform === 'win32' ? 'pollux.exe' : 'pollux');
const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });

// A second signal ends Pollux at once. A terminal sends SIGINT to all of its processes, so the program has it already.
const terminal = [0, 1, 2].some((fd) => require('node:tty').isatty(fd));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !terminal) child.kill(signal);
  });
}
// npx has a shell between itself and us, which takes SIGTERM for itself alone, and passes nothing on. That it has gone
// is all that we learn.
const parent = process.ppid;
if (process.env.npm_lifecycle_event === 'npx') {
  const watch = setInterval(() => {
    if (process.ppid !== parent) {
      clearInterval(watch);
      child.kill('SIGTERM');
    }
  }, 200);
}

child.on('error', (error) => {
  console.error(`pollux: ${error.message}`);
  process.exit(1);
});
child.on('exit', (status, signal) => process.exit(status ?? 128 + os.constants.signals[signal]));
