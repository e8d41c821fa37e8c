import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, float, nativeOp } from './native-op.js';

const entropyAttributes: Attributes = { T: float, Tlabels: { type: 'int32' } };
const softAttributes: Attributes = { T: float };

/**
 * Cross-entropy of logits against classes, batch mean: −(1/B) Σ log softmax(z)_y. With smoothing ε
 * the target is (1 − ε)·[c = y] + ε/C, as torch.nn.CrossEntropyLoss's label_smoothing
 * (arXiv 1512.00567, section 7).
 * @param logits float32 [B, C]
 * @param labels int32 [B], each in 0…C−1
 */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D, smoothing = 0): tf.Scalar {
  const perRow = fused('SparseSoftmaxCrossEntropyWithLogits', entropyAttributes, logits, labels);
  const hard = tf.mean(perRow) as tf.Scalar;
  if (smoothing === 0) return hard;
  const uniform = tf.neg(tf.mean(tf.logSoftmax(logits)));
  return tf.add(tf.mul(hard, 1 - smoothing), tf.mul(uniform, smoothing));
}

/**
 * Cross-entropy of logits against probabilities, batch mean: −(1/B) Σ_c p_c log softmax(z)_c.
 * @param logits float32 [B, C]; probabilities: float32 [B, C], rows of sum 1; no gradient flows into them
 */
export function softCrossEntropy(logits: Tensor2D, probabilities: Tensor2D): tf.Scalar {
  return tf.mean(fused('SoftmaxCrossEntropyWithLogits', softAttributes, logits, probabilities));
}

/** TensorFlow's kernels give a row's loss and its gradient at once. */
function fused(op: string, attributes: Attributes, logits: Tensor2D, labels: Tensor): Tensor {
  return tf.customGrad((z, save) => {
    const [loss, gradient] = nativeOp(op, attributes, [z as Tensor, labels], 2) as [Tensor, Tensor];
    (save as tf.GradSaveFunc)([gradient]);
    return {
      value: loss,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(tf.expandDims(dy, 1), saved as Tensor),
    };
  })(logits);
}
