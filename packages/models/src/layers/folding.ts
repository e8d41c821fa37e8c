import { BATCH_NORM_EPSILON } from '@mcld/tensor/epsilon.js';
import type { StateArray, StateDict } from './state-dict.js';

/**
 * A convolution with the batch norm after it as one convolution, in float64:
 * w ← w·γ/√(σ² + ε);  b ← β + (b − μ)·γ/√(σ² + ε).
 * @returns weight OIHW and bias [O], PyTorch's layouts
 */
export function foldNorm(state: StateDict, conv: string, norm: string): { weight: StateArray; bias: StateArray } {
  const values = (name: string) => (state.get(name) as StateArray).data;
  const { shape, data } = state.get(`${conv}.weight`) as StateArray;
  const [gamma, beta] = [values(`${norm}.weight`), values(`${norm}.bias`)];
  const [mean, variance] = [values(`${norm}.running_mean`), values(`${norm}.running_var`)];
  const before = state.get(`${conv}.bias`)?.data;
  const [out = 0] = shape;
  const perOut = data.length / out;
  const weight = new Float32Array(data.length);
  const bias = new Float32Array(out);
  for (let o = 0; o < out; o++) {
    const scale = (gamma[o] as number) / Math.sqrt((variance[o] as number) + BATCH_NORM_EPSILON);
    bias[o] = (beta[o] as number) + ((before?.[o] ?? 0) - (mean[o] as number)) * scale;
    for (let k = o * perOut; k < (o + 1) * perOut; k++) weight[k] = (data[k] as number) * scale;
  }
  return { weight: { shape, data: weight }, bias: { shape: [out], data: bias } };
}
