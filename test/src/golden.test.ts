/** Models and losses against PyTorch's float64: what is short of the files that `npm run golden` checks. */
import { distillerNames } from '@mcld/distillers/facts.js';
import { modelNames } from '@mcld/models/zoo/registry.js';
import { loadBackend } from '@mcld/tensor/backend.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { share } from './golden/comparison.js';
import { checkReference, ownReferences, referenceFiles } from './golden/files.js';

beforeAll(() => {
  loadBackend('cpu');
});

const files = referenceFiles(ownReferences);
const modelFile = (model: string) => `model.${model}.json`;

/** The networks of the literature on CIFAR: golden.py writes their references like any other's, 50 kB each. */
const writtenOnDemand = [
  ...['resnet8', 'resnet14', 'resnet20', 'resnet32', 'resnet44', 'resnet56', 'resnet110', 'resnet8x4', 'resnet32x4'],
  ...['ResNet18', 'ResNet50', 'wrn_16_1', 'wrn_16_2', 'wrn_40_1', 'wrn_40_2'],
  ...['vgg8', 'vgg11', 'vgg13', 'vgg16', 'vgg19', 'MobileNetV2', 'ShuffleV1', 'ShuffleV2'],
];

/** Some seconds each. */
const large = ['resnet34_imagenet', 'resnet50_imagenet', 'deit_tiny_patch16_224'].map(modelFile);

describe('values of PyTorch in float64', () => {
  it('stand in the project for every model but the CIFAR networks', () => {
    const covered = files.filter((file) => file.startsWith('model.'));
    expect(covered).toEqual(
      modelNames
        .filter((model) => !writtenOnDemand.includes(model))
        .map(modelFile)
        .sort(),
    );
  });

  it.each(files.filter((file) => !large.includes(file)))('agree with this code: %s', (file) => {
    const { comparisons, unsupported } = checkReference(ownReferences, file);
    expect(unsupported).toEqual([]);
    expect(comparisons.filter((comparison) => !(share(comparison) <= 1))).toEqual([]);
    const quantities = comparisons.map(({ quantity }) => quantity);
    const whole = file.startsWith('loss.')
      ? distillerNames.map((name) => `distiller.${name} gradient`)
      : ['evalLogits'];
    expect(quantities).toEqual(expect.arrayContaining(whole));
  });
});
