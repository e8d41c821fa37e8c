import { splitFlat } from '@mcld/tensor/flat-vector.js';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { fromNative, nativeShape, toNative } from './axes.js';
import { elements, type ParameterSpec } from './parameter-spec.js';
import type { StateArray, StateDict } from './state-dict.js';

/** Some of a model's arrays as one vector, one after the other with their native axes (HWIO). */
export class FlatArrays {
  readonly #shapes: readonly (readonly number[])[];
  readonly size: number;

  constructor(readonly specs: readonly ParameterSpec[]) {
    this.#shapes = specs.map(nativeShape);
    this.size = specs.reduce((sum, { shape }) => sum + elements(shape), 0);
  }

  /** The vector cut into tensors by name. */
  cut(vector: Tensor1D): { readonly names: readonly string[]; readonly pieces: readonly Tensor[] } {
    return { names: this.specs.map(({ name }) => name), pieces: splitFlat(vector, this.#shapes) };
  }

  /** Cuts a vector into PyTorch's arrays. */
  unflatten(flat: Float32Array): StateDict {
    let offset = 0;
    return new Map(
      this.specs.map((spec) => {
        const piece = flat.subarray(offset, offset + elements(spec.shape));
        offset += piece.length;
        return [spec.name, { shape: spec.shape, data: fromNative(spec, piece) }];
      }),
    );
  }

  /**
   * The inverse of `unflatten`. @throws Error when an array is missing or of another size
   * @param nameOf what the state calls an array, default its name here
   */
  flatten(state: StateDict, nameOf: (name: string) => string = (name) => name): Float32Array {
    const flat = new Float32Array(this.size);
    let offset = 0;
    for (const spec of this.specs) {
      const name = nameOf(spec.name);
      const array: StateArray | undefined = state.get(name);
      if (array?.data.length !== elements(spec.shape)) {
        const size = array ? `${array.data.length} values` : 'nothing';
        throw new Error(`expected ${elements(spec.shape)} values under ${name}, found ${size}`);
      }
      flat.set(toNative(spec, array.data), offset);
      offset += array.data.length;
    }
    return flat;
  }
}
