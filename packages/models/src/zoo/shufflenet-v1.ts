import type { Layers, ModelDefinition } from '../layers/layers.js';

const GROUPS = 3;

/** ShuffleNet in 3 groups for 32×32 images, as the distillation literature uses it: a 1×1 stem. */
export function shufflenetV1(): ModelDefinition {
  const stages = [
    [240, 4],
    [480, 8],
    [960, 4],
  ] as const;
  return {
    imageSize: 32,
    source: 'arXiv 1707.01083',
    probeRate: 0.01,
    classify: (layers, image, classes) => {
      let x = layers.convNorm(image, 'conv1', 'bn1', { out: 24, kernel: 1, activation: 'relu' });
      for (const [s, [out, blocks]] of stages.entries()) {
        for (let b = 0; b < blocks; b++) {
          // The stem's few channels are not grouped.
          const groups = s === 0 && b === 0 ? 1 : GROUPS;
          x = block(layers, x, `layer${s + 1}.${b}`, out, b === 0 ? 2 : 1, groups);
        }
      }
      const features = layers.globalAveragePool(x);
      return { features, logits: layers.linear(features, 'linear', classes) };
    },
  };
}

/** At stride 2 the pooled input is joined to the branch, whose width is what is left; else added. */
function block<T>(layers: Layers<T>, x: T, name: string, width: number, stride: number, groups: number): T {
  const joins = stride === 2;
  const out = joins ? width - layers.channels(x) : width;
  const hidden = Math.floor(out / 4);
  const names = (i: number) => [`${name}.conv${i}`, `${name}.bn${i}`] as const;
  let y = layers.convNorm(x, ...names(1), { out: hidden, kernel: 1, groups, activation: 'relu' });
  y = layers.shuffle(y, groups);
  const depthwise = { out: hidden, kernel: 3, stride, padding: 1, groups: hidden } as const;
  y = layers.convNorm(y, ...names(2), { ...depthwise, activation: 'relu' });
  y = layers.convNorm(y, ...names(3), { out, kernel: 1, groups: GROUPS });
  const merged = joins
    ? layers.concat([y, layers.averagePool(x, { kernel: 3, stride: 2, padding: 1 })])
    : layers.add(y, x);
  return layers.activate(merged, 'relu');
}
