import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { customGrad } from './custom-grad.js';
import { type Attributes, float, nativeOp } from './native-op.js';

const attributes: Attributes = { T: float };

/** max(x, 0). */
export const relu = <T extends Tensor>(x: T): T => rectified(x, 'Relu');

/** min(max(x, 0), 6). */
export const relu6 = <T extends Tensor>(x: T): T => rectified(x, 'Relu6');

function rectified<T extends Tensor>(x: T, op: 'Relu' | 'Relu6'): T {
  return customGrad(
    { x },
    () => {
      const y = nativeOp<T>(op, attributes, [x]);
      return { value: y, saved: { y } };
    },
    (dy, { y }) => ({ x: nativeOp<T>(`${op}Grad`, attributes, [dy, y]) }),
  );
}

/** x·Φ(x) with the exact Φ(x) = (1 + erf(x/√2))/2, PyTorch's default (arXiv 1606.08415). */
export function gelu<T extends Tensor>(x: T): T {
  return customGrad(
    { x },
    () => {
      const cdf = tf.mul<T>(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
      return { value: tf.mul<T>(x, cdf), saved: { x, cdf } };
    },
    // Φ(x) + x·φ(x)
    (dy, saved) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(saved.x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return { x: tf.mul<T>(dy, tf.add(saved.cdf, tf.mul(saved.x, density))) };
    },
  );
}
