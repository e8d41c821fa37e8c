import type { ConvOptions, Layers, ModelDefinition } from '../layers/layers.js';

/** What tells one ResNet from another. */
interface Shape {
  readonly imageSize: number;
  readonly stem: 'narrow' | 'imagenet';
  readonly stemWidth: number;
  /** Width and number of blocks of each stage; all but the first halve the resolution. */
  readonly stages: readonly (readonly [width: number, blocks: number])[];
  readonly bottleneck: boolean;
  /** Names of the shortcut's layers and of the classifier, which differ between code lines. */
  readonly shortcut: 'downsample' | 'shortcut';
  readonly classifier: 'fc' | 'linear';
}

/**
 * CIFAR ResNets (section 4.2 of the paper) as the distillation literature uses them: a 3×3 stem,
 * three stages at 32, 16 and 8 pixels, 1×1-convolution shortcuts where the shape changes, average
 * pooling. Depth is 6n + 2.
 * @param widths channels of the stem and of the three stages
 */
export function cifarResnet(depth: number, widths: readonly [number, number, number, number]): ModelDefinition {
  const [stemWidth, ...stages] = widths;
  return resnet({
    imageSize: 32,
    stem: 'narrow',
    stemWidth,
    stages: stages.map((width) => [width, (depth - 2) / 6]),
    bottleneck: false,
    shortcut: 'downsample',
    classifier: 'fc',
  });
}

/** Blocks of each stage. */
type FourStages = readonly [number, number, number, number];

/** ImageNet's four stages (section 4.1) with a 3×3 stem for 32×32 images. @param blocks per stage */
export function cifarStemResnet(blocks: FourStages, bottleneck: boolean): ModelDefinition {
  const names = { shortcut: 'shortcut', classifier: 'linear' } as const;
  return resnet({ imageSize: 32, stem: 'narrow', ...fourStages(blocks, bottleneck), ...names });
}

/** ImageNet ResNets (section 4.1) with torchvision's names: 7×7 stem, max pooling. @param blocks per stage */
export function imagenetResnet(blocks: FourStages, bottleneck: boolean): ModelDefinition {
  const names = { shortcut: 'downsample', classifier: 'fc' } as const;
  return resnet({ imageSize: 224, stem: 'imagenet', ...fourStages(blocks, bottleneck), ...names });
}

function fourStages([b0, b1, b2, b3]: FourStages, bottleneck: boolean) {
  const stages = [[64, b0] as const, [128, b1] as const, [256, b2] as const, [512, b3] as const];
  return { stemWidth: 64, stages, bottleneck };
}

function resnet(shape: Shape): ModelDefinition {
  return {
    imageSize: shape.imageSize,
    source: 'arXiv 1512.03385',
    classify: (layers, image, classes) => {
      let x = stem(layers, image, shape);
      for (const [s, [width, blocks]] of shape.stages.entries()) {
        for (let b = 0; b < blocks; b++) {
          const stride = s > 0 && b === 0 ? 2 : 1;
          x = block(layers, x, `layer${s + 1}.${b}`, width, stride, shape);
        }
      }
      const features = layers.globalAveragePool(x);
      return { features, logits: layers.linear(features, shape.classifier, classes) };
    },
  };
}

function stem<T>(layers: Layers<T>, image: T, { stem, stemWidth: out }: Shape): T {
  const activation = 'relu';
  if (stem === 'narrow') return layers.convNorm(image, 'conv1', 'bn1', { out, kernel: 3, padding: 1, activation });
  const x = layers.convNorm(image, 'conv1', 'bn1', { out, kernel: 7, stride: 2, padding: 3, activation });
  return layers.maxPool(x, { kernel: 3, stride: 2, padding: 1 });
}

/** Two 3×3 convolutions, or 1×1, 3×3 and 1×1 to four times the width; the stride is the first 3×3's. */
function block<T>(layers: Layers<T>, x: T, name: string, width: number, stride: number, shape: Shape): T {
  const wide: ConvOptions = { out: width, kernel: 3, padding: 1 };
  const out = shape.bottleneck ? 4 * width : width;
  const convs: ConvOptions[] = shape.bottleneck
    ? [
        { out: width, kernel: 1 },
        { ...wide, stride },
        { out, kernel: 1 },
      ]
    : [{ ...wide, stride }, wide];
  let y = x;
  for (const [i, conv] of convs.entries()) {
    const activation = i < convs.length - 1 ? { activation: 'relu' as const } : {};
    y = layers.convNorm(y, `${name}.conv${i + 1}`, `${name}.bn${i + 1}`, { ...conv, ...activation });
  }
  const changes = stride !== 1 || layers.channels(x) !== out;
  const shortcut = `${name}.${shape.shortcut}`;
  const straight = changes ? layers.convNorm(x, `${shortcut}.0`, `${shortcut}.1`, { out, kernel: 1, stride }) : x;
  return layers.activate(layers.add(y, straight), 'relu');
}
