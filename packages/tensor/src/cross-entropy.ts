import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { customGrad } from './custom-grad.js';
import { type Attributes, float, nativeOps } from './native-op.js';

const entropyAttributes: Attributes = { T: float, Tlabels: { type: 'int32' } };

/**
 * Cross-entropy of logits against classes, batch mean: −(1/B) Σ log softmax(z)_y. With smoothing ε
 * the target is (1 − ε)·[c = y] + ε/C, as torch.nn.CrossEntropyLoss's label_smoothing
 * (arXiv 1512.00567, section 7).
 * @param logits float32 [B, C]
 * @param labels int32 [B], each in 0…C−1
 */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D, smoothing = 0): Scalar {
  const perRow = customGrad(
    { logits },
    () => {
      const op = 'SparseSoftmaxCrossEntropyWithLogits';
      const [loss, gradient] = nativeOps<[Tensor1D, Tensor2D]>(op, entropyAttributes, [logits, labels], 2);
      return { value: loss, saved: { gradient } };
    },
    (dy, { gradient }) => ({ logits: tf.mul<Tensor2D>(tf.expandDims(dy, 1), gradient) }),
  );
  const hard = tf.mean<Scalar>(perRow);
  if (smoothing === 0) return hard;
  const uniform = tf.neg(tf.mean(tf.logSoftmax(logits)));
  return tf.add(tf.mul(hard, 1 - smoothing), tf.mul(uniform, smoothing));
}
