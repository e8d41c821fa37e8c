import { shown } from '@mcld/errors/text.js';
import { type NamedTensor, under } from '../formats/stored-tensor.js';
import { declareParameters } from '../layers/parameters.js';
import type { ModelName } from '../zoo/registry.js';
import type { TensorNames } from './tensor-names.js';

/** Why what a file stores is not the weight that its model used: the model computed that as it ran. */
interface Kind {
  readonly name: string;
  /** @param parameter of its layer: `weight` */
  readonly advice: (parameter: string) => string;
}

/** A tensor that a weight was computed from. */
export interface ComputedWeight {
  /** The name that the weight would have if it were stored: `fc.weight` for `fc.parametrizations.weight.original`. */
  readonly weight: string;
  readonly from: string;
  readonly kind: Kind;
}

const bake = (call: string) => (parameter: string) => `Bake it in with ${call.replace('?', parameter)} and save again`;

const parametrization: Kind = {
  name: 'a parametrization',
  advice: bake("torch.nn.utils.parametrize.remove_parametrizations(module, '?', leave_parametrized=True)"),
};
const pruning: Kind = { name: 'pruning', advice: bake("torch.nn.utils.prune.remove(module, '?')") };
const weightNorm: Kind = { name: 'weight_norm', advice: bake("torch.nn.utils.remove_weight_norm(module, '?')") };
const spectralNorm: Kind = { name: 'spectral_norm', advice: bake("torch.nn.utils.remove_spectral_norm(module, '?')") };
const adapter: Kind = {
  name: 'an adapter such as LoRA',
  advice: () =>
    'Merge it into the weights (with peft: merged = model.merge_and_unload()) and save those: ' +
    "torch.save(merged.state_dict(), 'weights.pth')",
};
const quantisation: Kind = {
  name: 'quantisation',
  advice: () => 'Save the float model that it was made from, or export the quantised one to ONNX and name that',
};

/** Words in the names of such tensors, as PyTorch, peft, loralib, bitsandbytes and GPTQ have them. */
const kinds: readonly (readonly [word: RegExp, kind: Kind])[] = [
  [/^parametrizations$/, parametrization],
  [/^(base_layer|original_module|modules_to_save)$/, adapter],
  [/^(lora|hada|lokr|oft|boft|vera|ia3)_\w+$/i, adapter],
  [/^(_packed_params|weight_fake_quant|activation_post_process(_\d+)?)$/, quantisation],
  [/^(qweight|qzeros|SCB|absmax|quant_map)$/, quantisation],
];

const kindOf = (word: string): Kind | undefined => kinds.find(([pattern]) => pattern.test(word))?.[1];

/** Whether a word in a name says that the weight is another than the tensor, and is not that of a mere wrapper. */
export const changesWeight = (word: string): boolean => kindOf(word) !== undefined || /^original\d*$/.test(word);

/** What a parameter is split into, by the ends of the names: `weight_g` and `weight_v`. */
const pairs: readonly (readonly [end: string, other: string, kind: Kind])[] = [
  ['_orig', '_mask', pruning],
  ['_orig', '_u', spectralNorm],
  ['_bar', '_u', spectralNorm],
  ['_g', '_v', weightNorm],
];

/** @returns undefined for a tensor that is what it is called */
export function computedFrom(tensor: NamedTensor, tensors: TensorNames): ComputedWeight | undefined {
  const parts = tensors.words(tensor);
  const at = parts.findIndex((part) => kindOf(part) !== undefined);
  const kind = kindOf(parts[at] ?? '');
  if (kind) return { weight: weightAround(parts, at), from: tensor.name, kind };
  const layer = parts.slice(0, -1).join('.');
  const own = parts.at(-1) ?? '';
  const has = (name: string) => tensors.byName.has(under(layer, name));
  for (const [a, b, of] of pairs) {
    const end = own.endsWith(a) ? a : b;
    const parameter = own.slice(0, -end.length);
    if (own === parameter + end && has(parameter + a) && has(parameter + b)) {
      return { weight: under(layer, parameter), from: tensor.name, kind: of };
    }
  }
  const isScale = own === 'scale' && has('zero_point');
  return isScale ? { weight: under(layer, 'weight'), from: tensor.name, kind: quantisation } : undefined;
}

const PARAMETERS = new Set(['weight', 'bias']);

/** The parameter's name stands before such a word, behind it, or nowhere: `fc.lora_A`. */
function weightAround(parts: readonly string[], at: number): string {
  const before = parts.slice(0, at);
  if (PARAMETERS.has(before.at(-1) ?? '')) return before.join('.');
  const parameter = parts.slice(at).find((part) => PARAMETERS.has(part)) ?? 'weight';
  return [...before, parameter].join('.');
}

/**
 * A weight of the model that the file has in parts alone: one of a set that is whole except for such weights, or one
 * that an adapter anywhere changes. A set that fits beside it would be another, such as the weights that training began
 * with.
 */
export function computedWeightOf(model: ModelName, tensors: TensorNames): ComputedWeight | undefined {
  const names = declareParameters(model, 1).parameters.map(({ name }) => name);
  const computed = tensors.all.flatMap((tensor) => computedFrom(tensor, tensors) ?? []);
  const weights = new Set(computed.map(({ weight }) => weight));
  const has = (name: string) => weights.has(name) || tensors.byName.has(name);
  const own = new Set(names);
  const whole = new Map<string, boolean>();
  return computed.find(({ weight, kind }) => {
    for (const prefix of prefixesOf(weight, own)) {
      if (kind === adapter) return true;
      const isWhole = whole.get(prefix) ?? names.every((name) => has(prefix + name));
      whole.set(prefix, isWhole);
      if (isWhole) return true;
    }
    return false;
  });
}

/** Deeper than any model's names. */
const MOST_PARTS = 12;

/** What stands before a model's name at the end of a longer one. */
function prefixesOf(name: string, own: ReadonlySet<string>): readonly string[] {
  const parts = name.split('.').slice(-MOST_PARTS);
  const ends = parts.map((_, at) => parts.slice(at).join('.'));
  return ends.filter((end) => own.has(end)).map((end) => name.slice(0, name.length - end.length));
}

/** As a sentence: what is stored in a weight's place, and what to do. */
export function describeComputed({ weight, from, kind }: ComputedWeight): string {
  const parameter = weight.split('.').at(-1) ?? '';
  const reason = `the weights are not stored as the model uses them: ${shown(from)} is part of ${kind.name}`;
  return `${reason}. ${kind.advice(shown(parameter, 40))}`;
}
