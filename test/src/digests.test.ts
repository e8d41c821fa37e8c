import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cases } from './support/digest-cases.js';
import { usePlace } from './support/place.js';

const child = fileURLToPath(new URL('./support/digest-child.js', import.meta.url));
const place = usePlace();

const digests = (...args: string[]) =>
  execFileSync(process.execPath, [child, ...args])
    .toString()
    .trim()
    .split('\n');

/** Resolves when the process says so. */
async function ready(running: ChildProcess): Promise<void> {
  for await (const piece of running.stdout ?? []) if (String(piece).includes('ready')) return;
  throw new Error('the process ended before it was killed');
}

describe('training', () => {
  it('ends with the same bytes in three processes, one of them resumed after a kill', async () => {
    const straight = digests('straight');
    expect(straight.map((line) => line.split(' ')[0])).toEqual(Object.keys(cases));
    expect(new Set(straight.map((line) => line.split(' ')[1])).size).toBe(straight.length);
    expect(digests('straight')).toEqual(straight);
    const broken = spawn(process.execPath, [child, 'break', place.folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    await ready(broken);
    broken.kill('SIGKILL');
    await once(broken, 'exit');
    expect(digests('resume', place.folder)).toEqual(straight);
  }, 300_000);
});
