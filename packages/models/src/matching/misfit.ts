import { listed, shown } from '@mcld/errors/text.js';
import type { NamedTensor } from '../formats/stored-tensor.js';
import type { ParameterSpec } from '../layers/parameter-spec.js';
import { declareParameters } from '../layers/parameters.js';
import { classesOf } from '../layers/state-dict.js';
import { type ModelName, modelNames } from '../zoo/registry.js';
import { computedFrom, describeComputed } from './computed-weights.js';
import { fitsOf } from './fit-names.js';
import { isCounter, type TensorNames } from './tensor-names.js';

/** Names that are compared with the model's in search of a prefix. */
const MOST_COMPARED = 2000;

/**
 * Why tensors are not the weights of a model: the first tensor that differs where most names agree, what the file has,
 * and whose weights they are where a model of the registry fits.
 */
export function describeMisfit(model: ModelName, tensors: TensorNames): string {
  if (tensors.all.length === 0) return 'the file has no tensors';
  const whose = modelsThatFit(tensors);
  return [
    firstDifference(model, tensors),
    `The file has ${listed(mainOnes(tensors.all).map(withShape))}`,
    ...(whose.length > 0 ? [`These are the weights of ${whose.join(' or ')}`] : []),
  ].join('. ');
}

/** Whose weights a file's tensors are, with their classes: `resnet20 (100 classes)`. */
export function modelsThatFit(tensors: TensorNames): string[] {
  return modelNames.flatMap((model) => {
    const [fit] = fitsOf(model, tensors);
    return fit ? [`${model} (${fit.classes} classes)`] : [];
  });
}

const dimensions = (shape: readonly (number | string)[]): string =>
  `[${shape.slice(0, 8).join(', ')}${shape.length > 8 ? ', …' : ''}]`;

const withShape = ({ name, tensor }: NamedTensor): string => `${shown(name)} ${dimensions(tensor.shape)}`;

/** Those of the folder with the most tensors: a checkpoint's other tensors are the optimizer's. */
function mainOnes(tensors: readonly NamedTensor[]): readonly NamedTensor[] {
  const counts = new Map<string, number>();
  for (const { folder } of tensors) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  const [main] = [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  return tensors.filter(({ folder, name }) => folder === main && !isCounter(name));
}

function firstDifference(model: ModelName, names: TensorNames): string {
  const tensors = names.all;
  const prefix = likeliestPrefix(declareParameters(model, 1).parameters, tensors);
  const shapes = new Map(
    tensors
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, tensor }) => [name.slice(prefix.length), tensor]),
  );
  const classes = classesOf(model, shapes);
  const { parameters } = declareParameters(model, classes || 1);
  const withMore = declareParameters(model, classes + 2).parameters;
  for (const [at, { name, shape }] of parameters.entries()) {
    const tensor = shapes.get(name);
    const free = (axis: number) => classes === 0 && withMore[at]?.shape[axis] !== shape[axis];
    const want = `${model} has ${name} ${dimensions(shape.map((n, axis) => (free(axis) ? 'classes' : n)))}`;
    if (!tensor) {
      const computed = tensors.map((other) => computedFrom(other, names)).find((c) => c?.weight === prefix + name);
      return computed ? describeComputed(computed) : `${want}, but the weights have no such tensor`;
    }
    if (tensor.shape.join() !== shape.join()) return `${want}, but the weights have it as ${dimensions(tensor.shape)}`;
  }
  const known = new Set(parameters.map(({ name }) => prefix + name));
  const { folder } = tensors.find(({ name }) => known.has(name)) ?? { folder: '' };
  const other = tensors.find(
    (tensor) => tensor.folder === folder && !known.has(tensor.name) && !isCounter(tensor.name),
  );
  const computed = other && computedFrom(other, names);
  if (computed) return describeComputed(computed);
  return other
    ? `the weights have ${withShape(other)}, which ${model} does not`
    : `the weights of ${model} cannot be told from others`;
}

/** The prefix behind which most of the model's names are found. */
function likeliestPrefix(parameters: readonly ParameterSpec[], tensors: readonly NamedTensor[]): string {
  const counts = new Map<string, number>();
  for (const { name } of tensors.slice(0, MOST_COMPARED)) {
    for (const { name: ownName } of parameters) {
      if (!name.endsWith(ownName)) continue;
      const prefix = name.slice(0, -ownName.length);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ['', 0] as const)[0];
}
