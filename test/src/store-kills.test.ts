/** A logit store whose writer is killed again and again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LogitStore } from '@mcld/logit-store/logit-store.js';
import { rowCodec } from '@mcld/logit-store/row-codec.js';
import { SegmentFolder } from '@mcld/logit-store/segment-folder.js';
import { createLogger } from '@mcld/platform/logging.js';
import { Rows } from '@mcld/platform/rows.js';
import { describe, expect, it } from 'vitest';
import { freshRow, STORE_ADDRESS } from './support/fresh-rows.js';
import { usePlace } from './support/place.js';

const KILLS = 50;
const CODES = 50;

const place = usePlace();

/** Lets a writer write for a while and kills it. @returns how many rows it said were synced */
async function writeAndKill(folder: string, milliseconds: number): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./support/store-child.js', import.meta.url)), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let synced = 0;
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
    const lines = text.split('\n');
    text = lines.pop() as string;
    if (lines.length > 0) synced = Number(lines.at(-1));
  });
  await once(child.stdout, 'data');
  await sleep(milliseconds);
  child.kill('SIGKILL');
  await once(child, 'close');
  return synced;
}

const codec = rowCodec('fp32', 101);

async function opened(folder: string): Promise<LogitStore> {
  const logger = createLogger('test', 'silent');
  const segments = new SegmentFolder(folder, undefined, 1 << 30, logger);
  return LogitStore.open(segments, STORE_ADDRESS, { codec, identity: () => 'parent', logger });
}

/** @returns how many rows are there, each held against a fresh computation, bit for bit */
function rightRows(store: LogitStore): number {
  const row = Rows.zeros(1, codec.width);
  let found = 0;
  for (let index = 0; index < STORE_ADDRESS.images; index++) {
    for (let code = 0; code < CODES; code++) {
      if (store.read(Uint32Array.of(index), Uint32Array.of(code), row)[0] !== 1) continue;
      found++;
      const fresh = freshRow(index, code);
      if (Buffer.compare(Buffer.from(row.bytes), Buffer.from(fresh.buffer)) !== 0) {
        throw new Error(`the row of image ${index}, view ${code} is not the one that was computed`);
      }
    }
  }
  return found;
}

describe('a store whose writer is killed', () => {
  it(`${KILLS} times opens every time, with every synced row and only right ones`, async () => {
    const folder = place.at('killed');
    let least = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const synced = await writeAndKill(folder, Math.random() * 60);
      const store = await opened(folder);
      const found = rightRows(store);
      expect(found).toBe(store.size);
      expect(found).toBeGreaterThanOrEqual(Math.max(least, synced));
      least = found;
    }
    expect(least).toBeGreaterThan(KILLS * 16);
  });

  it('and whose files lost their ends with the power still serves only right rows', async () => {
    const folder = place.at('torn');
    for (let tear = 0; tear < 10; tear++) {
      await writeAndKill(folder, 20);
      const segments = path.join(folder, STORE_ADDRESS.teacher, STORE_ADDRESS.data);
      // What was not yet on the disk is gone: from either file, at any byte.
      const [name] = (await readdir(segments)).filter((file) => file.endsWith(tear % 2 ? '.keys' : '.rows')).reverse();
      const file = path.join(segments, name!);
      const { size } = await stat(file);
      await truncate(file, Math.floor(Math.random() * size));
      const store = await opened(folder);
      expect(rightRows(store)).toBe(store.size);
    }
  });
});
