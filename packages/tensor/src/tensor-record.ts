import { Tensor } from '@tensorflow/tfjs-core';

/**
 * Tensors by name; a name may lead to a group of them, and what is undefined is not there. To be declared as a type:
 * TypeScript takes no interface for a record.
 */
export type TensorRecord = { readonly [name: string]: Tensor | TensorRecord | undefined };

/** The names of a record, each with the place that its tensor has in a list. */
export type Names = readonly { readonly name: string; readonly group?: Names }[];

const present = (record: TensorRecord): [string, Tensor | TensorRecord][] =>
  Object.entries(record).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));

/** All tensors of a record, those of its groups too. */
export const tensorsIn = (record: TensorRecord): Tensor[] => tensorsOf(record, namesOf(record));

/** @returns the names in the order in which the record has them */
export function namesOf(record: TensorRecord): Names {
  return present(record).map(([name, value]) => (value instanceof Tensor ? { name } : { name, group: namesOf(value) }));
}

/**
 * The record's tensors in the names' order.
 * @param path of the record itself within another one
 * @throws Error naming what the record lacks or has besides
 */
export function tensorsOf(record: TensorRecord, names: Names, path = ''): Tensor[] {
  const others = present(record).filter(([name]) => !names.some((known) => known.name === name));
  if (others.length > 0) throw new Error(`expected ${listed(names, path)}; found ${path}${others[0]?.[0]} besides`);
  return names.flatMap(({ name, group }) => {
    const value = record[name];
    if (group && value && !(value instanceof Tensor)) return tensorsOf(value, group, `${path}${name}.`);
    if (!group && value instanceof Tensor) return [value];
    const actual = value === undefined ? 'nothing' : `a ${group ? 'tensor' : 'group'}`;
    throw new Error(`expected ${listed(names, path)}; found ${actual} under ${path}${name}`);
  });
}

/** The inverse of `tensorsOf`. */
export function recordOf(names: Names, tensors: readonly Tensor[]): TensorRecord {
  const left = tensors.values();
  const filled = (level: Names): TensorRecord =>
    Object.fromEntries(level.map(({ name, group }) => [name, group ? filled(group) : left.next().value]));
  return filled(names);
}

const listed = (names: Names, path: string): string => names.map(({ name }) => path + name).join(', ');
