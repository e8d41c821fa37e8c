import { createHash } from 'node:crypto';
import { shown } from '@mcld/errors/text.js';
import { type NamedTensor, type StoredTensor, under } from '../formats/stored-tensor.js';
import { WeightMismatchError } from '../layers/state-dict.js';

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
  readonly #digests = new Map<string, string>();
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

  /** Whether two tensors are one, or copies: their numbers are then equal to the bit. */
  isSame({ name, tensor: a }: NamedTensor, { name: other, tensor: b }: NamedTensor): boolean {
    if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
    return a.place === b.place || this.#digest(name, a) === this.#digest(other, b);
  }

  /** What is read of a file is bounded: its tensors are read once, however many they are compared with. */
  #digest(name: string, tensor: StoredTensor): string {
    const digest = this.#digests.get(tensor.place) ?? sha256(tensor.read(shown(name)));
    this.#digests.set(tensor.place, digest);
    return digest;
  }

  /** Folders that hold tensors and those around them, inner ones first. */
  get folders(): readonly TensorFolder[] {
    this.#folders ??= foldersOf(this.all);
    return this.#folders;
  }
}

const sha256 = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');

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
