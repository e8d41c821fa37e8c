import { describe, expect, it } from 'vitest';
import { passedOverText, Tally } from './passed-over.js';
import { shardsOf } from './shard-names.js';

/** The shards of the splits, and what is told of others. */
function splitsOf(...names: string[]): (readonly string[] | string)[] {
  return (['train', 'test', 'unlabeled'] as const).flatMap((split) => {
    const passedOver = new Tally();
    return [shardsOf(names, split, passedOver).plain, passedOverText(passedOver.list())];
  });
}

describe('the split of a shard', () => {
  it.each([
    ['latest-train-0.tar', 'latest-val-0.tar'],
    ['retrieval-train-0.tar', 'retrieval_TEST-0.tar'],
    ['medieval-0.tar', 'medieval-validation-0.tar'],
    ['contest-0.tar', 'contest-valid.0.tar'],
    ['imagesTrain-0.tar', 'imagesVal-0.tar'],
    ['cifar10train.tar', 'cifar10test.tar'],
    ['trainset-0.TAR', 'testset-0.TAR'],
    ['terrain-0.tar', 'terrain-eval-0.tar'],
    ['trainval-0.tar', 'test2017-0.tar'],
    ['test-train-0.tar', 'test-val-0.tar'],
    ['000.tar', 'val000.tar'],
  ])('is told by whole words: %s, %s', (train, test) => {
    const unlabeled = 'train-unlabeled-0.tar';
    expect(splitsOf(train, test, unlabeled)).toEqual([[train], '', [test], '', [unlabeled], '']);
  });

  it('is none where others say train and it says nothing, which is told', () => {
    const told = "shards of no split, beside those named 'train': 3 (dev-0.tar, extra-0.tar.gz, latest.tar)";
    const found = splitsOf('train-0.tar', 'dev-0.tar', 'extra-0.tar.gz', 'latest.tar', 'val-0.tar');
    expect(found).toEqual([['train-0.tar'], told, ['val-0.tar'], told, [], told]);
  });

  it('is one of those to test on, of which the first is read and the others are told', () => {
    const told = "shards beside those named 'test', which are the test split: 2 (val-0.tar, validation-0.tar)";
    const found = splitsOf('train-0.tar', 'val-0.tar', 'test-0.tar', 'test-1.tar', 'validation-0.tar');
    expect(found).toEqual([['train-0.tar'], '', ['test-0.tar', 'test-1.tar'], told, [], '']);
  });

  it('is the first to test on that is not compressed', () => {
    const found = shardsOf(['train-0.tar', 'test-0.tar.gz', 'val-0.tar'], 'test', new Tally());
    expect(found).toEqual({ plain: ['val-0.tar'], compressed: ['test-0.tar.gz'] });
  });
});
