import type { ModelDefinition } from '../layers/layers.js';

/**
 * VGG with batch norm for 32×32 images: five blocks of 3×3 convolutions (with a bias), max pooling
 * after the first three, and one linear layer.
 * @param convolutions in each of the five blocks
 */
export function vgg(convolutions: readonly [number, number, number, number, number]): ModelDefinition {
  return {
    imageSize: 32,
    source: 'arXiv 1409.1556',
    classify: (layers, image, classes) => {
      let x = image;
      for (const [b, count] of convolutions.entries()) {
        const out = Math.min(64 << b, 512);
        for (let i = 0; i < count; i++) {
          // Convolution, batch norm and ReLU take three places in the block.
          const [conv, norm] = [`block${b}.${3 * i}`, `block${b}.${3 * i + 1}`];
          x = layers.convNorm(x, conv, norm, { out, kernel: 3, padding: 1, bias: true, activation: 'relu' });
        }
        if (b < 3) x = layers.maxPool(x, { kernel: 2, stride: 2 });
      }
      const features = layers.globalAveragePool(x);
      return { features, logits: layers.linear(features, 'classifier', classes) };
    },
  };
}
