import { datasetFacts } from '@mcld/datasets/facts.js';
import { distillerFacts } from '@mcld/distillers/facts.js';
import { declareParameters } from '@mcld/models/layers/parameters.js';
import { modelNames, models as registry } from '@mcld/models/zoo/registry.js';
import { optimizerFacts, optimizerNames, sharedOptions } from '@mcld/optimizers/facts.js';
import { scheduleFacts } from '@mcld/optimizers/schedules/facts.js';
import type { Command } from 'commander';
import { z } from 'zod';
import { table } from '../table.js';
import { print, printJson } from './common.js';

const CLASSES = 100;

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

function models({ json }: { json?: boolean }): void {
  const rows = modelNames.map((name) => {
    const { size, multiplyAdds, activations, features } = declareParameters(name, CLASSES);
    const { imageSize, source } = registry[name];
    const bytes = { weightBytes: size * 4, trainingBytesPerImage: activations * 4 };
    return { name, imageSize, parameters: size, multiplyAdds, features, ...bytes, source };
  });
  if (json) {
    printJson(rows);
    return;
  }
  print(
    table(
      ['model', 'image', 'parameters', 'multiply-adds', 'features', 'weights', 'training, an image', 'paper'],
      rows.map((r) => [
        r.name,
        `${r.imageSize}×${r.imageSize}`,
        r.parameters.toLocaleString('en'),
        `${(r.multiplyAdds / 1e6).toFixed(1)} M`,
        String(r.features),
        mebibytes(r.weightBytes),
        mebibytes(r.trainingBytesPerImage),
        r.source,
      ]),
    ),
  );
  print(`\nfor ${CLASSES} classes; training keeps that much of each image of a batch between forward and backward`);
}

/** What a recipe can name, and the options that it can set. */
interface Choice {
  readonly summary: string;
  readonly source: string;
  readonly options: z.ZodType;
}

/** What is printed of an option. */
const optionSchema = z.object({
  default: z.unknown().optional(),
  description: z.string().default(''),
  enum: z.array(z.unknown()).optional(),
});

function choices(facts: Readonly<Record<string, Choice>>, { json }: { json?: boolean }): void {
  const rows = Object.entries(facts).map(([name, { options, ...rest }]) => {
    return { name, ...rest, options: z.toJSONSchema(options, { io: 'input' }).properties ?? {} };
  });
  if (json) {
    printJson(rows);
    return;
  }
  for (const { name, summary, source, options } of rows) {
    print(`${name}: ${summary}${source && ` (${source})`}`);
    for (const [option, schema] of Object.entries(options)) {
      const { default: value, description, enum: values } = optionSchema.parse(schema);
      const initial = value === undefined ? '-' : JSON.stringify(value);
      print(`  ${option.padEnd(22)} ${initial}  ${values ? values.join(' | ') : description}`.trimEnd());
    }
  }
}

const distillers = (format: { json?: boolean }): void => choices(distillerFacts, format);

function optimizers(format: { json?: boolean }): void {
  const withShared = optimizerNames.map((name): [string, Choice] => {
    const { options, ...rest } = optimizerFacts[name];
    return [name, { ...rest, options: z.strictObject({ ...options.shape, ...sharedOptions }) }];
  });
  choices(Object.fromEntries(withShared), format);
}

const schedules = (format: { json?: boolean }): void => choices(scheduleFacts, format);

function datasets({ json }: { json?: boolean }): void {
  const rows = Object.entries(datasetFacts).map(([name, { classes, normalisation, layout }]) => ({
    name,
    classes,
    ...normalisation,
    layout,
  }));
  if (json) {
    printJson(rows);
    return;
  }
  print(
    table(
      ['data set', 'classes', 'layout'],
      rows.map((r) => [r.name, String(r.classes || 'any'), r.layout]),
    ),
  );
}

export function addCatalogCommands(program: Command, data: Command): void {
  program.command('models').description('list the models').option('--json', 'as JSON').action(models);
  program
    .command('distillers')
    .description('list the losses and their options')
    .option('--json', 'as JSON')
    .action(distillers);
  program
    .command('optimizers')
    .description('list the optimisers and their options')
    .option('--json', 'as JSON')
    .action(optimizers);
  program
    .command('schedules')
    .description('list the schedules of the learning rate and their options')
    .option('--json', 'as JSON')
    .action(schedules);
  data.command('ls').description('list the data sets that can be read').option('--json', 'as JSON').action(datasets);
}
