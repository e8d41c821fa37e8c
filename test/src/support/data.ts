import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
const samples = path.join(projectRoot, 'samples');

const RECORD = 3074;

/** A folder of its own, and what removes it. */
export async function scratch(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mcld-test-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A few real images of the CIFAR-100 sample, in its own format. */
export async function smallCifar(folder: string, train: number, test: number): Promise<string> {
  const from = path.join(samples, 'cifar-100-binary');
  const to = path.join(folder, 'cifar');
  await cp(from, to, { recursive: true });
  for (const [name, count] of [
    ['train.bin', train],
    ['test.bin', test],
  ] as const) {
    const data = await readFile(path.join(from, name));
    await writeFile(path.join(to, name), data.subarray(0, count * RECORD));
  }
  return to;
}
