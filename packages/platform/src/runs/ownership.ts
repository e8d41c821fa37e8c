import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeWhole } from '../storage/atomic-file.js';

/** Thrown when another living process uses the same home folder. */
export class HomeInUseError extends Error {
  override readonly name = 'HomeInUseError';
}

/**
 * Makes this process the only one that works on a home folder. A holder that died leaves a lock that
 * is taken over.
 * @returns what gives the folder up again
 */
export async function ownHome(home: string): Promise<() => Promise<void>> {
  await mkdir(home, { recursive: true });
  const file = path.join(home, 'owner.pid');
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeWhole(file, Buffer.from(String(process.pid)), { ifAbsent: true });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(file, 'utf8').catch(() => '0'));
    if (isAlive(holder)) {
      throw new HomeInUseError(`${home} is in use by process ${holder}; use its endpoint, or another --home`);
    }
    await rm(file, { force: true });
  }
  throw new HomeInUseError(`${home} is being taken by other processes`);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
