import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { addBias } from './convolution.js';
import { type Attributes, float, nativeOp } from './native-op.js';

const product = (transposeA: boolean, transposeB: boolean): Attributes => ({
  T: float,
  transpose_a: { bool: transposeA },
  transpose_b: { bool: transposeB },
});
const [plain, firstTurned, secondTurned] = [product(false, false), product(true, false), product(false, true)];

const matMul = (a: Tensor, b: Tensor, attributes: Attributes) => nativeOp('MatMul', attributes, [a, b], 1)[0] as Tensor;

/**
 * x·Wᵀ + b. MatMul and BiasAdd, unlike tfjs's BatchMatMul and Add, are fused by TensorFlow, with a GELU
 * after them too.
 * @param x float32 [rows, in]; w float32 [out, in]; bias float32 [out]
 */
export function linear(x: Tensor2D, w: Tensor2D, bias: Tensor1D): Tensor2D {
  const y = tf.customGrad((input, weight, save) => {
    (save as tf.GradSaveFunc)([input as Tensor, weight as Tensor]);
    return {
      value: matMul(input as Tensor, weight as Tensor, secondTurned),
      gradFunc: (dy: Tensor, [savedInput, savedWeight]: Tensor[]) => [
        matMul(dy, savedWeight as Tensor, plain),
        matMul(dy, savedInput as Tensor, firstTurned),
      ],
    };
  })(x, w) as Tensor2D;
  return addBias(y, bias);
}
