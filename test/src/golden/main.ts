/**
 * `npm run golden [-- DIR]`: compares this code with reference values from PyTorch, the project's own or those in DIR.
 */
import { existsSync } from 'node:fs';
import { loadBackend } from '@mcld/tensor/backend.js';
import { type FileResult, share, worst } from './comparison.js';
import { checkReference, ownReferences, referenceFiles } from './files.js';

/** @returns the table's line, and whether the file is past a tolerance */
function row({ file, comparisons, unsupported }: FileResult): { line: string; failed: boolean } {
  const found = worst(comparisons);
  const failed = found !== undefined && share(found) > 1;
  const verdict = found === undefined ? 'unsupported' : failed ? 'FAILED' : 'ok';
  const figure = found
    ? `${found.deviation.toExponential(1)} of ${found.tolerance.toExponential(1)}  ${found.quantity}`
    : '';
  const missing = found && unsupported.length > 0 ? `  (unsupported: ${unsupported.join(', ')})` : '';
  return { line: `${file.padEnd(36)}${verdict.padEnd(13)}${figure}${missing}`, failed };
}

function main(folder: string): number {
  if (!existsSync(folder)) {
    process.stderr.write(`usage: npm run golden [-- DIR]   (DIR '${folder}' does not exist)\n`);
    return 2;
  }
  const files = referenceFiles(folder);
  if (files.length === 0) {
    process.stderr.write(`${folder} holds no model.*.json and no loss.*.json\n`);
    return 2;
  }
  loadBackend();
  process.stdout.write(`${'file'.padEnd(36)}${'verdict'.padEnd(13)}largest deviation, of its tolerance\n`);
  let failures = 0;
  for (const file of files) {
    const { line, failed } = row(checkReference(folder, file));
    if (failed) failures++;
    process.stdout.write(`${line}\n`);
  }
  return failures > 0 ? 1 : 0;
}

process.exitCode = main(process.argv[2] ?? ownReferences);
