import { BATCH_NORM_EPSILON } from '@mcld/tensor/epsilon.js';
import { arrayOf, type StateArray, type StateDict } from './state-dict.js';

/**
 * A convolution with the batch norm after it as one convolution, in float64:
 * w ← w·γ/√(σ² + ε);  b ← β + (b − μ)·γ/√(σ² + ε).
 * @returns weight OIHW and bias [O], PyTorch's axes
 */
export function foldNorm(state: StateDict, conv: string, norm: string): { weight: StateArray; bias: StateArray } {
  const values = (name: string) => arrayOf(state, name).data;
  const { shape, data } = arrayOf(state, `${conv}.weight`);
  const [gamma, beta] = [values(`${norm}.weight`), values(`${norm}.bias`)];
  const [mean, variance] = [values(`${norm}.running_mean`), values(`${norm}.running_var`)];
  const before = state.get(`${conv}.bias`)?.data;
  const [out = 0] = shape;
  const perOut = data.length / out;
  const weight = new Float32Array(data.length);
  const bias = new Float32Array(out);
  const { NaN: none } = Number;
  for (let o = 0; o < out; o++) {
    const scale = (gamma[o] ?? none) / Math.sqrt((variance[o] ?? none) + BATCH_NORM_EPSILON);
    bias[o] = (beta[o] ?? none) + ((before?.[o] ?? 0) - (mean[o] ?? none)) * scale;
    for (let k = o * perOut; k < (o + 1) * perOut; k++) weight[k] = (data[k] ?? none) * scale;
  }
  return { weight: { shape, data: weight }, bias: { shape: [out], data: bias } };
}
