import { loadBackend } from '@mcld/tensor/backend.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { fitProbe } from './linear-probe.js';

beforeAll(() => loadBackend('cpu'));

/** Eight images of two classes, told apart by their only feature. */
const labels = Int32Array.from({ length: 8 }, (_, i) => i % 2);
const features = Float32Array.from(labels, (label) => (label === 0 ? -1 : 1));
const settings = { classes: 2, batchSize: 4, epochs: 3, lr: 0.05, seed: 1 };

describe('a linear probe', () => {
  it('tells apart what can be', () => {
    expect(fitProbe({ features, labels }, { features, labels }, settings)).toEqual({
      top1: 1,
      trainTop1: 1,
      nonFinite: 0,
    });
  });

  it('that diverges has guessed nothing right, also of the class that comes first', () => {
    const damaged = features.with(3, Number.NaN);
    expect(fitProbe({ features: damaged, labels }, { features, labels }, settings)).toEqual({
      top1: 0,
      trainTop1: 0,
      nonFinite: 8,
    });
  });

  it('counts test images without finite features as wrong', () => {
    const damaged = features.with(0, Number.POSITIVE_INFINITY).with(2, Number.NaN);
    expect(fitProbe({ features, labels }, { features: damaged, labels }, settings)).toEqual({
      top1: 0.75,
      trainTop1: 1,
      nonFinite: 2,
    });
  });
});
