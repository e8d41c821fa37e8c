import type { Split } from './dataset.js';
import type { Tally } from './passed-over.js';

const PLAIN = /\.tar$/i;

/** Shards that would be read if they were unpacked. */
const COMPRESSED = /\.(tar\.(gz|bz2|xz|zst|lz4|lzma|z)|tgz|tbz2?|txz)$/i;

/** Words in the names of shards to test on, in the order in which they are tried. */
const TESTS: readonly string[] = ['test', 'val', 'validation', 'valid', 'eval', 'evaluation', 'testset', 'valset'];

export interface Shards {
  readonly plain: readonly string[];
  readonly compressed: readonly string[];
}

export const isShard = (name: string): boolean => PLAIN.test(name) || COMPRESSED.test(name);

/** The shards of a split in a folder. Those that belong to no split are counted. */
export function shardsOf(names: readonly string[], split: Split, passedOver: Tally): Shards {
  const isTrainSaid = names.some((name) => saidBy(name) === 'train');
  const said = new Set(names.filter((name) => PLAIN.test(name)).map(saidBy));
  const test = TESTS.find((word) => said.has(word));
  const plain: string[] = [];
  const compressed: string[] = [];
  for (const name of names) {
    const word = saidBy(name);
    if (word === undefined && isTrainSaid) passedOver.add("shards of no split, beside those named 'train'", name);
    else if (splitOf(word) !== split) continue;
    else if (!PLAIN.test(name)) compressed.push(name);
    else if (split !== 'test' || word === test) plain.push(name);
    else passedOver.add(`shards beside those named '${test}', which are the test split`, name);
  }
  return { plain, compressed };
}

/** A shard that says nothing is for training, where none says that it is. */
const splitOf = (word: string | undefined): string => (TESTS.includes(word ?? '') ? 'test' : (word ?? 'train'));

/**
 * What a shard's name says of its split: `train`, `unlabeled` or one of TESTS. Whole words count: `latest` and
 * `retrieval` test nothing. A word ends at a capital too: `imagesVal-0.tar`.
 */
function saidBy(name: string): string | undefined {
  if (/unlabell?ed/i.test(name)) return 'unlabeled';
  const spaced = name.replace(/([a-z])(?=[A-Z])/g, '$1 ');
  const words = spaced.toLowerCase().split(/[^a-z]+/);
  if (words.includes('train')) return 'train';
  return TESTS.find((word) => words.includes(word)) ?? (/train/i.test(name) ? 'train' : undefined);
}
