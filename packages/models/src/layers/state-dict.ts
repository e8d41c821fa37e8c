import { McldError } from '@mcld/errors/mcld-error.js';
import { normals } from '@mcld/random/draws.js';
import type { ModelName } from '../zoo/registry.js';
import { elements, type ParameterSpec } from './parameter-spec.js';
import { declareParameters } from './parameters.js';

/** One array of a state dict, with PyTorch's axes. */
export interface StateArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** PyTorch's state_dict: names and axes (convolutions OIHW), float32. */
export type StateDict = ReadonlyMap<string, StateArray>;

/** An array that the state is known to have. @throws Error when it does not */
export function arrayOf(state: StateDict, name: string): StateArray {
  const array = state.get(name);
  if (!array) throw new Error(`the weights have no tensor ${name}`);
  return array;
}

/** Thrown when weights are not those of the model they are loaded into. */
export class WeightMismatchError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'WEIGHT_MISMATCH' } as const;
}

/**
 * A model's weights before training: convolutions He normal, fan-out; batch norms 1 and 0; linear
 * layers as PyTorch's default in spread (uniform ±1/√in there, normal of that variance here).
 */
export function initialState(model: ModelName, classes: number, seed: number): StateDict {
  const { parameters } = declareParameters(model, classes);
  return new Map(parameters.map((spec, k) => [spec.name, { shape: spec.shape, data: initialValues(spec, seed, k) }]));
}

function initialValues({ kind, shape, std }: ParameterSpec, seed: number, place: number): Float32Array {
  const n = elements(shape);
  const [out = 1, fanIn = 1, kh = 1, kw = 1] = shape;
  switch (kind) {
    case 'conv':
      return normals(n, std ?? Math.sqrt(2 / (out * kh * kw)), seed, place);
    case 'linear':
    case 'token':
      return normals(n, std ?? Math.sqrt(1 / (3 * fanIn)), seed, place);
    case 'norm-scale':
    case 'running-variance':
      return new Float32Array(n).fill(1);
    case 'bias':
    case 'norm-shift':
    case 'running-mean':
      return new Float32Array(n);
  }
}

/**
 * How many classes weights of `model` were made for: the rows of its last linear layer.
 * @returns 0 where they have no such tensor
 */
export function classesOf(model: ModelName, state: ReadonlyMap<string, { readonly shape: readonly number[] }>): number {
  const head = declareParameters(model, 1).parameters.findLast(({ kind }) => kind === 'linear');
  return (head && state.get(head.name)?.shape[0]) ?? 0;
}

/** @throws WeightMismatchError with how many of an array's values are not numbers, and the first of them */
export function assertFinite(name: string, { data }: StateArray): void {
  const first = data.find((v) => !Number.isFinite(v));
  if (first === undefined) return;
  const count = data.reduce((sum, v) => sum + (Number.isFinite(v) ? 0 : 1), 0);
  throw new WeightMismatchError(`${name} holds values that are not numbers (${first}): ${count} of ${data.length}`);
}

/**
 * Checks that `state` holds exactly the model's arrays; `num_batches_tracked` is allowed and ignored.
 * @throws WeightMismatchError naming the first array that differs, with both shapes
 */
export function assertStateOf(model: ModelName, classes: number, state: StateDict): void {
  const { parameters } = declareParameters(model, classes);
  for (const { name, shape } of parameters) {
    const array = state.get(name);
    const want = `${model} has ${name} [${shape.join(', ')}]`;
    if (!array) throw new WeightMismatchError(`${want}, but the weights have no such tensor`);
    if (array.shape.join() !== shape.join()) {
      throw new WeightMismatchError(`${want}, but the weights have it as [${array.shape.join(', ')}]`);
    }
    assertFinite(name, array);
  }
  const known = new Set(parameters.map(({ name }) => name));
  for (const [name, { shape }] of state) {
    if (known.has(name) || name.endsWith('.num_batches_tracked')) continue;
    throw new WeightMismatchError(`the weights have ${name} [${shape.join(', ')}], which ${model} does not`);
  }
}
