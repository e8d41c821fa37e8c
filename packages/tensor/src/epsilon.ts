/*
 * What norms add to a variance. Apart from the ops, since files that compute nothing need them: the control plane
 * writes ONNX without TensorFlow.
 */

/** PyTorch's default. */
export const BATCH_NORM_EPSILON = 1e-5;

/** timm's, for vision transformers. */
export const LAYER_NORM_EPSILON = 1e-6;
