import { distillerNames } from '@mcld/distillers/facts.js';
import { optimizerNames } from '@mcld/optimizers/facts.js';

const options: Readonly<Record<string, Record<string, unknown>>> = {
  combination: { parts: [{ name: 'kd' }, { name: 'mcld', weight: 0.5 }] },
};

/** What a recipe can train with: changes of one, by a name. */
export const cases: Readonly<Record<string, Record<string, unknown>>> = {
  ...Object.fromEntries(distillerNames.map((name) => [name, { distiller: { name, ...options[name] } }])),
  ...Object.fromEntries(optimizerNames.map((name) => [name, { optimizer: { name, decay: 'weights' } }])),
  averaged: { optimizer: { name: 'sgd', nesterov: true, clipNorm: 1, averageDecay: 0.9 }, labelSmoothing: 0.1 },
  depth: { model: 'deit_tiny_patch4_32', stochasticDepth: 0.3, optimizer: { name: 'adamw' } },
};
