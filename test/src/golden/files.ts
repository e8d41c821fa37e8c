import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../support/data.js';
import type { FileResult } from './comparison.js';
import { checkLosses } from './losses.js';
import { checkModel } from './models.js';

/** The project's own reference values; see its README.md. */
export const ownReferences = path.join(projectRoot, 'test/golden');

/** The reference files of a folder: `model.<name>.json` and `loss.<case>.json`. */
export const referenceFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => /^(model|loss)\..*\.json$/.test(name))
    .sort();

/** Compares this code with a reference file. @throws z.ZodError when it is not a reference file */
export function checkReference(folder: string, file: string): FileResult {
  const content: unknown = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  return file.startsWith('loss.') ? checkLosses(file, content) : checkModel(file, content);
}
