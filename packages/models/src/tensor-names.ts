import { WeightMismatchError } from './state-dict.js';
import { type NamedTensor, under } from './stored-tensor.js';

/** A folder of a file with all that lies in it, at any depth. */
export interface TensorFolder {
  /** Before the names in it: empty for the whole file, else with a dot at its end. */
  readonly prefix: string;
  readonly inside: readonly NamedTensor[];
}

/** Counts, of batches and of averaged models, which say nothing of the weights. */
export const isCounter = (name: string): boolean => /(^|\.)(num_batches_tracked|n_averaged)$/.test(name);

/** Names are compared in many ways; no checkpoint of a classifier comes near. */
const MOST_TENSORS = 10_000;

/** The tensors of a file, for the search of a model's among them. */
export class TensorNames {
  readonly byName: ReadonlyMap<string, NamedTensor>;
  readonly #words = new Map<NamedTensor, readonly string[]>();
  #folders: readonly TensorFolder[] | undefined;

  /** @throws WeightMismatchError when there are too many, or two of one name */
  constructor(readonly all: readonly NamedTensor[]) {
    if (all.length > MOST_TENSORS) {
      throw new WeightMismatchError(`the file has ${all.length} tensors; ${MOST_TENSORS} are looked through`);
    }
    this.byName = new Map(all.map((tensor) => [tensor.name, tensor]));
    if (this.byName.size < all.length) throw new WeightMismatchError('the file has two tensors of one name');
  }

  /** What stands between the dots of a tensor's name. */
  words(tensor: NamedTensor): readonly string[] {
    const words = this.#words.get(tensor) ?? tensor.name.split('.');
    this.#words.set(tensor, words);
    return words;
  }

  /** Folders that hold tensors and those around them, inner ones first. */
  get folders(): readonly TensorFolder[] {
    this.#folders ??= foldersOf(this.all);
    return this.#folders;
  }
}

function foldersOf(tensors: readonly NamedTensor[]): readonly TensorFolder[] {
  const folders = new Map<string, NamedTensor[]>([['', [...tensors]]]);
  for (const tensor of tensors) {
    let outer = '';
    for (const part of tensor.folder === '' ? [] : tensor.folder.split('.')) {
      outer = under(outer, part);
      const inside = folders.get(outer);
      if (inside) inside.push(tensor);
      else folders.set(outer, [tensor]);
    }
  }
  const depth = (folder: string) => (folder === '' ? 0 : folder.split('.').length);
  return [...folders]
    .sort(([a], [b]) => depth(b) - depth(a))
    .map(([folder, inside]) => ({ prefix: folder && `${folder}.`, inside }));
}
