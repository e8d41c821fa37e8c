/** This project's own Python with PyTorch, for comparisons with it; made once by pip. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fillFolder } from './cache-folder.mjs';
import { withLock } from './lock.mjs';
import { cacheDir, root } from './platform.mjs';

const requirements = path.join(root, 'test/python/requirements.txt');

/** @returns the interpreter; MCLD_PYTHON names another one, which then must have the packages */
export async function pythonWithTorch() {
  if (process.env.MCLD_PYTHON) return process.env.MCLD_PYTHON;
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = path.join(cacheDir, `python-${digest}`);
  const say = (text) => process.stderr.write(`${text}\n`);
  const stdio = ['ignore', 'ignore', 'inherit'];
  const fill = (part) => {
    say('installing PyTorch into an environment of its own (some gigabytes, once)');
    execFileSync('python3', ['-m', 'venv', part], { stdio });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-cache-dir'];
    execFileSync(path.join(part, 'bin/python'), [...pip, '-r', requirements], { stdio });
  };
  await withLock('python.lock', say, () => fillFolder(folder, fill), cacheDir);
  return path.join(folder, 'bin/python');
}
