import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { projectRoot } from './data.js';

const hooks = `
import { appendFileSync } from 'node:fs';
let list;
export const initialize = (file) => { list = file; };
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  appendFileSync(list, found.url + '\\n');
  return found;
}`;

/** ES modules are noted as they are resolved; what CommonJS loaded, addons too, lies in its cache at the end. */
const noting = (list: string): string => `
import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
const list = ${JSON.stringify(list)};
register(${JSON.stringify(dataUrl(hooks))}, { data: list });
const { cache } = createRequire(${JSON.stringify(pathToFileURL(projectRoot).href)});
process.on('exit', () => {
  for (const file of Object.keys(cache)) appendFileSync(list, pathToFileURL(file).href + '\\n');
});`;

export interface LoadedModules {
  /** Names of packages from elsewhere, sorted. */
  readonly packages: readonly string[];
  /** This project's files, as in `packages/recipe/dist/schema.js`, sorted. */
  readonly own: readonly string[];
}

/** What a Node process loads that is started with these arguments in packages/cli, and ends well. */
export async function loadedBy(...args: readonly string[]): Promise<LoadedModules> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mcld-loaded-'));
  try {
    const list = path.join(folder, 'urls');
    const cwd = path.join(projectRoot, 'packages/cli');
    await promisify(execFile)(process.execPath, ['--import', dataUrl(noting(list)), ...args], { cwd });
    const urls = (await readFile(list, 'utf8')).split('\n').filter((url) => url.startsWith('file:'));
    const root = `${pathToFileURL(projectRoot).href.replace(/\/$/, '')}/`;
    const files = urls.map((url) => url.slice(root.length));
    const packages = files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
    return { packages: unique(packages), own: unique(files.filter((file) => !file.includes('node_modules/'))) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a process loads that imports a module and ends. */
export const loadedByImport = (module: string): Promise<LoadedModules> =>
  loadedBy('--input-type=module', '--eval', `await import(${JSON.stringify(module)})`);

function dataUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

const unique = (names: readonly string[]): string[] => [...new Set(names)].sort();
