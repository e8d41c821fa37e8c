/** Stores rows in a folder without end, until it is killed; says after each sync how many it has. */
import { LogitStore } from '@mcld/logit-store/logit-store.js';
import { rowCodec } from '@mcld/logit-store/row-codec.js';
import { SegmentFolder } from '@mcld/logit-store/segment-folder.js';
import { createLogger } from '@mcld/platform/logging.js';
import { Rows } from '@mcld/platform/rows.js';
import { freshRow, STORE_ADDRESS } from './fresh-rows.js';

const [, , folder = '', precision = 'fp32'] = process.argv;
const logger = createLogger('store-child', 'silent');
const codec = rowCodec(precision, freshRow(0, 0).length);
const segments = new SegmentFolder(folder, undefined, 1 << 30, logger);
const store = await LogitStore.open(segments, STORE_ADDRESS, { codec, identity: () => 'child', logger });

const BATCH = 16;
const CODES = 50;

for (let first = 0; ; first += BATCH) {
  const views = Array.from({ length: BATCH }, (_, i) => first + i)
    .map((n) => ({ index: Math.floor(n / CODES), code: n % CODES }))
    .filter(({ index, code }) => index < STORE_ADDRESS.images && !store.has(index, code));
  if (first > STORE_ADDRESS.images * CODES) break;
  if (views.length === 0) continue;
  const rows = Rows.zeros(views.length, codec.width);
  for (const [i, { index, code }] of views.entries()) rows.set(i, freshRow(index, code));
  const [index, code] = [Uint32Array.from(views, (v) => v.index), Uint32Array.from(views, (v) => v.code)];
  if (!store.put(index, code, rows)) throw new Error('the store took no more');
  await store.save();
  process.stdout.write(`${store.size}\n`);
}
