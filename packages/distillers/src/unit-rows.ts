import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

const EPSILON = 1e-12;

/** Rows scaled to length 1. A row shorter than 1e-12 has no direction: it becomes 0, and so its gradient. */
export function unitRows(x: Tensor2D): Tensor2D {
  return tf.customGrad((input, save) => {
    const z = input as Tensor2D;
    const square = tf.sum(tf.square(z), 1, true);
    const directed = tf.cast(tf.greater(square, EPSILON ** 2), 'float32');
    const inverse = tf.div(directed, tf.sqrt(tf.maximum(square, EPSILON ** 2)));
    const unit = tf.mul(z, inverse);
    (save as tf.GradSaveFunc)([unit, inverse]);
    return {
      value: unit,
      // Along the row itself nothing changes: (du − u·<du, u>)/|x|.
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [u, scale] = saved as [Tensor, Tensor];
        return tf.mul(tf.sub(dy, tf.mul(u, tf.sum(tf.mul(dy, u), 1, true))), scale);
      },
    };
  })(x) as Tensor2D;
}
