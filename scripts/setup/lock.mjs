// One bootstrap at a time in a clone, and one filler at a time in the cache. The lock is a file
// that names its holder's process; a holder that no longer lives is overruled.
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setupDir } from './platform.mjs';

export async function withLock(name, say, action, folder = setupDir) {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, name);
  let told = false;
  while (!tryLock(file)) {
    if (!told) say(`waiting for another set-up that holds ${path.relative(process.cwd(), file)}`);
    told = true;
    await sleep(200);
  }
  try {
    return await action();
  } finally {
    rmSync(file, { force: true });
  }
}

// The file appears with its content (link of a written file), so that nobody reads it half made.
function tryLock(file) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    dropIfDead(file);
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function dropIfDead(file) {
  try {
    const holder = Number(readFileSync(file, 'utf8'));
    if (holder === process.pid) return;
    try {
      process.kill(holder, 0);
    } catch (error) {
      if (error.code === 'ESRCH') rmSync(file, { force: true });
    }
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}
