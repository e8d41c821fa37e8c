/** A tensor that a file holds; its numbers are read when they are wanted. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** As PyTorch calls it: `float32`. */
  readonly dtype: string;
  /** Equal for two tensors that are the same numbers of the file, seen the same way. */
  readonly place: string;
  /**
   * In C order, float32.
   * @param name for messages
   * @throws WeightMismatchError when it holds no floating-point numbers
   */
  read(name: string): Float32Array;
}

/** A tensor and where it stands in its file. */
export interface NamedTensor {
  /** The dicts that lead to it, as `state_dict` or `model.ema`; empty at the top. */
  readonly folder: string;
  /** With its folder: `state_dict.conv1.weight`. */
  readonly name: string;
  readonly tensor: StoredTensor;
}

/** Joins a folder and a name in it. */
export const under = (folder: string, name: string): string => (folder === '' ? name : `${folder}.${name}`);
