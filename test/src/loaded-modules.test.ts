import { describe, expect, it } from 'vitest';
import { type LoadedModules, loadedBy, loadedByImport } from './support/loaded-modules.js';

/** What is known of data sets, models, losses and optimisers without reading, computing or drawing any. */
const facts = [
  /^packages\/(datasets|distillers|optimizers)\/dist\/(schedules\/)?facts\.js$/,
  /^packages\/tensor\/dist\/(.+\/)?facts\.js$/,
  /^packages\/datasets\/dist\/views\/(augmentation|mix)\.js$/,
  /^packages\/models\/dist\/zoo\/[\w-]+\.js$/,
  /^packages\/models\/dist\/layers\/(parameters|parameter-spec|declaring-layers)\.js$/,
  /^packages\/errors\/dist\/[\w-]+\.js$/,
  /^packages\/recipe\/dist\/[\w-]+\.js$/,
];

const beyondFacts = ({ own }: LoadedModules) => own.filter((file) => !facts.some((pattern) => pattern.test(file)));

/** What computes, decodes and unpacks: large, and some of it changes the process that loads it. */
const heavy = /^(@tensorflow\/.*|sharp|@img\/.*|tar|yauzl|onnxruntime-.*)$/;

const heavyPackages = ({ packages }: LoadedModules) => packages.filter((name) => heavy.test(name));

const addons = ({ own }: LoadedModules) => own.filter((file) => file.endsWith('.node'));

describe('loads no more than it needs:', () => {
  it('the schema of recipes, zod and facts', async () => {
    const loaded = await loadedByImport('@mcld/recipe/schema.js');
    expect(loaded.packages).toEqual(['zod']);
    expect(beyondFacts(loaded)).toEqual([]);
    expect(loaded.own).toContain('packages/datasets/dist/facts.js');
  });

  it('reading a recipe, YAML besides', async () => {
    const loaded = await loadedByImport('@mcld/recipe/parse.js');
    expect(loaded.packages).toEqual(['yaml', 'zod']);
    expect(beyondFacts(loaded)).toEqual([]);
  });

  it.each(['runs/report', 'runs/run-record', 'bus/event-data', 'storage/teachers'])(
    'the schemas of kept documents in %s, zod',
    async (name) => {
      const { packages, own } = await loadedByImport(`@mcld/platform/${name}.js`);
      expect(packages).toEqual(['zod']);
      expect(own.filter((file) => !/^packages\/(platform|errors)\//.test(file))).toEqual([]);
    },
  );

  it('the control plane, nothing that computes or decodes', async () => {
    const loaded = await loadedByImport('@mcld/pipeline/main.js');
    expect([...heavyPackages(loaded), ...addons(loaded)]).toEqual(['yauzl']);
    expect(loaded.own).toContain('services/pipeline/dist/runs.js');
  });

  it('the command, no service before it hosts one', async () => {
    const loaded = await loadedBy('dist/main.js', '--help');
    expect([...heavyPackages(loaded), ...addons(loaded)]).toEqual([]);
    expect(loaded.own.filter((file) => file.startsWith('services/'))).toEqual([]);
    expect(loaded.own).toContain('packages/cli/dist/main.js');
  });
});
