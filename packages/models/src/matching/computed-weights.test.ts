import { describe, expect, it } from 'vitest';
import { type NamedTensor, under } from '../formats/stored-tensor.js';
import { initialState, WeightMismatchError } from '../layers/state-dict.js';
import { chooseWeights } from './choose-weights.js';
import { TensorNames } from './tensor-names.js';

const weights = initialState('resnet8', 3, 0);
const plain = [...weights.keys()];

let places = 0;

/** The weight whose words a name has, in their order: `fc.weight` for `fc.base_layer.weight`. */
function within(name: string): string {
  const has = (own: string) => new RegExp(`(^|\\.)${own.split('.').join('\\.(.*\\.)?')}(\\.|$)`).test(name);
  return plain.filter(has).sort((a, b) => b.length - a.length)[0] ?? '';
}

/** Tensors that are as large as the weights that stand in their names; others have one number. */
function file(names: readonly string[], folder = ''): NamedTensor[] {
  return names.map((name) => {
    const { shape, data } = weights.get(within(name)) ?? { shape: [1], data: Float32Array.of(1) };
    const tensor = { shape, dtype: 'float32', place: String(places++), read: () => data };
    return { folder, name: under(folder, name), tensor };
  });
}

/** The names of a model's weights with those of one layer in other tensors. */
const instead = (weight: string, ...others: string[]) => plain.flatMap((name) => (name === weight ? others : [name]));

const refusal = (tensors: readonly NamedTensor[]): string => {
  try {
    chooseWeights('resnet8', new TensorNames(tensors), '');
  } catch (error) {
    if (error instanceof WeightMismatchError) return error.message.replace(/\. The file has .*$/s, '');
    throw error;
  }
  return expect.fail('was taken');
};

const said = (from: string, kind: string) =>
  `the weights are not stored as the model uses them: ${from} is part of ${kind}. `;

const baked = (from: string, kind: string, call: string) =>
  `${said(from, kind)}Bake it in with torch.nn.utils.${call}(module, 'weight') and save again`;
const parametrized = (from: string, parameter = 'weight') =>
  `${said(from, 'a parametrization')}Bake it in with torch.nn.utils.parametrize.remove_parametrizations(module, ` +
  `'${parameter}', leave_parametrized=True) and save again`;
const merge = (from: string) =>
  `${said(from, 'an adapter such as LoRA')}Merge it into the weights (with peft: merged = model.merge_and_unload()) ` +
  "and save those: torch.save(merged.state_dict(), 'weights.pth')";
const unquantised = (from: string) =>
  `${said(from, 'quantisation')}Save the float model that it was made from, or export the quantised one to ONNX and ` +
  'name that';

describe('weights that the model computes as it runs', () => {
  it('are not those that every convolution was parametrized from, though one tensor stands for each', () => {
    const names = plain.map((name) => name.replace(/(conv\d)\.weight$/, '$1.parametrizations.weight.original'));
    expect(refusal(file(names))).toBe(parametrized('conv1.parametrizations.weight.original'));
    const wrapped = names.map((name) => `module.${name}`);
    expect(refusal(file(wrapped, 'net'))).toBe(parametrized('net.module.conv1.parametrizations.weight.original'));
    const renamed = names.map((name) => name.replace('.parametrizations', ''));
    expect(refusal(file(renamed))).toBe('resnet8 has conv1.weight [16, 3, 3, 3], but the weights have no such tensor');
  });

  it.each([
    [
      'weight_norm of today',
      instead('fc.weight', 'fc.parametrizations.weight.original0', 'fc.parametrizations.weight.original1'),
      parametrized('fc.parametrizations.weight.original0'),
    ],
    [
      'a parametrized bias',
      instead('fc.bias', 'fc.parametrizations.bias.original'),
      parametrized('fc.parametrizations.bias.original', 'bias'),
    ],
    [
      'weight_norm',
      instead('fc.weight', 'fc.weight_g', 'fc.weight_v'),
      baked('fc.weight_g', 'weight_norm', 'remove_weight_norm'),
    ],
    [
      'spectral_norm',
      instead('fc.weight', 'fc.weight_orig', 'fc.weight_u', 'fc.weight_v'),
      baked('fc.weight_orig', 'spectral_norm', 'remove_spectral_norm'),
    ],
    [
      'spectral_norm of PyTorch 1.0, beside the last computed weight',
      [...plain, 'fc.weight_orig', 'fc.weight_u'],
      baked('fc.weight_orig', 'spectral_norm', 'remove_spectral_norm'),
    ],
    [
      'pruning',
      instead('layer1.0.conv1.weight', 'layer1.0.conv1.weight_orig', 'layer1.0.conv1.weight_mask'),
      baked('layer1.0.conv1.weight_orig', 'pruning', 'prune.remove'),
    ],
    [
      'LoRA of peft',
      instead('fc.weight', 'fc.base_layer.weight', 'fc.lora_A.default.weight', 'fc.lora_B.default.weight'),
      merge('fc.base_layer.weight'),
    ],
    [
      'LoRA of peft without its own tensors',
      instead('fc.weight', 'fc.base_layer.weight'),
      merge('fc.base_layer.weight'),
    ],
    ['LoRA of loralib', [...plain, 'fc.lora_A', 'fc.lora_B'], merge('fc.lora_A')],
    [
      'a layer that peft trained anew',
      instead('fc.weight', 'fc.original_module.weight', 'fc.modules_to_save.default.weight'),
      merge('fc.original_module.weight'),
    ],
    [
      'training for quantisation',
      [...plain, 'conv1.weight_fake_quant.scale', 'conv1.weight_fake_quant.zero_point'],
      unquantised('conv1.weight_fake_quant.scale'),
    ],
    [
      'a quantised layer',
      instead('fc.weight', 'fc.scale', 'fc.zero_point', 'fc._packed_params._packed_params.0'),
      unquantised('fc.scale'),
    ],
    ['GPTQ', instead('fc.weight', 'fc.qweight', 'fc.qzeros', 'fc.scales'), unquantised('fc.qweight')],
    ['bitsandbytes', [...plain, 'fc.weight.absmax', 'fc.weight.quant_map'], unquantised('fc.weight.absmax')],
  ])('are refused with what to do: %s', (_name, names, message) => {
    expect(refusal(file(names))).toBe(message);
    const prefixed = names.map((name) => `model.${name}`);
    const inDict = message.replace(/: (\S+) is part of/, ': state_dict.model.$1 is part of');
    expect(refusal(file(prefixed, 'state_dict'))).toBe(inDict);
  });

  it('are not replaced by a whole set that lies beside them', () => {
    const normed = file(instead('fc.weight', 'fc.weight_g', 'fc.weight_v'), 'model');
    expect(refusal([...normed, ...file(plain, 'init')])).toMatch(
      /^the weights are not stored as the model uses them: model\.fc\.weight_g is part of weight_norm\. /,
    );
    const adapters = file(['fc.lora_A', 'fc.lora_B'], 'lora');
    expect(refusal([...file(plain, 'model'), ...adapters])).toBe(merge('lora.fc.lora_A'));
  });

  it('in a part of the file that is not a model are left out', () => {
    const head = file(
      ['head.mlp.weight', 'head.fc.weight_g', 'head.fc.weight_v', 'head.last.weight_orig'],
      'criterion',
    );
    const { notes, classes } = chooseWeights('resnet8', new TensorNames([...file(plain, 'original'), ...head]), '');
    expect(notes).toEqual(["the weights under 'original' are taken"]);
    expect(classes).toBe(3);
  });

  it('are not what a tensor made of a parameter is: its momentum, its gradient', () => {
    const slots = file(plain.map((name) => `state.${name}.momentum_buffer`));
    expect(refusal(slots)).toBe('resnet8 has conv1.weight [16, 3, 3, 3], but the weights have no such tensor');
  });
});
