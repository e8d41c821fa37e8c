import { describe, expect, it } from 'vitest';
import { sizeMisfit } from './image-size.js';
import { modelNames, models } from './registry.js';

describe('the size of images', () => {
  it.each(modelNames)('that %s was designed for suits it', (model) => {
    const { imageSize } = models[model];
    expect(sizeMisfit(model, { height: imageSize, width: imageSize })).toBeUndefined();
  });

  it('must be the model’s own where each place has an embedding', () => {
    expect(sizeMisfit('deit_tiny_patch16_224', { height: 224, width: 256 })).toBe(
      'images are 256×224, but deit_tiny_patch16_224 takes 224×224',
    );
  });

  it('must leave something after all pooling, on its shorter side', () => {
    expect(sizeMisfit('vgg13', { height: 64, width: 7 })).toBe(
      'images are 7×64, but vgg13 needs at least 8×8: of smaller ones its pooling leaves nothing',
    );
    expect(sizeMisfit('vgg13', { height: 64, width: 8 })).toBeUndefined();
    expect(sizeMisfit('resnet50_imagenet', { height: 4, width: 4 })).toBeUndefined();
  });
});
