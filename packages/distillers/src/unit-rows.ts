import { customGrad } from '@mcld/tensor/custom-grad.js';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

const EPSILON = 1e-12;

/** Rows scaled to length 1. A row shorter than 1e-12 has no direction: it becomes 0, and so its gradient. */
export function unitRows(x: Tensor2D): Tensor2D {
  return customGrad(
    { x },
    () => {
      const square = tf.sum(tf.square(x), 1, true);
      const directed = tf.cast(tf.greater(square, EPSILON ** 2), 'float32');
      const inverse = tf.div(directed, tf.sqrt(tf.maximum(square, EPSILON ** 2)));
      const unit = tf.mul<Tensor2D>(x, inverse);
      return { value: unit, saved: { unit, inverse } };
    },
    // Along the row itself nothing changes: (du − u·<du, u>)/|x|.
    (dy, { unit, inverse }) => ({
      x: tf.mul<Tensor2D>(tf.sub(dy, tf.mul(unit, tf.sum(tf.mul(dy, unit), 1, true))), inverse),
    }),
  );
}
