import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, float, nativeOp } from './native-op.js';

const attributes: Attributes = { T: float };

/** max(x, 0). */
export const relu = (x: Tensor): Tensor => rectified(x, 'Relu');

/** min(max(x, 0), 6). */
export const relu6 = (x: Tensor): Tensor => rectified(x, 'Relu6');

function rectified(x: Tensor, op: 'Relu' | 'Relu6'): Tensor {
  return tf.customGrad((input, save) => {
    const y = nativeOp(op, attributes, [input as Tensor], 1)[0] as Tensor;
    (save as tf.GradSaveFunc)([y]);
    return {
      value: y,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) =>
        nativeOp(`${op}Grad`, attributes, [dy, saved as Tensor], 1)[0] as Tensor,
    };
  })(x);
}

/** x·Φ(x) with the exact Φ(x) = (1 + erf(x/√2))/2, PyTorch's default (arXiv 1606.08415). */
export function gelu(x: Tensor): Tensor {
  return tf.customGrad((input, save) => {
    const z = input as Tensor;
    const cdf = tf.mul(tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1), 0.5);
    (save as tf.GradSaveFunc)([z, cdf]);
    return {
      value: tf.mul(z, cdf),
      // Φ(x) + x·φ(x)
      gradFunc: (dy: Tensor, [savedX, savedCdf]: Tensor[]) => {
        const [s, c] = [savedX as Tensor, savedCdf as Tensor];
        const density = tf.mul(tf.exp(tf.mul(tf.square(s), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return tf.mul(dy, tf.add(c, tf.mul(s, density)));
      },
    };
  })(x);
}
