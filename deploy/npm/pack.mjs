// Writes the packages for npm: one for each platform, with the program, and one that depends on all of them optionally,
// so that npm installs the one that fits.
//
//     node deploy/npm/pack.mjs dist/artifacts.json 1.2.3 dist/npm
//
// The first argument is what goreleaser says of the programs that it has built: {type, goos, goarch, path}, by which
// paths begin at the working directory. Each package is a directory of the last argument, to be published by npm
// publish, the one named pollux last.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [artifacts, version, out] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version ?? '') || !out) {
  console.error('usage: node pack.mjs ARTIFACTS VERSION DIRECTORY');
  process.exit(2);
}
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const systems = { linux: 'linux', darwin: 'darwin', windows: 'win32' };
const processors = { amd64: 'x64', arm64: 'arm64' };
const common = {
  version,
  license: 'Apache-2.0',
  homepage: 'https://github.com/polluxhub/pollux',
  repository: { type: 'git', url: 'git+https://github.com/polluxhub/pollux.git' },
  publishConfig: { access: 'public' },
};

function write(name, description, fields, files) {
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  for (const [target, source, mode] of files) {
    copyFileSync(source, join(folder, target));
    chmodSync(join(folder, target), mode);
  }
  const about = { name: `@polluxhub/${name}`, description, ...common, ...fields };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(about, null, 2) + '\n');
}

const optionalDependencies = {};
for (const { type, goos, goarch, path } of JSON.parse(readFileSync(artifacts, 'utf8'))) {
  if (type !== 'Binary') continue;
  const [system, processor] = [systems[goos], processors[goarch]];
  if (!system || !processor) throw new Error(`npm has no words for ${goos} on ${goarch}`);
  const name = `pollux-${system}-${processor}`;
  if (optionalDependencies[`@polluxhub/${name}`]) throw new Error(`two programs for ${name}`);
  optionalDependencies[`@polluxhub/${name}`] = version;
  write(name, `The program of @polluxhub/pollux for ${system} on ${processor}`, { os: [system], cpu: [processor], preferUnplugged: true }, [
    [goos === 'windows' ? 'pollux.exe' : 'pollux', path, 0o755],
    ['LICENSE', here('../../LICENSE'), 0o644],
  ]);
}
if (Object.keys(optionalDependencies).length === 0) throw new Error(`no programs in ${artifacts}`);
write('pollux', 'Polls an API and streams each change to all clients, as Server-Sent Events', {
  bin: { pollux: 'pollux.js' },
  engines: { node: '>=18' },
  optionalDependencies,
}, [
  ['pollux.js', here('pollux.js'), 0o755],
  ['README.md', here('README.md'), 0o644],
  ['LICENSE', here('../../LICENSE'), 0o644],
]);
