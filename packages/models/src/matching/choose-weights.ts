import { listed, shown } from '@mcld/errors/text.js';
import { assertFinite, type StateArray, type StateDict, WeightMismatchError } from '../layers/state-dict.js';
import type { ModelName } from '../zoo/registry.js';
import { averagedAmong, namesAverage } from './averaged-weights.js';
import { computedWeightOf, describeComputed } from './computed-weights.js';
import { distinct, type Fit, fitsOf } from './fit-names.js';
import { describeMisfit } from './misfit.js';
import { TensorNames } from './tensor-names.js';

/** Which weights of a checkpoint are wanted; '': the raw ones, or what there is. */
export type WantedWeights = 'raw' | 'ema' | '';

export interface ChosenWeights {
  readonly state: StateDict;
  readonly classes: number;
  /** What was chosen, and what was left out, as sentences for people. */
  readonly notes: readonly string[];
}

/**
 * The weights of `model` among a file's tensors. Two sets that could be meant are refused, unless one of them is a copy
 * or the average (EMA) of the other.
 * @throws WeightMismatchError with what the file has instead
 */
export function chooseWeights(model: ModelName, tensors: TensorNames, kind: WantedWeights): ChosenWeights {
  const fits = fitsOf(model, tensors);
  if (fits.length === 0) throw new WeightMismatchError(describeMisfit(model, tensors));
  const computed = computedWeightOf(model, tensors);
  if (computed) throw new WeightMismatchError(describeComputed(computed));
  const averages = averagedAmong(fits, tensors);
  const averaged = distinct(averages, tensors);
  const raw = distinct(
    fits.filter((fit) => !averages.includes(fit)),
    tensors,
  );
  const pool = kind === 'ema' || (kind === '' && raw.length === 0) ? averaged : raw;
  const [fit] = pool;
  if (!fit)
    throw new WeightMismatchError(`weights: ${kind}, but ${without(model, kind, [...raw, ...averaged], tensors)}`);
  if (pool.length > 1) throw new WeightMismatchError(ambiguous(model, pool));
  const others = pool === raw ? averaged : raw;
  return { state: readAll(fit), classes: fit.classes, notes: notesOf(model, fit, pool === raw, others, fits) };
}

function readAll({ weights }: Fit): StateDict {
  const state = new Map<string, StateArray>();
  for (const [own, { name, tensor }] of weights) {
    const array = { shape: tensor.shape, data: tensor.read(shown(name)) };
    assertFinite(shown(name), array);
    state.set(own, array);
  }
  return state;
}

/** Where the weights lie; '' also for weights of several folders. */
function folderOf({ prefix, weights }: Fit): string {
  const [first] = weights.values();
  const folder = first?.folder ?? '';
  return `${prefix}.`.startsWith(`${folder}.`) ? folder : '';
}

function notesOf(model: ModelName, fit: Fit, isRaw: boolean, others: readonly Fit[], fits: readonly Fit[]): string[] {
  const notes: string[] = [];
  const folder = folderOf(fit);
  const before = fit.prefix.slice(folder === '' ? 0 : folder.length + 1);
  if (folder !== '') notes.push(`the weights under ${quoted(folder)} are taken`);
  if (before !== '') notes.push(`${quoted(before)} is taken off the tensors' names`);
  if (fit.dropped.length > 0) notes.push(`left out of the tensors' names: ${listed(fit.dropped.map(quoted))}`);
  const elsewhere = others.map(placeOf).join(', ');
  if (isRaw && others.length > 0) notes.push(`averaged (EMA) weights lie ${elsewhere}; weights: ema takes them`);
  if (!isRaw)
    notes.push(
      `these are averaged (EMA) weights; ${elsewhere ? `raw ones lie ${elsewhere}` : 'the file has no others'}`,
    );
  const explained = new Set(fits.flatMap(({ weights }) => [...weights.values()]));
  const left = fit.beside.filter((tensor) => !explained.has(tensor)).map(({ name }) => shown(name));
  if (left.length > 0) notes.push(`left out, for ${model} has no such tensors: ${listed(left)}`);
  return notes;
}

const quoted = (name: string): string => `'${shown(name)}'`;

const placeOf = ({ prefix }: Fit): string =>
  prefix === '' ? 'at the top of the file' : `under ${quoted(prefix.replace(/\.$/, ''))}`;

function ambiguous(model: ModelName, pool: readonly Fit[]): string {
  const summary = `${pool.length} sets of weights in the file fit ${model}: ${listed(pool.map(placeOf))}`;
  return `${summary}. Save the one that is meant alone: torch.save(model.state_dict(), 'weights.pth')`;
}

/** What a file has that fits, where it is not of the kind that is wanted. */
function without(model: ModelName, kind: WantedWeights, fits: readonly Fit[], tensors: TensorNames): string {
  const places = listed(fits.map(placeOf));
  if (kind === 'raw') return `the file has averaged (EMA) weights alone, ${places}`;
  const reason = `the file has no averaged (EMA) weights that fit ${model}; those that fit lie ${places}`;
  const averaged = tensors.all.filter(({ name }) => namesAverage(name));
  return averaged.length === 0
    ? reason
    : `${reason}. What is named so: ${describeMisfit(model, new TensorNames(averaged))}`;
}
