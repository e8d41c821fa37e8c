import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

type Named = Readonly<Record<string, Tensor>>;

/** A result, and what of the forward pass its gradient needs. */
export interface Forward<Y extends Tensor, S extends Named> {
  readonly value: Y;
  readonly saved: S;
}

/**
 * A function of named tensors with a gradient of its own: `tf.customGrad` with names and types in the place of
 * positions. Other tensors that `forward` uses get no gradient.
 *
 * @example
 * const square = (x: Tensor1D) =>
 *   customGrad({ x }, () => ({ value: tf.square(x), saved: { x } }), (dy, { x }) => ({ x: tf.mul(dy, tf.mul(x, 2)) }));
 *
 * @param backward the gradient of each input, of its shape, given that of the result and what `forward` saved; to be
 *   taken from `saved`, since a step disposes of what else the forward pass computed
 */
export function customGrad<I extends Named, Y extends Tensor, S extends Named>(
  inputs: I,
  forward: () => Forward<Y, S>,
  backward: (dy: Y, saved: S) => { readonly [K in keyof I]: I[K] },
): Y {
  const differentiable = tf.customGrad<Y>((...given) => {
    const { value, saved } = forward();
    const save = given.at(-1);
    if (typeof save === 'function') save(Object.values(saved));
    const names = Object.keys(saved);
    const gradFunc = (dy: Y, copies: Tensor[]): Tensor[] => {
      // tfjs gives back what was saved as a list, in the order in which it was saved.
      const again = Object.fromEntries(copies.map((copy, i) => [names[i], copy])) as S;
      const gradients: Named = backward(dy, again);
      return Object.keys(inputs).map((name) => gradientOf(gradients, name));
    };
    return { value, gradFunc };
  });
  return differentiable(...Object.values(inputs));
}

function gradientOf(gradients: Named, name: string): Tensor {
  const gradient = gradients[name];
  if (!gradient) throw new Error(`no gradient of '${name}' among those of ${Object.keys(gradients).join(', ')}`);
  return gradient;
}
