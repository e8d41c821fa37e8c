/**
 * `npm run bench:store`: the logit store. Opening 10 million rows, and reading rows of 100 classes from memory-mapped
 * segments, in the order in which training asks (random images of an epoch's views). Needs 5 GB of disk for a minute.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { LogitStore } from '@mcld/logit-store/logit-store.js';
import { rowCodec } from '@mcld/logit-store/row-codec.js';
import { SegmentFolder } from '@mcld/logit-store/segment-folder.js';
import { createLogger } from '@mcld/platform/logging.js';
import { Rows } from '@mcld/platform/rows.js';
import { permutation } from '@mcld/random/draws.js';
import { median, verdict } from './support/figures.js';

const ROWS = 10_000_000;
const IMAGES = 100_000;
const CODES = ROWS / IMAGES;
const CLASSES = 100;
const BATCH = 64;
const ROUNDS = 5;

const folder = mkdtempSync(path.join(tmpdir(), 'mcld-store-'));
const logger = createLogger('bench', 'warn');
const address = { teacher: 'a'.repeat(64), data: 'b'.repeat(64), images: IMAGES };
const codec = rowCodec('fp32', CLASSES);
const segments = new SegmentFolder(folder, undefined, 1e11, logger);
const open = () => LogitStore.open(segments, address, { codec, identity: () => 'bench', logger });

async function fill(): Promise<number> {
  const store = await open();
  const rows = Rows.zeros(BATCH, CLASSES);
  const [index, code] = [new Uint32Array(BATCH), new Uint32Array(BATCH)];
  const begin = performance.now();
  for (let row = 0; row < ROWS; row += BATCH) {
    for (let i = 0; i < BATCH; i++) {
      index[i] = (row + i) % IMAGES;
      code[i] = Math.floor((row + i) / IMAGES) % CODES;
      rows.row(i).fill(row + i);
    }
    if (!store.put(index, code, rows)) throw new Error('the store took no more');
  }
  await store.close();
  return ROWS / ((performance.now() - begin) / 1000);
}

/** Reads each image once, in an epoch's order, each in some view. */
function readEpoch(store: LogitStore, epoch: number): number {
  const order = permutation(IMAGES, 1, epoch);
  const out = Rows.zeros(BATCH, CLASSES);
  let wrong = 0;
  const begin = performance.now();
  const [index, code] = [new Uint32Array(BATCH), new Uint32Array(BATCH)];
  for (let from = 0; from + BATCH <= IMAGES; from += BATCH) {
    for (let i = 0; i < BATCH; i++) {
      index[i] = order[from + i] as number;
      code[i] = ((index[i] as number) * 31 + epoch) % CODES;
    }
    const there = store.read(index, code, out);
    for (let i = 0; i < BATCH; i++) {
      const right = Math.fround((code[i] as number) * IMAGES + (index[i] as number));
      if (there[i] !== 1 || out.values[i * CLASSES] !== right) wrong++;
    }
  }
  const rate = IMAGES / ((performance.now() - begin) / 1000);
  if (wrong > 0) throw new Error(`${wrong} rows are not the ones that were stored`);
  return rate;
}

console.log(`${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}; rows of ${CLASSES} classes, fp32`);
console.log(`storing: ${((await fill()) / 1e6).toFixed(2)} million rows/s`);
const opens: number[] = [];
const reads: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const begin = performance.now();
  const store = await open();
  opens.push(performance.now() - begin);
  if (store.size !== ROWS) throw new Error(`${store.size} rows`);
  // The first epochs touch the pages; later ones are what a run sees.
  const rates = Array.from({ length: 20 }, (_, epoch) => readEpoch(store, epoch + round * 20));
  reads.push(median(rates));
  console.log(
    `round ${round + 1}: opened in ${(opens.at(-1) as number).toFixed(0)} ms; ${(median(rates) / 1e6).toFixed(2)} million rows/s (first epoch ${((rates[0] as number) / 1e6).toFixed(2)})`,
  );
  await store.close();
}
rmSync(folder, { recursive: true });
verdict('million rows/s', median(reads) / 1e6, '≥', 2);
verdict('seconds to open 10 million rows', median(opens) / 1000, '≤', 1);
