import { describe, expect, it } from 'vitest';
import { parseRecipe, RecipeError, readRecipe } from './parse.js';
import { acceptedOf } from './schema.js';

const minimal = { name: 'r', dataset: { name: 'cifar-100', root: 'data' }, model: 'resnet8' };
const digest = 'a'.repeat(64);

function complaint(recipe: unknown): string {
  try {
    parseRecipe(recipe);
  } catch (error) {
    if (error instanceof RecipeError) return error.message;
    throw error;
  }
  return '';
}

describe('recipe', () => {
  it('fills in the defaults of the reference recipe', () => {
    const recipe = parseRecipe(minimal);
    expect(recipe.epochs).toBe(240);
    expect(recipe.optimizer).toEqual({
      name: 'sgd',
      lr: 0.05,
      momentum: 0.9,
      weightDecay: 5e-4,
      decay: 'all',
      nesterov: false,
    });
    expect(recipe.schedule).toEqual({
      name: 'multi-step',
      milestones: [150, 180, 210],
      gamma: 0.1,
      warmup: { epochs: 0, startShare: 0.01 },
    });
    expect(recipe.distiller).toEqual({ name: 'ce' });
  });

  it.each([
    'triton:8001',
    '127.0.0.1:65535',
    '[::1]:8001',
    'my_model.ns.svc:80',
    'dns:///triton:8001',
    'unix:///tmp/socket',
  ])('takes a teacher at %s', (endpoint) => {
    expect(parseRecipe({ ...minimal, teacher: { endpoint, name: 'm' } }).teacher).toEqual({ endpoint, name: 'm' });
  });

  it.each([
    [{ ...minimal, epoch: 3 }, "unknown key 'epoch'"],
    [{ ...minimal, optimizer: { name: 'adamw', momentum: 0.9 } }, "optimizer: unknown key 'momentum'"],
    [{ ...minimal, optimizer: { lr: 0 } }, 'optimizer.lr: Too small'],
    [{ ...minimal, optimizer: { name: 'adam' } }, 'optimizer'],
    [{ ...minimal, stochasticDepth: 0.1 }, 'stochasticDepth: must be 0: resnet8 has no branches'],
    [
      { ...minimal, teacher: { digest, accept: ['softmax'] } },
      'teacher.accept[0]: Invalid option: expected one of "probabilities"|"random" (found "softmax")',
    ],
    [{ ...minimal, teacher: { run: 'r', accept: ['random'] } }, "teacher: unknown key 'accept'"],
    ...[
      'grpc://triton:8001',
      'triton',
      'triton:',
      'triton:0',
      'triton:65536',
      ' triton:8001',
      'triton:8001 ',
      '::1:8001',
    ]
      .concat('triton:8001/v2', 'http://triton:8000/v2', 'me@triton:8001', 'dns:///triton', ':8001', '')
      .map((endpoint): [unknown, string] => [
        { ...minimal, teacher: { endpoint, name: 'm' } },
        `teacher.endpoint: expected host:port of its gRPC port, as in triton:8001 or [::1]:8001, with no scheme, path or space (found ${JSON.stringify(endpoint)})`,
      ]),
    [{ ...minimal, teacher: { endpoint: 8001, name: 'm' } }, 'teacher.endpoint: Invalid input: expected string'],
    [
      {
        ...minimal,
        teacher: {
          ensemble: [
            { endpoint: 'a:1', name: 'm' },
            { endpoint: 'b', name: 'm' },
          ],
        },
      },
      'teacher.ensemble[1].endpoint: expected host:port of its gRPC port',
    ],
    [{ ...minimal, batchSize: 0 }, 'batchSize: Too small: expected number to be >=1 (found 0)'],
    [{ ...minimal, epochs: '3' }, 'epochs: Invalid input: expected number, received string (found "3")'],
    [{ ...minimal, model: 'resnet9' }, 'model: Invalid option'],
    [{ ...minimal, distiller: { name: 'mcld' } }, 'teacher: is missing: the distiller mcld needs one'],
    [
      { ...minimal, teacher: { digest }, distiller: { name: 'mcld', tauInstance: 0 } },
      'distiller.tauInstance: Too small',
    ],
    [{ ...minimal, teacher: { digest }, distiller: { name: 'mcld', tau: 1 } }, "distiller: unknown key 'tau'"],
    [
      { ...minimal, evaluation: { transfer: [{ name: 'stl-10', root: 'a' }, { name: 'stl-10' }] } },
      'evaluation.transfer[1].root: Invalid input: expected string, received undefined',
    ],
    [{ ...minimal, teacher: { digest }, epochs: 5, distiller: { name: 'mcld' } }, "longer than the run's 5 epochs"],
  ])('refuses %j', (recipe, message) => {
    expect(complaint(recipe)).toContain(message);
  });

  it('reads YAML with overrides', () => {
    const text = 'name: r\ndataset: {name: cifar-100, root: d}\nmodel: resnet8\n';
    expect(readRecipe(text, ['optimizer.lr=0.2', 'schedule.name=one-cycle']).schedule.name).toBe('one-cycle');
    const transfer = readRecipe(`${text}evaluation: {transfer: [{name: stl-10, root: a}]}`, [
      'evaluation.transfer[0].root=b',
    ]).evaluation.transfer;
    expect(transfer.map(({ root }) => root)).toEqual(['b']);
    expect(() => readRecipe(text, ['lr'])).toThrow('--set lr: expected path=value');
    expect(() => readRecipe('a: [')).toThrow('no valid YAML');
    expect(() => readRecipe('', ['epochs=3'])).toThrow('expected object, received null');
  });
});

it('takes the version of a model elsewhere as YAML writes it, and gathers what is accepted of an ensemble', () => {
  const [one, other] = ['a', 'b'].map((name) => ({ endpoint: 'triton:8001', name, version: 3, accept: ['random'] }));
  const recipe = parseRecipe({ ...minimal, teacher: { ensemble: [one, { ...other, accept: ['probabilities'] }] } });
  expect(recipe.teacher).toMatchObject({ ensemble: [{ version: '3' }, { version: '3' }] });
  expect(acceptedOf(recipe)).toEqual(['random', 'probabilities']);
  expect(acceptedOf(parseRecipe({ ...minimal, teacher: { run: 'r' } }))).toEqual([]);
});
