import { loadBackend } from '@mcld/tensor/backend.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { AVERAGE } from './average.js';
import { optimizerFacts, optimizerNames } from './facts.js';
import { controlsAt, type Optimizer } from './optimizer.js';
import { type OptimizerSpec, optimizerOf } from './registry.js';

beforeAll(() => {
  loadBackend('cpu');
});

/** Of one vector of three, unless told otherwise. */
const make = (spec: Partial<OptimizerSpec>, shapes: readonly (readonly number[])[] = [[3]]): Optimizer =>
  optimizerOf({ name: 'sgd', weightDecay: 0.01, decay: 'all', ...spec }, shapes);

/** Steps of an optimiser from (1, −2, 0.5), gradients k·(0.5, −0.25, 1) in step k. */
function trace(optimizer: Optimizer, steps: number): { parameters: number[]; slots: Record<string, number[]> } {
  const start = tf.tensor1d([1, -2, 0.5]);
  const initial = Object.entries(optimizer.slots).map(([name, value]): [string, tf.Tensor1D] => [
    name,
    value === 'zeros' ? tf.zeros([3]) : start,
  ]);
  let state = { parameters: start, slots: Object.fromEntries(initial) };
  for (let k = 1; k <= steps; k++) {
    const controls = controlsAt(optimizer, { lr: 0.1 }, k - 1);
    const gradients = tf.tensor1d([0.5 * k, -0.25 * k, k]);
    state = optimizer.update({ ...state, gradients, controls });
  }
  const slots = Object.entries(state.slots).map(([name, slot]) => [name, [...slot.dataSync()]]);
  return { parameters: [...state.parameters.dataSync()], slots: Object.fromEntries(slots) };
}

describe('an optimiser gives PyTorch’s numbers', () => {
  // torch 2.13, three steps with lr 0.1.
  it.each<[string, Partial<OptimizerSpec>, number[]]>([
    ['SGD', {}, [0.5191847681999207, -1.7511847019195557, -0.45322269201278687]],
    ['SGD, Nesterov', { nesterov: true }, [0.2648904621601105, -1.6203924417495728, -0.9581664204597473]],
    ['AdamW', { name: 'adamw' }, [0.7049811482429504, -1.701984167098999, 0.20647962391376495]],
    [
      'SGD, gradients clipped to length 1',
      { clipNorm: 1 },
      [0.7497639656066895, -1.8664742708206177, 0.007935624569654465],
    ],
  ])('%s', (_name, spec, expected) => {
    const { parameters } = trace(make(spec), 3);
    for (const [i, value] of expected.entries()) expect(parameters[i]).toBeCloseTo(value, 6);
  });

  it('SGD, decay on the first parameter only, which has two axes', () => {
    const { parameters } = trace(make({ decay: 'weights' }, [[1, 1], [2]]), 3);
    const expected = [0.5191847681999207, -1.7622500658035278, -0.45100003480911255];
    for (const [i, value] of expected.entries()) expect(parameters[i]).toBeCloseTo(value, 6);
  });
});

it('a moving average is kept beside the parameters, in the last slot', () => {
  const after = [0, 1, 2, 3].map((steps) => trace(make({ weightDecay: 0 }), steps).parameters[0]!);
  const average = after.slice(1).reduce((a, p) => 0.9 * a + 0.1 * p, after[0]!);
  const { parameters, slots } = trace(make({ weightDecay: 0, averageDecay: 0.9 }), 3);
  expect(Object.keys(slots)).toEqual(['momentum', AVERAGE]);
  expect(slots[AVERAGE]?.[0]).toBeCloseTo(average, 6);
  expect(parameters[0]).toBeCloseTo(after[3]!, 6);
});

it('the momentum is the schedule’s, or else the recipe’s', () => {
  const { controls } = make({ momentum: 0.5 });
  expect(controls({ lr: 0.1, momentum: 0.8 }, 0)).toEqual({ lr: 0.1, momentum: 0.8 });
  expect(controls({ lr: 0.1 }, 0)).toEqual({ lr: 0.1, momentum: 0.5 });
});

it('options that an optimiser does not have are refused', () => {
  expect(() => make({ name: 'adamw', momentum: 0.9 })).toThrow('momentum');
});

describe.each(optimizerNames)('%s', (name) => {
  const optimizer = () => make({ name, ...optimizerFacts[name].options.parse({}) });

  it('gives an update of each slot that it has, and finite numbers', () => {
    const { parameters, slots } = trace(optimizer(), 3);
    expect(Object.keys(slots)).toEqual(Object.keys(optimizer().slots));
    expect([...parameters, ...Object.values(slots).flat()].every(Number.isFinite)).toBe(true);
  });

  it('moves against the gradient', () => {
    const { parameters } = trace(optimizer(), 1);
    expect(parameters.map((p, i) => Math.sign(p - [1, -2, 0.5][i]!))).toEqual([-1, 1, -1]);
  });
});
