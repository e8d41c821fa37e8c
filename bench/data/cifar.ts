/** CIFAR crop and flip: batches of this loader beside torchvision's transforms and DataLoader. */

import { ViewRenderer } from '@mcld/data-loader/view-renderer.js';
import { datasetFacts } from '@mcld/datasets/facts.js';
import { openCifar100 } from '@mcld/datasets/readers/cifar.js';
import { FingerprintMemory } from '@mcld/datasets/readers/fingerprint.js';
import { noAugmentation } from '@mcld/datasets/views/augmentation.js';
import { BatchSequence } from '@mcld/datasets/views/batch-sequence.js';
import { median } from '../support/figures.js';
import { peerRate } from './peer.js';

const ROUNDS = 3;
const BATCH = 64;
const SECONDS = 4;

const rivals = [
  ['v1', '0'],
  ['v1', '1'],
  ['v1', '2'],
  ['v2', '0'],
  ['v2', '1'],
  ['v2', '2'],
] as const;

/** @returns ours over the best rival, median of rounds */
export async function cifarBench(root: string): Promise<number> {
  const memory = new FingerprintMemory(undefined);
  const data = await openCifar100({ root, split: 'train', skipDamaged: false, memory });
  const augmentation = { ...noAugmentation, cropPadding: 4, horizontalFlip: true };
  const sequence = new BatchSequence({ count: data.count, batchSize: BATCH, augmentation, shuffle: true, seed: 1 });
  const size = { height: 32, width: 32 };
  const opened = {
    facts: datasetFacts['cifar-100'],
    data,
    framing: { size: 0, resize: 0 },
    size,
    decoded: async () => undefined,
  };
  const renderer = new ViewRenderer(1 << 28);

  async function ours(): Promise<number> {
    let images = 0;
    const begin = performance.now();
    for (const cursor of sequence.cursors({ epoch: 0, step: 0 }, 100_000)) {
      const views = sequence.views(cursor);
      await renderer.render(opened, augmentation, 1, views);
      images += views.index.length;
      if (performance.now() - begin > SECONDS * 1000) break;
    }
    return images / ((performance.now() - begin) / 1000);
  }

  const ratios: number[] = [];
  console.log('\nCIFAR crop and flip, batches of 64, images/s (here: one thread; torchvision: transforms, workers)');
  console.log(`round${rivals.map((rival) => rival.join(' w').padStart(9)).join('')}       here   ratio to the best`);
  for (let round = 1; round <= ROUNDS; round++) {
    const rates = rivals.map(([version, workers]) => peerRate('cifar', root, workers, version));
    const rate = await ours();
    ratios.push(rate / Math.max(...rates));
    const cells = rates.map((value) => value.toFixed(0).padStart(9)).join('');
    console.log(
      `${String(round).padStart(5)}${cells}${rate.toFixed(0).padStart(11)}${(ratios.at(-1) as number).toFixed(1).padStart(12)}`,
    );
  }
  return median(ratios);
}
