import type { ModelDefinition } from '../layers/layers.js';

/** Output channels and stride of each depthwise-separable pair. */
const PAIRS = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

/** MobileNet for 224×224 images, with the names of the distillation literature (`model.0.0.weight`). */
export function mobilenetV1(): ModelDefinition {
  return {
    imageSize: 224,
    source: 'arXiv 1704.04861',
    probeRate: 0.01,
    classify: (layers, image, classes) => {
      const activation = 'relu';
      const three = { kernel: 3, padding: 1, activation } as const;
      let x = layers.convNorm(image, 'model.0.0', 'model.0.1', { ...three, out: 32, stride: 2 });
      for (const [i, [out, stride]] of PAIRS.entries()) {
        const channels = layers.channels(x);
        const name = `model.${i + 1}`;
        x = layers.convNorm(x, `${name}.0`, `${name}.1`, { ...three, out: channels, stride, groups: channels });
        x = layers.convNorm(x, `${name}.3`, `${name}.4`, { out, kernel: 1, activation });
      }
      const features = layers.globalAveragePool(x);
      return { features, logits: layers.linear(features, 'fc', classes) };
    },
  };
}
