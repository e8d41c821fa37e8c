import type { Fit } from './fit-names.js';
import type { TensorNames } from './tensor-names.js';

const COUNTER = 'n_averaged';
const AVERAGED = new Set(['ema', 'swa', 'avg', 'average', 'averaged', 'polyak', 'shadow']);
/** As in `online_model`, which lies beside `ema_model` in a dict called `ema`, and in `non_ema`. */
const RAW = new Set(['online', 'raw', 'no', 'non', 'not', 'without']);

/** Words of a name in snake_case, camelCase or with dots. */
const wordsOf = (name: string): readonly string[] =>
  (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase());

/** Adam's `exp_avg` is an average of gradients. */
export const namesAverage = (name: string): boolean =>
  wordsOf(name.replaceAll('exp_avg', '')).some((word) => AVERAGED.has(word));

/**
 * Those of a file's fits that are averages over a training's steps. What the names of all have in common, such as an
 * experiment's, tells none from another, and counts only where nothing else tells.
 */
export function averagedAmong(fits: readonly Fit[], tensors: TensorNames): readonly Fit[] {
  const shared = sharedParts(fits.map(partsOf));
  const own = fits.filter((fit) => saysAverage(partsOf(fit).slice(shared)) || isMarked(fit, tensors));
  return own.length > 0 ? own : fits.filter((fit) => saysAverage(partsOf(fit)));
}

/** Of the first weight's name: the model's own part of it says nothing of averages. */
const partsOf = ({ weights }: Fit): readonly string[] => [...weights.values()][0]?.name.split('.') ?? [];

function sharedParts([first = [], ...others]: readonly (readonly string[])[]): number {
  if (others.length === 0) return 0;
  const differs = first.findIndex((part, at) => others.some((parts) => parts[at] !== part));
  return differs === -1 ? first.length : differs;
}

/** The innermost part that says something decides. */
function saysAverage(parts: readonly string[]): boolean {
  const isRaw = (part: string) => wordsOf(part).some((word) => RAW.has(word));
  const telling = parts.findLast((part) => namesAverage(part) || isRaw(part));
  return telling !== undefined && !isRaw(telling);
}

/** Averages that something beside them tells: the counter of torch's AveragedModel, or the raw weights' name. */
function isMarked({ weights }: Fit, tensors: TensorNames): boolean {
  const [{ name, folder } = { name: '', folder: '' }] = weights.values();
  // Lightning's WeightAveraging puts the average in the place of the raw weights, and those under this name.
  const swapped = folder === 'state_dict' && tensors.all.some((other) => other.folder === 'current_model_state');
  const counts = tensors.all.filter((other) => other.folder === folder && other.name.endsWith(COUNTER));
  return swapped || counts.some((count) => name.startsWith(`${count.name.slice(0, -COUNTER.length)}module.`));
}
