import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { addBias } from './convolution.js';
import { customGrad } from './custom-grad.js';
import { type Attributes, float, nativeOp } from './native-op.js';

const product = (transposeA: boolean, transposeB: boolean): Attributes => ({
  T: float,
  transpose_a: { bool: transposeA },
  transpose_b: { bool: transposeB },
});
const [plain, firstTurned, secondTurned] = [product(false, false), product(true, false), product(false, true)];

const matMul = (a: Tensor2D, b: Tensor2D, attributes: Attributes) => nativeOp<Tensor2D>('MatMul', attributes, [a, b]);

/**
 * x·Wᵀ + b. MatMul and BiasAdd, unlike tfjs's BatchMatMul and Add, are fused by TensorFlow, with a GELU
 * after them too.
 * @param x float32 [rows, in]; w float32 [out, in]; bias float32 [out]
 */
export function linear(x: Tensor2D, w: Tensor2D, bias: Tensor1D): Tensor2D {
  const y = customGrad(
    { x, w },
    () => ({ value: matMul(x, w, secondTurned), saved: { x, w } }),
    (dy, { x, w }) => ({ x: matMul(dy, w, plain), w: matMul(dy, x, firstTurned) }),
  );
  return addBias(y, bias);
}
