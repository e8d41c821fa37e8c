import { parseRecipe } from '@mcld/recipe/parse.js';
import { describe, expect, it } from 'vitest';
import { withRoots } from './recipe-roots.js';

describe('withRoots', () => {
  it('makes every relative root absolute, and leaves addresses', () => {
    const recipe = parseRecipe({
      name: 'roots',
      dataset: { name: 'cifar-100', root: 'data/cifar' },
      model: 'resnet8',
      evaluation: {
        transfer: [
          { name: 'stl-10', root: '/srv/stl' },
          { name: 'webdataset', root: 's3://bucket/shards' },
          { name: 'tiny-imagenet', root: '../tiny' },
        ],
      },
    });
    const { dataset, evaluation } = withRoots(recipe, '/home/a/work');
    expect([dataset, ...evaluation.transfer].map(({ root }) => root)).toEqual([
      '/home/a/work/data/cifar',
      '/srv/stl',
      's3://bucket/shards',
      '/home/a/tiny',
    ]);
  });
});
