import type { Tensor } from '@tensorflow/tfjs-core';
import { nativeBackend } from './backend.js';

/** A typed value of a TensorFlow op's attribute. */
export type AttributeValue =
  | { readonly int: number | readonly number[] }
  | { readonly float: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly type: 'float32' | 'int32' };

/** An op's attributes. Kept by the caller and passed again: each object is encoded once. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

export const float: AttributeValue = { type: 'float32' };

/**
 * Runs one TensorFlow op that tfjs has no kernel for, and that has one output. It takes part in no gradient by itself:
 * call it inside `customGrad`.
 * @returns of the rank that the caller states, as tfjs's own ops
 * @throws Error with TensorFlow's message when the op refuses its inputs
 */
export function nativeOp<T extends Tensor>(name: string, attributes: Attributes, inputs: readonly Tensor[]): T {
  return nativeOps<[T]>(name, attributes, inputs, 1)[0];
}

/** `nativeOp` of an op with several outputs: as many as the caller states. */
export function nativeOps<T extends readonly Tensor[]>(
  name: string,
  attributes: Attributes,
  inputs: readonly Tensor[],
  outputs: T['length'],
): T {
  return nativeBackend().executeMultipleOutputs<T>(name, encoded(attributes), inputs, outputs);
}

// A step calls some hundred ops with the same few sets of attributes: each set is encoded once.
const encodings = new WeakMap<object, readonly unknown[]>();

function encoded(attributes: Attributes): readonly unknown[] {
  const known = encodings.get(attributes);
  if (known) return known;
  const list = Object.entries(attributes).map(([key, value]) => encode(key, value));
  encodings.set(attributes, list);
  return list;
}

function encode(name: string, value: AttributeValue): { name: string; type: number; value: unknown } {
  const { binding } = nativeBackend();
  if ('int' in value) return { name, type: binding.TF_ATTR_INT, value: value.int };
  if ('float' in value) return { name, type: binding.TF_ATTR_FLOAT, value: value.float };
  if ('bool' in value) return { name, type: binding.TF_ATTR_BOOL, value: value.bool };
  if ('string' in value) return { name, type: binding.TF_ATTR_STRING, value: value.string };
  const dtype = value.type === 'float32' ? binding.TF_FLOAT : binding.TF_INT32;
  return { name, type: binding.TF_ATTR_TYPE, value: dtype };
}
