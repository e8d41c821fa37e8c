/** `npm run golden -- DIR`: holds this code against reference values from PyTorch. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { loadBackend } from '@mcld/tensor/backend.js';
import { type FileResult, share, worst } from './comparison.js';
import { checkLosses } from './losses.js';
import { checkModel } from './models.js';

function check(folder: string, file: string): FileResult {
  const content: unknown = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  return file.startsWith('loss.') ? checkLosses(file, content) : checkModel(file, content);
}

/** @returns the table's line, and whether the file is past a tolerance */
function row({ file, comparisons, unsupported }: FileResult): { line: string; failed: boolean } {
  const found = worst(comparisons);
  const failed = found !== undefined && share(found) > 1;
  const verdict = found === undefined ? 'unsupported' : failed ? 'FAILED' : 'ok';
  const figure = found
    ? `${found.deviation.toExponential(1)} of ${found.tolerance.toExponential(1)}  ${found.quantity}`
    : '';
  const missing = found && unsupported.length > 0 ? `  (unsupported: ${unsupported.join(', ')})` : '';
  return { line: `${file.padEnd(28)}${verdict.padEnd(13)}${figure}${missing}`, failed };
}

function main(folder: string | undefined): number {
  if (!folder || !existsSync(folder)) {
    process.stderr.write(
      `usage: npm run golden -- DIR   (DIR ${folder ? `'${folder}' does not exist` : 'is missing'})\n`,
    );
    return 2;
  }
  const files = readdirSync(folder)
    .filter((name) => /^(model|loss)\..*\.json$/.test(name))
    .sort();
  if (files.length === 0) {
    process.stderr.write(`${folder} holds no model.*.json and no loss.*.json\n`);
    return 2;
  }
  loadBackend();
  process.stdout.write(`${'file'.padEnd(28)}${'verdict'.padEnd(13)}largest deviation, of its tolerance\n`);
  let failures = 0;
  for (const file of files) {
    const { line, failed } = row(check(folder, file));
    if (failed) failures++;
    process.stdout.write(`${line}\n`);
  }
  return failures > 0 ? 1 : 0;
}

process.exitCode = main(process.argv[2]);
