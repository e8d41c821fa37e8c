import { datasetFacts } from '@mcld/datasets/facts.js';
import { distillerFacts, distillerNames } from '@mcld/distillers/facts.js';
import { declareParameters } from '@mcld/models/layers/parameters.js';
import { modelNames, models as registry } from '@mcld/models/zoo/registry.js';
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

function distillers({ json }: { json?: boolean }): void {
  const rows = distillerNames.map((name) => {
    const { summary, source, needsTeacher, options } = distillerFacts[name];
    return { name, summary, source, needsTeacher, options: z.toJSONSchema(options, { io: 'input' }).properties ?? {} };
  });
  if (json) {
    printJson(rows);
    return;
  }
  for (const { name, summary, source, options } of rows) {
    print(`${name}: ${summary}${source && ` (${source})`}`);
    for (const [option, schema] of Object.entries(options)) {
      if (typeof schema === 'boolean') continue;
      const { default: value, description = '', enum: choices } = schema;
      print(
        `  ${option.padEnd(22)} ${JSON.stringify(value)}  ${choices ? choices.join(' | ') : description}`.trimEnd(),
      );
    }
  }
}

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
  data.command('ls').description('list the data sets that can be read').option('--json', 'as JSON').action(datasets);
}
