import { elements, type ParameterSpec } from './parameters.js';

/** Shape of a parameter as the ops here take it: convolutions OIHW → HWIO, the rest as it is. */
export function nativeShape({ kind, shape }: ParameterSpec): readonly number[] {
  if (kind !== 'conv') return shape;
  const [o, i, h, w] = shape as [number, number, number, number];
  return [h, w, i, o];
}

/** PyTorch's layout into the native one. */
export function toNative(spec: ParameterSpec, data: Float32Array): Float32Array {
  return spec.kind === 'conv' ? moveAxes(spec.shape, data, 'in') : data;
}

/** The native layout into PyTorch's. */
export function fromNative(spec: ParameterSpec, data: Float32Array): Float32Array {
  return spec.kind === 'conv' ? moveAxes(spec.shape, data, 'out') : data;
}

function moveAxes(oihw: readonly number[], source: Float32Array, direction: 'in' | 'out'): Float32Array {
  const [O, I, H, W] = oihw as [number, number, number, number];
  const target = new Float32Array(elements(oihw));
  let torch = 0;
  for (let o = 0; o < O; o++) {
    for (let i = 0; i < I; i++) {
      for (let hw = 0; hw < H * W; hw++, torch++) {
        const native = (hw * I + i) * O + o;
        if (direction === 'in') target[native] = source[torch] as number;
        else target[torch] = source[native] as number;
      }
    }
  }
  return target;
}
