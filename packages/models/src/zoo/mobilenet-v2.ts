import type { Activation, Layers, ModelDefinition } from '../layers/layers.js';

/** Channels, blocks and first stride of a stage. */
type Stage = readonly [channels: number, blocks: number, stride: number];

/**
 * MobileNetV2 for 32×32 images at half width, as the distillation literature uses it: plain ReLU, the
 * second stage's stride 1, expansion 6.
 */
export function cifarMobilenetV2(): ModelDefinition {
  const stages: Stage[] = [
    [8, 1, 1],
    [12, 2, 1],
    [16, 3, 2],
    [32, 4, 2],
    [48, 3, 1],
    [80, 3, 2],
    [160, 1, 1],
  ];
  return {
    imageSize: 32,
    source: 'arXiv 1801.04381',
    probeRate: 0.01,
    classify: (layers, image, classes) => {
      let x = layers.convNorm(image, 'conv1.0', 'conv1.1', {
        out: 16,
        kernel: 3,
        stride: 2,
        padding: 1,
        activation: 'relu',
      });
      for (const [s, [out, blocks, stride]] of stages.entries()) {
        for (let b = 0; b < blocks; b++) {
          // The reference code expands the first stage too, by 1.
          const hidden = layers.channels(x) * (s === 0 ? 1 : 6);
          const name = (layer: number) => `blocks.${s}.${b}.conv.${layer}`;
          const pairs = {
            expand: [name(0), name(1)],
            depthwise: [name(3), name(4)],
            project: [name(6), name(7)],
          } as const;
          x = invertedResidual(layers, x, pairs, { hidden, out, stride: b === 0 ? stride : 1, activation: 'relu' });
        }
      }
      x = layers.convNorm(x, 'conv2.0', 'conv2.1', { out: 1280, kernel: 1, activation: 'relu' });
      const features = layers.globalAveragePool(x);
      return { features, logits: layers.linear(features, 'classifier.0', classes) };
    },
  };
}

/** MobileNetV2 for 224×224 images with torchvision's names (`features.0.0.weight`), ReLU6. */
export function imagenetMobilenetV2(): ModelDefinition {
  const stages: Stage[] = [
    [16, 1, 1],
    [24, 2, 2],
    [32, 3, 2],
    [64, 4, 2],
    [96, 3, 1],
    [160, 3, 2],
    [320, 1, 1],
  ];
  return {
    imageSize: 224,
    source: 'arXiv 1801.04381',
    probeRate: 0.01,
    classify: (layers, image, classes) => {
      const activation = 'relu6';
      const stem = { out: 32, kernel: 3, stride: 2, padding: 1, activation } as const;
      let x = layers.convNorm(image, 'features.0.0', 'features.0.1', stem);
      let place = 1;
      for (const [s, [out, blocks, stride]] of stages.entries()) {
        for (let b = 0; b < blocks; b++, place++) {
          const name = (layer: string) => `features.${place}.conv.${layer}`;
          // Without an expansion, the layers that follow move up by one.
          const expands = s > 0;
          const pairs = {
            ...(expands && { expand: [name('0.0'), name('0.1')] as const }),
            depthwise: [name(expands ? '1.0' : '0.0'), name(expands ? '1.1' : '0.1')] as const,
            project: [name(expands ? '2' : '1'), name(expands ? '3' : '2')] as const,
          };
          const hidden = layers.channels(x) * (expands ? 6 : 1);
          x = invertedResidual(layers, x, pairs, { hidden, out, stride: b === 0 ? stride : 1, activation });
        }
      }
      x = layers.convNorm(x, 'features.18.0', 'features.18.1', { out: 1280, kernel: 1, activation });
      const features = layers.globalAveragePool(x);
      return { features, logits: layers.linear(features, 'classifier.1', classes) };
    },
  };
}

/** Names of a convolution and its batch norm. */
type Pair = readonly [conv: string, norm: string];

interface Block {
  readonly hidden: number;
  readonly out: number;
  readonly stride: number;
  readonly activation: Activation;
}

/** Expand 1×1, depthwise 3×3, project 1×1 without activation; a shortcut where the shape stays. */
function invertedResidual<T>(
  layers: Layers<T>,
  x: T,
  names: { readonly expand?: Pair; readonly depthwise: Pair; readonly project: Pair },
  { hidden, out, stride, activation }: Block,
): T {
  let y = names.expand ? layers.convNorm(x, ...names.expand, { out: hidden, kernel: 1, activation }) : x;
  const depthwise = { out: hidden, kernel: 3, stride, padding: 1, groups: hidden, activation };
  y = layers.convNorm(y, ...names.depthwise, depthwise);
  y = layers.convNorm(y, ...names.project, { out, kernel: 1 });
  return stride === 1 && layers.channels(x) === out ? layers.add(x, y) : y;
}
