import { BATCH_NORM_EPSILON, LAYER_NORM_EPSILON } from '@mcld/tensor/epsilon.js';
import { tupleOf } from '@mcld/tensor/tuple.js';
import { reversedAxes } from '../layers/axes.js';
import { foldNorm } from '../layers/folding.js';
import type {
  Activation,
  ConvNormOptions,
  ConvOptions,
  Layers,
  LinearOptions,
  NormOptions,
  PoolOptions,
} from '../layers/layers.js';
import { arrayOf, type StateArray, type StateDict } from '../layers/state-dict.js';
import type { OnnxGraph } from './onnx-graph.js';

/** A value of the graph, NCHW or [N, tokens, C] or [N, C], and what is known of its shape. */
export interface OnnxValue {
  readonly name: string;
  readonly channels: number;
  /** Height and width of a map. */
  readonly size: number;
}

const sides = (padding: number) => ({ ints: [padding, padding, padding, padding] });

/** Layers that write ONNX operators (opset 17). The batch is dynamic. */
export class OnnxLayers implements Layers<OnnxValue> {
  /** @param fold batch norms into the convolutions before them */
  constructor(
    readonly graph: OnnxGraph,
    readonly state: StateDict,
    readonly fold: boolean,
  ) {}

  conv(x: OnnxValue, name: string, options: ConvOptions): OnnxValue {
    const weight = arrayOf(this.state, `${name}.weight`);
    return this.#convolve(x, weight, options.bias ? arrayOf(this.state, `${name}.bias`) : undefined, name, options);
  }

  convNorm(x: OnnxValue, conv: string, norm: string, options: ConvNormOptions): OnnxValue {
    if (!this.fold) return this.batchNorm(this.conv(x, conv, options), norm, options);
    const { weight, bias } = foldNorm(this.state, conv, norm);
    const y = this.#convolve(x, weight, bias, conv, options);
    return options.activation ? this.activate(y, options.activation) : y;
  }

  #convolve(
    x: OnnxValue,
    weight: StateArray,
    bias: StateArray | undefined,
    name: string,
    { out, kernel, stride = 1, padding = 0, groups = 1 }: ConvOptions,
  ): OnnxValue {
    const inputs = [x.name, this.graph.float32(`${name}.weight`, weight.shape, weight.data)];
    if (bias) inputs.push(this.graph.float32(`${name}.bias`, bias.shape, bias.data));
    const output = this.graph.op('Conv', inputs, {
      kernel_shape: { ints: [kernel, kernel] },
      strides: { ints: [stride, stride] },
      pads: sides(padding),
      group: { int: groups },
    });
    return { name: output, channels: out, size: Math.floor((x.size + 2 * padding - kernel) / stride) + 1 };
  }

  batchNorm(x: OnnxValue, name: string, { activation }: NormOptions = {}): OnnxValue {
    const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => this.#constant(`${name}.${part}`));
    const y = this.#same(x, 'BatchNormalization', [x.name, ...parts], { epsilon: { float: BATCH_NORM_EPSILON } });
    return activation ? this.activate(y, activation) : y;
  }

  activate(x: OnnxValue, activation: Activation): OnnxValue {
    if (activation === 'relu') return this.#same(x, 'Relu', [x.name]);
    if (activation === 'relu6') return this.#same(x, 'Clip', [x.name, this.#scalar(0), this.#scalar(6)]);
    // x·(1 + erf(x/√2))/2: opset 17 has no Gelu.
    const erf = this.graph.op('Erf', [this.graph.op('Mul', [x.name, this.#scalar(Math.SQRT1_2)])]);
    const share = this.graph.op('Mul', [this.graph.op('Add', [erf, this.#scalar(1)]), this.#scalar(0.5)]);
    return this.#same(x, 'Mul', [x.name, share]);
  }

  add(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#same(a, 'Add', [a.name, b.name]);
  }

  concat(parts: readonly OnnxValue[]): OnnxValue {
    const [first] = parts;
    if (!first) throw new Error('a model joins no feature maps');
    const name = this.graph.op(
      'Concat',
      parts.map((part) => part.name),
      { axis: { int: 1 } },
    );
    return { ...first, name, channels: parts.reduce((sum, { channels }) => sum + channels, 0) };
  }

  halves(x: OnnxValue): [OnnxValue, OnnxValue] {
    const half = x.channels / 2;
    const sizes = this.graph.int64(half, half);
    const [a, b] = tupleOf(this.graph.ops('Split', [x.name, sizes], { axis: { int: 1 } }, 2), 2);
    return [
      { ...x, name: a, channels: half },
      { ...x, name: b, channels: half },
    ];
  }

  shuffle(x: OnnxValue, groups: number): OnnxValue {
    if (groups === 1) return x;
    const { channels, size } = x;
    const cut = this.#reshape(x.name, 0, groups, channels / groups, size * size);
    const turned = this.graph.op('Transpose', [cut], { perm: { ints: [0, 2, 1, 3] } });
    return { ...x, name: this.#reshape(turned, 0, channels, size, size) };
  }

  averagePool(x: OnnxValue, options: PoolOptions): OnnxValue {
    return this.#pool('AveragePool', x, options, { count_include_pad: { int: 1 } });
  }

  maxPool(x: OnnxValue, options: PoolOptions): OnnxValue {
    return this.#pool('MaxPool', x, options, {});
  }

  #pool(
    type: string,
    x: OnnxValue,
    { kernel, stride, padding = 0 }: PoolOptions,
    more: Parameters<OnnxGraph['op']>[2],
  ) {
    const window = { kernel_shape: { ints: [kernel, kernel] }, strides: { ints: [stride, stride] } };
    const name = this.graph.op(type, [x.name], { ...window, pads: sides(padding), ...more });
    return { ...x, name, size: Math.floor((x.size + 2 * padding - kernel) / stride) + 1 };
  }

  globalAveragePool(x: OnnxValue): OnnxValue {
    return { ...x, name: this.graph.op('Flatten', [this.graph.op('GlobalAveragePool', [x.name])]), size: 1 };
  }

  linear(x: OnnxValue, name: string, out: number, { activation }: LinearOptions = {}): OnnxValue {
    // [out, in] → [in, out]: MatMul takes any number of axes before the last.
    const { shape, data } = arrayOf(this.state, `${name}.weight`);
    const [rows, columns] = tupleOf(shape, 2);
    const turned = reversedAxes(data, [rows, columns, 1]);
    const product = this.graph.op('MatMul', [x.name, this.graph.float32(`${name}.weight`, [columns, rows], turned)]);
    const y = { ...x, name: this.graph.op('Add', [product, this.#constant(`${name}.bias`)]), channels: out };
    return activation ? this.activate(y, activation) : y;
  }

  layerNorm(x: OnnxValue, name: string): OnnxValue {
    const inputs = [x.name, this.#constant(`${name}.weight`), this.#constant(`${name}.bias`)];
    return this.#same(x, 'LayerNormalization', inputs, {
      axis: { int: -1 },
      epsilon: { float: LAYER_NORM_EPSILON },
    });
  }

  tokens(patches: () => OnnxValue, classToken: string, positions: string): OnnxValue {
    const map = patches();
    const { channels, size } = map;
    const rows = this.#reshape(map.name, 0, channels, size * size);
    const turned = this.graph.op('Transpose', [rows], { perm: { ints: [0, 2, 1] } });
    const batch = this.graph.op('Slice', [this.graph.op('Shape', [turned]), this.graph.int64(0), this.graph.int64(1)]);
    const shape = this.graph.op('Concat', [batch, this.graph.int64(1, channels)], { axis: { int: 0 } });
    const first = this.graph.op('Expand', [this.#constant(classToken), shape]);
    const all = this.graph.op('Concat', [first, turned], { axis: { int: 1 } });
    return { ...map, name: this.graph.op('Add', [all, this.#constant(positions)]), size: size * size + 1 };
  }

  attention(qkv: OnnxValue, heads: number): OnnxValue {
    const channels = qkv.channels / 3;
    const count = qkv.size;
    const size = channels / heads;
    const cut = this.#reshape(qkv.name, 0, count, 3, heads, size);
    const turned = this.graph.op('Transpose', [cut], { perm: { ints: [2, 0, 3, 1, 4] } });
    const one = this.graph.int64(1, 1, 1);
    const parts = this.graph.ops('Split', [turned, one], { axis: { int: 0 } }, 3);
    const squeezed = parts.map((part) => this.graph.op('Squeeze', [part, this.graph.int64(0)]));
    const [q, k, v] = tupleOf(squeezed, 3);
    const keys = this.graph.op('Transpose', [k], { perm: { ints: [0, 1, 3, 2] } });
    const scores = this.graph.op('Mul', [this.graph.op('MatMul', [q, keys]), this.#scalar(size ** -0.5)]);
    const mixed = this.graph.op('MatMul', [this.graph.op('Softmax', [scores], { axis: { int: -1 } }), v]);
    const joined = this.graph.op('Transpose', [mixed], { perm: { ints: [0, 2, 1, 3] } });
    return { ...qkv, name: this.#reshape(joined, 0, count, channels), channels };
  }

  classToken(x: OnnxValue): OnnxValue {
    const bounds = [this.graph.int64(0), this.graph.int64(1), this.graph.int64(1)];
    const first = this.graph.op('Slice', [x.name, ...bounds]);
    return { ...x, name: this.graph.op('Squeeze', [first, this.graph.int64(1)]), size: 1 };
  }

  dropPath(branch: OnnxValue): OnnxValue {
    return branch;
  }

  channels(x: OnnxValue): number {
    return x.channels;
  }

  /** A node whose result has the shape of `x`. */
  #same(x: OnnxValue, type: string, inputs: string[], attributes: Parameters<OnnxGraph['op']>[2] = {}): OnnxValue {
    return { ...x, name: this.graph.op(type, inputs, attributes) };
  }

  /** 0 keeps an axis as it is, the batch. */
  #reshape(name: string, ...shape: number[]): string {
    return this.graph.op('Reshape', [name, this.graph.int64(...shape)]);
  }

  #scalar(value: number): string {
    return this.graph.float32(`float32_${value}`, [], Float32Array.of(value));
  }

  #constant(name: string): string {
    const { shape, data } = arrayOf(this.state, name);
    return this.graph.float32(name, shape, data);
  }
}
