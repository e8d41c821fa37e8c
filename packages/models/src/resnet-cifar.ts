import type { Classifier, Layers } from './layers.js';

/**
 * CIFAR ResNets (He et al., arXiv 1512.03385, section 4.2) as the distillation literature uses them:
 * a 3×3 stem, three stages at 32, 16 and 8 pixels, 1×1-convolution shortcuts where the shape
 * changes, average pooling. Depth is 6n + 2.
 * @param widths channels of the stem and of the three stages
 */
export function cifarResnet(depth: number, widths: readonly [number, number, number, number]): Classifier {
  const blocks = (depth - 2) / 6;
  return (layers, image, classes) => {
    const [stem, ...stages] = widths;
    let x = layers.convNorm(image, 'conv1', 'bn1', { out: stem, kernel: 3, padding: 1, relu: true });
    for (const [s, width] of stages.entries()) {
      for (let b = 0; b < blocks; b++) {
        const stride = s > 0 && b === 0 ? 2 : 1;
        x = basicBlock(layers, x, `layer${s + 1}.${b}`, width, stride);
      }
    }
    const features = layers.globalAveragePool(x);
    return { features, logits: layers.linear(features, 'fc', classes) };
  };
}

function basicBlock<T>(layers: Layers<T>, x: T, name: string, out: number, stride: number): T {
  const conv = { out, kernel: 3, padding: 1 };
  const first = layers.convNorm(x, `${name}.conv1`, `${name}.bn1`, { ...conv, stride, relu: true });
  const second = layers.convNorm(first, `${name}.conv2`, `${name}.bn2`, conv);
  const changes = stride !== 1 || layers.channels(x) !== out;
  const shortcut = changes
    ? layers.convNorm(x, `${name}.downsample.0`, `${name}.downsample.1`, { out, kernel: 1, stride })
    : x;
  return layers.relu(layers.add(second, shortcut));
}
