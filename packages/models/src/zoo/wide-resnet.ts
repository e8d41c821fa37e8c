import type { Layers, ModelDefinition, NormOptions } from '../layers/layers.js';

const once: NormOptions = { activation: 'relu' };

// The reference code evaluates the norms after a stage a second time, for feature distillation, and so
// moves their running statistics twice a step: 1 − (1 − 0.1)².
const twice: NormOptions = { ...once, momentum: 0.19 };

/** Wide ResNets for 32×32 images, batch norm and ReLU before the convolutions. Depth is 6n + 4. */
export function wideResnet(depth: number, widen: number): ModelDefinition {
  const blocks = (depth - 4) / 6;
  return {
    imageSize: 32,
    source: 'arXiv 1605.07146',
    classify: (layers, image, classes) => {
      let x = layers.conv(image, 'conv1', { out: 16, kernel: 3, padding: 1 });
      for (const [s, width] of [16, 32, 64].entries()) {
        for (let b = 0; b < blocks; b++) {
          const first = s > 0 && b === 0;
          x = block(layers, x, `block${s + 1}.layer.${b}`, width * widen, first ? 2 : 1, first ? twice : once);
        }
      }
      const features = layers.globalAveragePool(layers.batchNorm(x, 'bn1', twice));
      return { features, logits: layers.linear(features, 'fc', classes) };
    },
  };
}

/** Where the width changes, the shortcut is a convolution of the activated input; else the input itself. */
function block<T>(layers: Layers<T>, x: T, name: string, out: number, stride: number, norm: NormOptions): T {
  const active = layers.batchNorm(x, `${name}.bn1`, norm);
  const conv = { out, kernel: 3, padding: 1 };
  const hidden = layers.convNorm(active, `${name}.conv1`, `${name}.bn2`, { ...conv, stride, activation: 'relu' });
  const y = layers.conv(hidden, `${name}.conv2`, conv);
  const straight =
    layers.channels(x) === out ? x : layers.conv(active, `${name}.convShortcut`, { out, kernel: 1, stride });
  return layers.add(straight, y);
}
