import type { Layers, ModelDefinition } from '../layers/layers.js';

/** ShuffleNetV2 1× for 32×32 images, as the distillation literature uses it: a 1×1 stem. */
export function shufflenetV2(): ModelDefinition {
  const stages = [
    [116, 3],
    [232, 7],
    [464, 3],
  ] as const;
  return {
    imageSize: 32,
    source: 'arXiv 1807.11164',
    probeRate: 0.01,
    classify: (layers, image, classes) => {
      let x = layers.convNorm(image, 'conv1', 'bn1', { out: 24, kernel: 1, activation: 'relu' });
      for (const [s, [out, blocks]] of stages.entries()) {
        x = downBlock(layers, x, `layer${s + 1}.0`, out / 2);
        for (let b = 1; b <= blocks; b++) x = splitBlock(layers, x, `layer${s + 1}.${b}`);
      }
      x = layers.convNorm(x, 'conv2', 'bn2', { out: 1024, kernel: 1, activation: 'relu' });
      const features = layers.globalAveragePool(x);
      return { features, logits: layers.linear(features, 'linear', classes) };
    },
  };
}

/** The first half of the channels passes by, the second goes through the branch. */
function splitBlock<T>(layers: Layers<T>, x: T, name: string): T {
  const [bypass, input] = layers.halves(x);
  const out = layers.channels(input);
  const y = pointwise(layers, input, name, 1, out);
  const z = pointwise(layers, depthwise(layers, y, name, 2, 1), name, 3, out);
  return layers.shuffle(layers.concat([bypass, z]), 2);
}

/** Two branches at stride 2, each of half the output. */
function downBlock<T>(layers: Layers<T>, x: T, name: string, half: number): T {
  const left = pointwise(layers, depthwise(layers, x, name, 1, 2), name, 2, half);
  const y = pointwise(layers, x, name, 3, half);
  const right = pointwise(layers, depthwise(layers, y, name, 4, 2), name, 5, half);
  return layers.shuffle(layers.concat([left, right]), 2);
}

function pointwise<T>(layers: Layers<T>, x: T, name: string, i: number, out: number): T {
  return layers.convNorm(x, `${name}.conv${i}`, `${name}.bn${i}`, { out, kernel: 1, activation: 'relu' });
}

function depthwise<T>(layers: Layers<T>, x: T, name: string, i: number, stride: number): T {
  const channels = layers.channels(x);
  const options = { out: channels, kernel: 3, stride, padding: 1, groups: channels };
  return layers.convNorm(x, `${name}.conv${i}`, `${name}.bn${i}`, options);
}
