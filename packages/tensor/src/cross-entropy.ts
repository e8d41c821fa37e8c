import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, float, nativeOp } from './native-op.js';

const entropyAttributes: Attributes = { T: float, Tlabels: { type: 'int32' } };

/**
 * Cross-entropy of logits against classes, batch mean: −(1/B) Σ log softmax(z)_y. With smoothing ε
 * the target is (1 − ε)·[c = y] + ε/C, as torch.nn.CrossEntropyLoss's label_smoothing
 * (arXiv 1512.00567, section 7).
 * @param logits float32 [B, C]
 * @param labels int32 [B], each in 0…C−1
 */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D, smoothing = 0): tf.Scalar {
  const perRow = tf.customGrad((z, save) => {
    const inputs = [z as Tensor, labels];
    const [loss, gradient] = nativeOp('SparseSoftmaxCrossEntropyWithLogits', entropyAttributes, inputs, 2);
    (save as tf.GradSaveFunc)([gradient as Tensor]);
    return {
      value: loss as Tensor,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(tf.expandDims(dy, 1), saved as Tensor),
    };
  })(logits);
  const hard = tf.mean(perRow) as tf.Scalar;
  if (smoothing === 0) return hard;
  const uniform = tf.neg(tf.mean(tf.logSoftmax(logits)));
  return tf.add(tf.mul(hard, 1 - smoothing), tf.mul(uniform, smoothing));
}
