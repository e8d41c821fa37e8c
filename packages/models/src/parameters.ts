import type { Layers } from './layers.js';
import { classifiers, type ModelName } from './registry.js';

/** What a parameter or buffer is; decides its layout here and its initial value. */
export type ParameterKind =
  | 'conv' // PyTorch [O, I, kh, kw]; here HWIO
  | 'linear' // [out, in] on both sides
  | 'bias' // [out]
  | 'norm-scale' // [C]
  | 'norm-shift' // [C]
  | 'running-mean' // [C], a buffer
  | 'running-variance'; // [C], a buffer

export interface ParameterSpec {
  /** PyTorch's state_dict name. */
  readonly name: string;
  /** PyTorch's shape. */
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
}

export interface ModelSummary {
  /** In PyTorch's state_dict order, without num_batches_tracked. */
  readonly parameters: readonly ParameterSpec[];
  /** Trainable scalars. */
  readonly size: number;
  /** Multiply-adds of one image's forward pass, convolutions and linear layers. */
  readonly multiplyAdds: number;
  readonly features: number;
}

export const isTrainable = (spec: ParameterSpec): boolean => !spec.kind.startsWith('running-');

export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** What a model consists of for images of `size`×`size`×3: its definition run on shapes alone. */
export function declareParameters(model: ModelName, classes: number, size = 32): ModelSummary {
  const layers = new DeclaringLayers();
  const { features } = classifiers[model](layers, { size, channels: 3 }, classes);
  const { parameters, multiplyAdds } = layers;
  return {
    parameters,
    size: parameters.filter(isTrainable).reduce((sum, { shape }) => sum + elements(shape), 0),
    multiplyAdds,
    features: features.channels,
  };
}

interface Shape {
  readonly size: number;
  readonly channels: number;
}

class DeclaringLayers implements Layers<Shape> {
  readonly parameters: ParameterSpec[] = [];
  multiplyAdds = 0;

  convNorm(x: Shape, conv: string, norm: string, options: Parameters<Layers<Shape>['convNorm']>[3]): Shape {
    const { out, kernel, stride = 1, padding = 0 } = options;
    this.parameters.push({ name: `${conv}.weight`, shape: [out, x.channels, kernel, kernel], kind: 'conv' });
    this.parameters.push({ name: `${norm}.weight`, shape: [out], kind: 'norm-scale' });
    this.parameters.push({ name: `${norm}.bias`, shape: [out], kind: 'norm-shift' });
    this.parameters.push({ name: `${norm}.running_mean`, shape: [out], kind: 'running-mean' });
    this.parameters.push({ name: `${norm}.running_var`, shape: [out], kind: 'running-variance' });
    const size = Math.floor((x.size + 2 * padding - kernel) / stride) + 1;
    this.multiplyAdds += size * size * out * x.channels * kernel * kernel;
    return { size, channels: out };
  }

  linear(x: Shape, name: string, out: number): Shape {
    this.parameters.push({ name: `${name}.weight`, shape: [out, x.channels], kind: 'linear' });
    this.parameters.push({ name: `${name}.bias`, shape: [out], kind: 'bias' });
    this.multiplyAdds += out * x.channels;
    return { size: 1, channels: out };
  }

  relu(x: Shape): Shape {
    return x;
  }

  add(a: Shape): Shape {
    return a;
  }

  globalAveragePool(x: Shape): Shape {
    return { size: 1, channels: x.channels };
  }

  channels(x: Shape): number {
    return x.channels;
  }
}
