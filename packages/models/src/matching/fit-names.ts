import type { NamedTensor } from '../formats/stored-tensor.js';
import { declareParameters } from '../layers/parameters.js';
import { classesOf } from '../layers/state-dict.js';
import type { ModelName } from '../zoo/registry.js';
import { changesWeight } from './computed-weights.js';
import { isCounter, type TensorNames } from './tensor-names.js';

/** Tensors of a file that are, whole and alone, the weights of a model. */
export interface Fit {
  /** What stands before the model's names, folders included: `state_dict.model.`; empty where nothing does. */
  readonly prefix: string;
  /** Words that were left out within names: `_orig_mod`, where layers were compiled one by one. */
  readonly dropped: readonly string[];
  readonly classes: number;
  /** By the model's names, in its order. */
  readonly weights: ReadonlyMap<string, NamedTensor>;
  /** What lies in the same folders and is not part of the model. */
  readonly beside: readonly NamedTensor[];
}

/**
 * Every way in which tensors of a file are the weights of a model: all of its names are there with their shapes, and
 * nothing else is named like them (so a smaller model is not found in a larger one's weights). Names may stand behind a
 * prefix; where no prefix makes them fit, words that the model's names do not know are left out of them.
 */
export function fitsOf(model: ModelName, tensors: TensorNames): readonly Fit[] {
  const names = declareParameters(model, 1).parameters.map(({ name }) => name);
  const behind = [...behindPrefix(model, names, tensors)];
  return behind.length > 0 ? behind : [...withoutWords(model, names, tensors)];
}

/** The same weights under several names, or copies of them, count once. */
export const distinct = (fits: readonly Fit[], tensors: TensorNames): readonly Fit[] =>
  fits.filter((fit, at) => !fits.slice(0, at).some((earlier) => isSame(earlier, fit, tensors)));

const isSame = (a: Fit, b: Fit, tensors: TensorNames): boolean =>
  [...a.weights].every(([name, one]) => {
    const other = b.weights.get(name);
    return other !== undefined && tensors.isSame(one, other);
  });

function* behindPrefix(model: ModelName, names: readonly string[], { all, byName }: TensorNames): Generator<Fit> {
  const [first = ''] = names;
  for (const { name } of all) {
    if (!name.endsWith(first)) continue;
    const prefix = name.slice(0, -first.length);
    const chosen = allOf(names, (name) => byName.get(prefix + name));
    const fit = chosen && wholeFit(model, chosen, all, (other) => other.name.startsWith(prefix));
    if (fit) yield { ...fit, prefix, dropped: [] };
  }
}

/** A checkpoint has few folders with as many tensors as a model; where there are more, they are not weights. */
const MOST_FOLDERS = 16;

/** Inner folders first: what lies around them need not be left out of the names. */
function* withoutWords(model: ModelName, names: readonly string[], tensors: TensorNames): Generator<Fit> {
  const known = new Set(names.flatMap((name) => name.split('.')));
  const large = tensors.folders.filter(({ inside }) => inside.length >= names.length);
  for (const { inside, prefix } of large.slice(0, MOST_FOLDERS)) {
    const words = (tensor: NamedTensor) => tensors.words(tensor).slice(prefix.split('.').length - 1);
    // Wrappers stand before a parameter's name; what comes after it is something made of the parameter.
    const isKept = (word: string, at: number, { length }: readonly string[]) =>
      known.has(word) || at === length - 1 || changesWeight(word);
    const byOwn = new Map<string, NamedTensor | undefined>();
    for (const tensor of inside) {
      const own = words(tensor).filter(isKept).join('.');
      // Two have the same name, so the intended one is unknown.
      byOwn.set(own, byOwn.has(own) ? undefined : tensor);
    }
    const chosen = allOf(names, (name) => byOwn.get(name));
    const fit = chosen && wholeFit(model, chosen, inside, () => true);
    if (!fit) continue;
    const dropped = new Set([...chosen.values()].flatMap(words).filter((word) => !known.has(word)));
    yield { ...fit, prefix, dropped: [...dropped] };
  }
}

function allOf(
  names: readonly string[],
  find: (name: string) => NamedTensor | undefined,
): ReadonlyMap<string, NamedTensor> | undefined {
  const chosen = new Map<string, NamedTensor>();
  for (const name of names) {
    const tensor = find(name);
    if (!tensor) return undefined;
    chosen.set(name, tensor);
  }
  return chosen;
}

/**
 * @param isAlike whether a tensor that is not part of the model is named as if it were: the weights are another model's
 * @returns undefined where shapes differ, or where there is such a tensor
 */
function wholeFit(
  model: ModelName,
  weights: ReadonlyMap<string, NamedTensor>,
  tensors: readonly NamedTensor[],
  isAlike: (tensor: NamedTensor) => boolean,
): Pick<Fit, 'classes' | 'weights' | 'beside'> | undefined {
  const shapes = new Map([...weights].map(([name, { tensor }]) => [name, tensor]));
  const classes = classesOf(model, shapes);
  if (classes === 0) return undefined;
  const { parameters } = declareParameters(model, classes);
  if (!parameters.every(({ name, shape }) => shapes.get(name)?.shape.join() === shape.join())) return undefined;
  const used = new Set(weights.values());
  const folders = new Set([...used].map(({ folder }) => folder));
  const beside = tensors.filter((tensor) => folders.has(tensor.folder) && !used.has(tensor) && !isCounter(tensor.name));
  return beside.some(isAlike) ? undefined : { classes, weights, beside };
}
