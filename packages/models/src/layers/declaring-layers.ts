import type {
  ConvNormOptions,
  ConvOptions,
  Layers,
  LinearOptions,
  NormOptions,
  PoolOptions,
  TokenShape,
} from './layers.js';
import type { ParameterKind, ParameterSpec } from './parameter-spec.js';

/** A feature map of `height`² places, or a row of `height` tokens where `tokens` is set. */
export interface Shape {
  readonly height: number;
  readonly channels: number;
  readonly tokens?: true;
}

/** Layers that compute nothing: they note what a model consists of, and what it costs. */
export class DeclaringLayers implements Layers<Shape> {
  readonly parameters: ParameterSpec[] = [];
  multiplyAdds = 0;
  activations = 0;
  smallestMap = Number.POSITIVE_INFINITY;
  isPlaced = false;
  readonly droppable: number[] = [];

  conv(x: Shape, name: string, options: ConvOptions): Shape {
    const { out, kernel, stride = 1, padding = 0, groups = 1, bias = false, std } = options;
    if (x.channels % groups !== 0 || out % groups !== 0) {
      throw new Error(`${name}: ${groups} groups do not divide ${x.channels} → ${out} channels`);
    }
    this.#declare(`${name}.weight`, [out, x.channels / groups, kernel, kernel], 'conv', std);
    if (bias) this.#declare(`${name}.bias`, [out], 'bias');
    const height = Math.floor((x.height + 2 * padding - kernel) / stride) + 1;
    this.multiplyAdds += height * height * out * (x.channels / groups) * kernel * kernel;
    return this.#result({ height, channels: out });
  }

  convNorm(x: Shape, conv: string, norm: string, options: ConvNormOptions): Shape {
    return this.batchNorm(this.conv(x, conv, options), norm, options);
  }

  batchNorm(x: Shape, name: string, { activation }: NormOptions = {}): Shape {
    const shape = [x.channels];
    this.#declare(`${name}.weight`, shape, 'norm-scale');
    this.#declare(`${name}.bias`, shape, 'norm-shift');
    this.#declare(`${name}.running_mean`, shape, 'running-mean');
    this.#declare(`${name}.running_var`, shape, 'running-variance');
    const y = this.#result(x);
    return activation ? this.#result(y) : y;
  }

  linear(x: Shape, name: string, out: number, { std, activation }: LinearOptions = {}): Shape {
    this.#declare(`${name}.weight`, [out, x.channels], 'linear', std);
    this.#declare(`${name}.bias`, [out], 'bias');
    this.multiplyAdds += places(x) * out * x.channels;
    const y = this.#result({ ...x, channels: out });
    return activation ? this.#result(y) : y;
  }

  layerNorm(x: Shape, name: string): Shape {
    this.#declare(`${name}.weight`, [x.channels], 'norm-scale');
    this.#declare(`${name}.bias`, [x.channels], 'norm-shift');
    return this.#result(x);
  }

  tokens(patches: () => Shape, classToken: string, positions: string, { count, channels }: TokenShape): Shape {
    this.#declare(classToken, [1, 1, channels], 'token', 0.02);
    this.#declare(positions, [1, count, channels], 'token', 0.02);
    this.isPlaced = true;
    const tokens = places(patches()) + 1;
    if (tokens !== count) throw new Error(`an image of ${tokens - 1} patches, where the model has ${count - 1}`);
    return this.#result({ height: count, channels, tokens: true });
  }

  attention(qkv: Shape, heads: number): Shape {
    const channels = qkv.channels / 3;
    this.multiplyAdds += 2 * qkv.height ** 2 * channels;
    this.activations += heads * qkv.height ** 2;
    return this.#result({ ...qkv, channels });
  }

  classToken(x: Shape): Shape {
    return { height: 1, channels: x.channels };
  }

  dropPath(branch: Shape, share: number): Shape {
    if (share > 0) this.droppable.push(share);
    return branch;
  }

  activate(x: Shape): Shape {
    return this.#result(x);
  }

  add(a: Shape): Shape {
    return this.#result(a);
  }

  concat(parts: readonly Shape[]): Shape {
    const [first] = parts;
    if (!first) throw new Error('a model joins no feature maps');
    return this.#result({ ...first, channels: parts.reduce((sum, { channels }) => sum + channels, 0) });
  }

  halves(x: Shape): [Shape, Shape] {
    const half = this.#result({ ...x, channels: x.channels / 2 });
    return [half, this.#result(half)];
  }

  shuffle(x: Shape): Shape {
    return this.#result(x);
  }

  averagePool(x: Shape, { kernel, stride, padding = 0 }: PoolOptions): Shape {
    return this.#result({ ...x, height: Math.floor((x.height + 2 * padding - kernel) / stride) + 1 });
  }

  maxPool(x: Shape, options: PoolOptions): Shape {
    return this.averagePool(x, options);
  }

  globalAveragePool(x: Shape): Shape {
    return this.#result({ height: 1, channels: x.channels });
  }

  channels(x: Shape): number {
    return x.channels;
  }

  #declare(name: string, shape: readonly number[], kind: ParameterKind, std?: number): void {
    this.parameters.push({ name, shape, kind, ...(std !== undefined && { std }) });
  }

  #result(shape: Shape): Shape {
    this.activations += places(shape) * shape.channels;
    this.smallestMap = Math.min(this.smallestMap, shape.height);
    return shape;
  }
}

const places = ({ height, tokens }: Shape): number => (tokens ? height : height ** 2);
