import type { RunningStatistics } from '@mcld/tensor/batch-norm.js';
import { concatFlat } from '@mcld/tensor/flat-vector.js';
import { ofRank } from '@mcld/tensor/rank.js';
import { zip } from '@mcld/tensor/zip.js';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { FlatArrays } from './flat-arrays.js';

/** The running statistics of all of a model's batch norms during one forward pass. */
export class Statistics {
  readonly #names: readonly string[];
  readonly #current: Map<string, Tensor>;

  /** @param vector all of them, in the order of `arrays` */
  constructor(arrays: FlatArrays, vector: Tensor1D) {
    // A vision transformer has none, and nothing is not cut.
    const { names, pieces } = arrays.size > 0 ? arrays.cut(vector) : { names: [], pieces: [] };
    this.#names = names;
    this.#current = new Map(zip(names, pieces));
  }

  of(norm: string): RunningStatistics {
    return { mean: ofRank(this.#of(`${norm}.running_mean`), 1), variance: ofRank(this.#of(`${norm}.running_var`), 1) };
  }

  move(norm: string, { mean, variance }: RunningStatistics): void {
    this.#current.set(`${norm}.running_mean`, mean);
    this.#current.set(`${norm}.running_var`, variance);
  }

  /** One vector again; the pieces are disposed. */
  joined(): Tensor1D {
    const pieces = this.#names.map((name) => this.#of(name));
    const vector = pieces.length > 0 ? concatFlat(pieces) : tf.tensor1d([], 'float32');
    tf.dispose(pieces);
    return vector;
  }

  #of(name: string): Tensor {
    const tensor = this.#current.get(name);
    if (!tensor) throw new Error(`no running statistic ${name}`);
    return tensor;
  }
}
