// What this machine must have before anything can be set up.
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Locks and stamps of this clone; outside node_modules, which `npm ci` empties. */
export const setupDir = path.join(root, '.setup');

/** Per-user cache shared by every clone. */
export const cacheDir = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'mcld');

/** A set-up failure that the user can act on: shown as its message, without a stack trace. */
export class SetupError extends Error {}

export function assertPlatform() {
  const { platform, arch, versions } = process;
  const glibc = process.report?.getReport().header.glibcVersionRuntime;
  if (platform !== 'linux' || arch !== 'x64' || !glibc) {
    const found = `${platform} ${arch}${platform === 'linux' && !glibc ? ' without glibc' : ''}`;
    throw new SetupError(`this is ${found}; mcld's native TensorFlow needs Linux x64 with glibc (Debian, Ubuntu, …).`);
  }
  const [major, minor] = versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 6)) {
    throw new SetupError(`Node ${versions.node} is too old; mcld needs Node 20.6 or newer.`);
  }
}

const tools = [
  { name: 'python3', packages: ['python3'], found: () => succeeds('python3', ['--version']) },
  { name: 'pip', packages: ['python3-pip'], found: () => succeeds('python3', ['-m', 'pip', '--version']) },
  { name: 'make', packages: ['make'], found: () => succeeds('make', ['--version']) },
  { name: 'g++', packages: ['g++'], found: () => succeeds('g++', ['--version']) },
];

/** Only asked for when something has still to be fetched or compiled. */
export function assertTools() {
  const missing = tools.filter((tool) => !tool.found());
  if (missing.length === 0) return;
  throw new SetupError(
    `missing ${missing.map((t) => t.name).join(', ')}; on Debian or Ubuntu: ` +
      `apt-get install ${missing.flatMap((t) => t.packages).join(' ')}`,
  );
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Runs a command to its end; its output is shown only when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (result.status === 0) return result.stdout;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(0, 25);
  throw new SetupError(
    `'${[path.basename(command), ...args.slice(0, 3)].join(' ')}' failed ` +
      `(${result.error?.message ?? `exit ${result.status}`})\n${output.join('\n')}`,
  );
}
