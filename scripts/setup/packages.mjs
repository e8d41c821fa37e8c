// npm packages by the lock file, without running any package's install script.
import path from 'node:path';
import { root, run, setupDir } from './platform.mjs';
import { contentDigest, filesUnder, isCurrent, writeStamp } from './stamp.mjs';

export function installPackages(say) {
  const manifests = ['packages', 'services'].flatMap((folder) =>
    filesUnder(path.join(root, folder), (name) => name === 'package.json'),
  );
  const inputs = ['package.json', 'package-lock.json'].map((name) => path.join(root, name));
  const digest = contentDigest([...inputs, ...manifests]);
  const stamp = path.join(setupDir, 'packages');
  if (isCurrent(stamp, digest)) return;
  say('installing npm packages');
  // Not `npm ci`: it refuses a lock file without the optional binaries of other platforms, which a
  // registry mirror need not carry. `install` takes the same locked versions and integrity.
  run('npm', ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  writeStamp(stamp, digest);
}
