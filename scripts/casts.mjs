#!/usr/bin/env node
// Counts type assertions (`x as T`, but not `as const`) in what ships: each is a claim that the compiler cannot check.
// `--most N` fails above N; `--list` names every place. Found by Biome in the syntax tree.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './setup/platform.mjs';

const { values } = parseArgs({ options: { most: { type: 'string' }, list: { type: 'boolean' } } });
const most = Number(values.most ?? Infinity);
const pattern = 'language js(typescript);\nTsAsExpression(ty=$type) where { $type <: not r"const" }';
const args = ['search', pattern, 'packages', 'services', '--max-diagnostics=none', '--reporter=json', '--colors=off'];
const { stdout, stderr } = spawnSync(path.join(root, 'node_modules/.bin/biome'), args, {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 28,
});
if (!stdout) throw new Error(`biome search found nothing to search: ${stderr}`);
const places = JSON.parse(stdout)
  .diagnostics.map(({ location }) => location)
  .filter(({ path: file }) => /\/src\//.test(file) && !/\.test\.ts$|\/test-support\.ts$|\/gen\//.test(file));
if (values.list) {
  for (const { path: file, start } of places) console.log(`${file}:${start.line}:${start.column}`);
}
const counts = new Map();
for (const { path: file } of places) {
  const name = file.split('/').slice(0, 2).join('/');
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
const isFine = places.length <= most;
for (const [name, count] of isFine && values.most ? [] : [...counts].sort(([, a], [, b]) => b - a)) {
  console.log(`${String(count).padStart(4)}  ${name}`);
}
console.log(`${String(places.length).padStart(4)}  type assertions${most < Infinity ? `, ${most} at most` : ''}`);
if (!isFine) {
  console.error('Too many: let the compiler know the type instead, or count with --list what could go.');
  process.exit(1);
}
