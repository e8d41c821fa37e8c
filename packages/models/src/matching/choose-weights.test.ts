import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeSafetensors, openSafetensors } from '../formats/safetensors.js';
import { type NamedTensor, under } from '../formats/stored-tensor.js';
import { initialState, type StateDict, WeightMismatchError } from '../layers/state-dict.js';
import type { ModelName } from '../zoo/registry.js';
import { chooseWeights, type WantedWeights } from './choose-weights.js';
import { modelsThatFit } from './misfit.js';
import { TensorNames } from './tensor-names.js';

const weights = initialState('resnet8', 3, 0);
const average = new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map((v) => v + 1) }]));
const one = (value: number): StateDict => new Map([['', { shape: [1], data: Float32Array.of(value) }]]);

const digest = (state: StateDict) => createHash('sha256').update(encodeSafetensors(state, {})).digest('hex');

let places = 0;

/** Tensors of one dict of a file, their names changed. */
function dict(folder: string, state: StateDict, rename: (name: string) => string = (name) => name): NamedTensor[] {
  return [...state].map(([name, { shape, data }]) => ({
    folder,
    name: under(folder, rename(name)),
    tensor: { shape, dtype: 'float32', place: String(places++), read: () => data },
  }));
}

const behind = (prefix: string) => (name: string) => prefix + name;

const chosen = (tensors: NamedTensor[], wanted: WantedWeights = '', model: ModelName = 'resnet8') =>
  chooseWeights(model, new TensorNames(tensors), wanted);

const named = (tensors: readonly NamedTensor[], model: ModelName = 'resnet8', wanted: WantedWeights = '') => {
  try {
    chooseWeights(model, new TensorNames(tensors), wanted);
  } catch (error) {
    if (error instanceof WeightMismatchError) return error.message;
    throw error;
  }
  return expect.fail('was taken');
};

const counter = (name: string): NamedTensor => ({
  ...(dict('', one(4), () => name)[0] as NamedTensor),
  folder: name.includes('.') ? name.replace(/\.[^.]*$/, '') : '',
});

describe('names that fit', () => {
  it.each([
    ['as they are', dict('', weights), []],
    ['in a dict', dict('state_dict', weights), ["the weights under 'state_dict' are taken"]],
    ['behind one prefix', dict('', weights, behind('module.')), ["'module.' is taken off the tensors' names"]],
    [
      'behind a prefix of several words that nobody knows, deep in dicts',
      dict('model.best', weights, behind('_orig_mod.some_net.')),
      ["the weights under 'model.best' are taken", "'_orig_mod.some_net.' is taken off the tensors' names"],
    ],
    [
      'with layers wrapped one by one',
      dict('', weights, (name) => name.replace('layer1.0.', 'layer1._orig_mod.0.')),
      ["left out of the tensors' names: '_orig_mod'"],
    ],
    [
      'in two dicts, beside the state of an optimizer',
      [
        ...dict('backbone', new Map([...weights].filter(([name]) => !name.startsWith('fc')))),
        ...dict('head', new Map([...weights].filter(([name]) => name.startsWith('fc')))),
        ...dict('optimizer.state.0', one(1), () => 'exp_avg'),
      ],
      ["left out of the tensors' names: 'backbone', 'head'"],
    ],
    [
      'beside tensors of a criterion',
      [...dict('state_dict', weights, behind('model.')), ...dict('state_dict', one(1), () => 'criterion.weight')],
      [
        "the weights under 'state_dict' are taken",
        "'model.' is taken off the tensors' names",
        'left out, for resnet8 has no such tensors: state_dict.criterion.weight',
      ],
    ],
    ['with counts of batches', [...dict('', weights), counter('bn1.num_batches_tracked')], []],
  ])('%s', (_name, tensors, notes) => {
    const found = chosen(tensors);
    expect(digest(found.state)).toBe(digest(weights));
    expect(found.classes).toBe(3);
    expect(found.notes).toEqual(notes);
  });

  it('of a safetensors file do as well', () => {
    const file = encodeSafetensors(new Map([...weights].map(([name, array]) => [`net.${name}`, array])), {});
    const found = chooseWeights('resnet8', new TensorNames(openSafetensors(file).tensors), '');
    expect(digest(found.state)).toBe(digest(weights));
    expect(found.notes).toEqual(["'net.' is taken off the tensors' names"]);
  });

  it('twice for the same tensors count once', () => {
    const first = dict('model', weights);
    const again = first.map(({ name, tensor }) => ({ folder: 'net', name: name.replace('model', 'net'), tensor }));
    expect(chosen([...first, ...again]).notes).toEqual(["the weights under 'model' are taken"]);
  });

  it('twice as equal copies count once, and of a raw set and its average both stay', () => {
    const copies = [...dict('model', weights), ...dict('best', weights), ...dict('last', weights)];
    expect(digest(chosen(copies).state)).toBe(digest(weights));
    expect(chosen(copies).notes).toEqual(["the weights under 'model' are taken"]);
    const early = [...dict('model', weights), ...dict('model_ema', weights)];
    expect(chosen(early, 'ema').notes).toContain("these are averaged (EMA) weights; raw ones lie under 'model'");
    const nearly = new Map([...weights, ['fc.bias', { shape: [3], data: Float32Array.of(0, 0, 1e-7) }]] as const);
    expect(named([...dict('model', weights), ...dict('best', nearly)])).toMatch(
      /^2 sets of weights in the file fit resnet8: under 'model', under 'best'\. /,
    );
  });

  it('as copies are read once each, however many there are', () => {
    const reads = new Map<string, number>();
    const counted = ['a', 'b', 'c', 'd'].flatMap((folder) =>
      dict(folder, weights).map((one) => ({ ...one, tensor: { ...one.tensor, read: () => read(one) } })),
    );
    const read = ({ name, tensor }: NamedTensor) => {
      reads.set(name, (reads.get(name) ?? 0) + 1);
      return tensor.read(name);
    };
    expect(digest(chosen(counted).state)).toBe(digest(weights));
    expect(reads.size).toBe(counted.length);
    // Those that are taken are read once more.
    expect([...reads].filter(([name, times]) => times !== (name.startsWith('a.') ? 2 : 1))).toEqual([]);
  });

  it('twice for other tensors are refused: which are meant cannot be told', () => {
    expect(named([...dict('teacher', weights), ...dict('student', average)])).toBe(
      "2 sets of weights in the file fit resnet8: under 'teacher', under 'student'. " +
        "Save the one that is meant alone: torch.save(model.state_dict(), 'weights.pth')",
    );
  });

  it('of a student are found beside a larger teacher', () => {
    const teacher = dict('state_dict', initialState('resnet20', 3, 1), behind('teacher.'));
    const found = chosen([...teacher, ...dict('state_dict', weights, behind('student.'))]);
    expect(digest(found.state)).toBe(digest(weights));
    expect(found.notes[2]).toMatch(/^left out, .*: state_dict\.teacher\.conv1\.weight, .* and \d+ more$/);
  });
});

describe('averaged weights', () => {
  const files: [string, NamedTensor[], string, string][] = [
    [
      'of timm',
      [...dict('state_dict', weights), ...dict('state_dict_ema', average)],
      "averaged (EMA) weights lie under 'state_dict_ema'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'state_dict'",
    ],
    [
      'of torchvision',
      [...dict('model', weights), ...dict('model_ema', average, behind('module.')), counter('model_ema.n_averaged')],
      "averaged (EMA) weights lie under 'model_ema.module'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'model'",
    ],
    [
      'that only their count tells',
      [
        ...dict('all', weights, behind('net.')),
        ...dict('all', average, behind('second.module.')),
        ...dict('all', one(4), () => 'second.n_averaged'),
      ],
      "averaged (EMA) weights lie under 'all.second.module'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'all.net'",
    ],
    [
      'within the same names',
      [...dict('', weights, behind('online_model.')), ...dict('', average, behind('emaModel.'))],
      "averaged (EMA) weights lie under 'emaModel'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'online_model'",
    ],
    [
      'of ema-pytorch alone, both sets in a dict of that name',
      [...dict('ema', weights, behind('online_model.')), ...dict('ema', average, behind('ema_model.'))],
      "averaged (EMA) weights lie under 'ema.ema_model'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'ema.online_model'",
    ],
    [
      'of ema-pytorch beside the model, of which they have a copy',
      [
        ...dict('model', weights),
        ...dict('ema', weights, behind('online_model.')),
        ...dict('ema', average, behind('ema_model.')),
      ],
      "averaged (EMA) weights lie under 'ema.ema_model'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'model'",
    ],
    [
      'of an experiment whose name says so',
      [...dict('resnet8_ema_run.model', weights), ...dict('resnet8_ema_run.model_ema', average)],
      "averaged (EMA) weights lie under 'resnet8_ema_run.model_ema'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'resnet8_ema_run.model'",
    ],
    [
      'in a dict that holds a model',
      [...dict('non_ema.model', weights), ...dict('ema.model', average)],
      "averaged (EMA) weights lie under 'ema.model'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'non_ema.model'",
    ],
    [
      'that Lightning put in the place of the raw ones',
      [...dict('state_dict', average, behind('model.')), ...dict('current_model_state', weights, behind('model.'))],
      "averaged (EMA) weights lie under 'state_dict.model'; weights: ema takes them",
      "these are averaged (EMA) weights; raw ones lie under 'current_model_state.model'",
    ],
  ];

  it.each(files)('%s are taken when asked for, the raw ones otherwise', (_name, tensors, raw, ema) => {
    for (const wanted of ['', 'raw'] as const) {
      expect(digest(chosen(tensors, wanted).state)).toBe(digest(weights));
      expect(chosen(tensors, wanted).notes).toContain(raw);
    }
    expect(digest(chosen(tensors, 'ema').state)).toBe(digest(average));
    expect(chosen(tensors, 'ema').notes).toContain(ema);
  });

  it('that are all there is are taken unless raw ones are asked for', () => {
    const tensors = [...dict('', average, behind('module.')), counter('n_averaged')];
    expect(digest(chosen(tensors).state)).toBe(digest(average));
    expect(chosen(tensors).notes).toContain('these are averaged (EMA) weights; the file has no others');
    expect(named(tensors, 'resnet8', 'raw')).toBe(
      "weights: raw, but the file has averaged (EMA) weights alone, under 'module'",
    );
  });

  it('that are not there, or not whole, are not replaced by raw ones', () => {
    const raw = dict('net', weights);
    expect(named(raw, 'resnet8', 'ema')).toBe(
      "weights: ema, but the file has no averaged (EMA) weights that fit resnet8; those that fit lie under 'net'",
    );
    const partial = dict('ema', new Map([...average].filter(([name]) => !name.includes('running'))));
    const moments = dict('optimizer', one(1), () => 'exp_avg');
    expect(named([...raw, ...partial, ...moments], 'resnet8', 'ema')).toContain(
      "those that fit lie under 'net'. What is named so: resnet8 has bn1.running_mean [16], " +
        'but the weights have no such tensor. The file has ema.conv1.weight [16, 3, 3, 3], ',
    );
  });
});

describe('weights that do not fit', () => {
  it('of another model are said to be that model’s', () => {
    const larger = dict('state_dict', initialState('resnet20', 100, 0), behind('module.'));
    expect(named(larger)).toBe(
      'the weights have state_dict.module.layer1.1.conv1.weight [16, 16, 3, 3], which resnet8 does not. ' +
        'The file has state_dict.module.conv1.weight [16, 3, 3, 3], state_dict.module.bn1.weight [16], ' +
        'state_dict.module.bn1.bias [16], state_dict.module.bn1.running_mean [16], ' +
        'state_dict.module.bn1.running_var [16] and 102 more. These are the weights of resnet20 (100 classes)',
    );
    const smaller = named(dict('', weights), 'resnet20');
    expect(smaller).toMatch(/^resnet20 has layer1\.1\.conv1\.weight \[16, 16, 3, 3\], but the weights have no such/);
    expect(smaller).toMatch(/\. These are the weights of resnet8 \(3 classes\)$/);
    expect(named(dict('', weights), 'resnet8x4')).toMatch(
      /^resnet8x4 has conv1\.weight \[32, 3, 3, 3\], but the weights have it as \[16, 3, 3, 3\]\. /,
    );
    expect(modelsThatFit(new TensorNames(larger))).toEqual(['resnet20 (100 classes)']);
  });

  it('of no model here show the names that they have', () => {
    const foreign: StateDict = new Map([
      ['features.0.weight', { shape: [64, 3, 11, 11], data: new Float32Array() }],
      ['x'.repeat(300), { shape: [2], data: new Float32Array() }],
      ['line\nbreak', { shape: [], data: new Float32Array() }],
    ]);
    expect(named(dict('', foreign))).toBe(
      'resnet8 has conv1.weight [16, 3, 3, 3], but the weights have no such tensor. ' +
        `The file has features.0.weight [64, 3, 11, 11], ${'x'.repeat(100)}… [2], line\ufffdbreak []`,
    );
    expect(named([])).toBe('the file has no tensors');
  });

  it('without their last layer leave the number of classes open', () => {
    const headless = new Map([...weights].filter(([name]) => !name.startsWith('fc')));
    expect(named(dict('', headless))).toMatch(/^resnet8 has fc\.weight \[classes, 64\], but the weights have no such/);
  });

  it('with one tensor more, in part, or not finite, are refused', () => {
    expect(named([...dict('', weights), ...dict('', one(0), () => 'total_ops')])).toMatch(
      /^the weights have total_ops \[1\], which resnet8 does not\. /,
    );
    const half = [...weights].slice(0, 20);
    expect(named(dict('model', new Map(half)))).toMatch(/^resnet8 has .*, but the weights have no such tensor\. /);
    const broken = new Map([...weights, ['fc.bias', { shape: [3], data: Float32Array.of(1, Number.NaN, 2) }]] as const);
    expect(named(dict('net', broken))).toBe('net.fc.bias holds values that are not numbers (NaN): 1 of 3');
  });

  it('are not looked for among too many, nor among two of one name', () => {
    const many = Array.from({ length: 10_001 }, (_, i) => counter(`n${i}`));
    expect(() => new TensorNames(many)).toThrow('the file has 10001 tensors; 10000 are looked through');
    expect(() => new TensorNames([counter('a'), counter('a')])).toThrow('two tensors of one name');
  });
});
