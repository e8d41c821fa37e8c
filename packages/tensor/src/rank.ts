import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core';

interface OfRank {
  readonly 0: Scalar;
  readonly 1: Tensor1D;
  readonly 2: Tensor2D;
  readonly 3: Tensor3D;
  readonly 4: Tensor4D;
  readonly 5: Tensor5D;
}

/** Size of the last axis. @throws Error for a scalar, which has none */
export function lastOf(shape: readonly number[]): number {
  const size = shape.at(-1);
  if (size === undefined) throw new Error('a scalar has no last axis');
  return size;
}

/** A tensor as one of the rank that it is known to have. @throws Error when it has another */
export function ofRank<R extends keyof OfRank>(tensor: Tensor, rank: R): OfRank[R] {
  if (hasRank(tensor, rank)) return tensor;
  throw new Error(`expected a tensor of rank ${rank}, found one of shape [${tensor.shape.join(', ')}]`);
}

const hasRank = <R extends keyof OfRank>(tensor: Tensor, rank: R): tensor is OfRank[R] => tensor.rank === rank;
