import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { McldError } from '@mcld/errors/mcld-error.js';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { type Distiller, type DistillerDefinition, defineDistiller } from './distiller.js';

/** Thrown for a module that is not there, not allowed, or not a distiller. */
export class DistillerModuleError extends McldError {
  static override readonly meaning = { status: 'INVALID_ARGUMENT', reason: 'INVALID_DISTILLER' } as const;
}

/** `defineDistiller` for modules that no compiler has checked. */
const defineChecked: typeof defineDistiller = (parts) => {
  if (typeof parts.create === 'function' && typeof parts.options?.parse === 'function') return defineDistiller(parts);
  throw new DistillerModuleError(
    `distiller.path: defineDistiller was given ${Object.keys(parts).join(', ') || 'nothing'}; expected summary, source, ` +
      'needsTeacher, options (a zod schema) and create (a function)',
  );
};

/** What a distiller's module is given: it lies outside this project and can import nothing of it. */
export const distillerKit = { tf, z, defineDistiller: defineChecked } as const;

export type DistillerKit = typeof distillerKit;

/**
 * Loads a distiller of the user's own: an ES module whose default export takes `DistillerKit` and
 * returns `defineDistiller({...})`.
 * @param folder modules are loaded from here only, since a recipe may come from elsewhere; '': from nowhere
 * @param file relative to the folder
 * @throws DistillerModuleError, or zod's error for options that the module does not take
 */
export async function loadDistiller(folder: string, file: string, options: unknown): Promise<Distiller> {
  const module: { default?: unknown } = await import(pathToFileURL(await allowedPath(folder, file)).href);
  if (typeof module.default !== 'function') {
    throw new DistillerModuleError(
      `distiller.path ${file}: its default export is ${typeof module.default}, expected a function`,
    );
  }
  const definition: Partial<DistillerDefinition> | undefined = module.default(distillerKit);
  if (typeof definition?.withOptions !== 'function') {
    throw new DistillerModuleError(`distiller.path ${file}: its default export must return defineDistiller({...})`);
  }
  return definition.withOptions(options);
}

async function allowedPath(folder: string, file: string): Promise<string> {
  if (folder === '') {
    throw new DistillerModuleError(
      'distiller.path: no modules are loaded here unless MCLD_DISTILLER_DIR names their folder',
    );
  }
  const root = await realpath(folder);
  const realFile = await realpath(path.resolve(root, file)).catch(() => undefined);
  if (!realFile) throw new DistillerModuleError(`distiller.path ${file}: there is no such file in MCLD_DISTILLER_DIR`);
  if (!realFile.startsWith(root + path.sep)) {
    throw new DistillerModuleError(`distiller.path ${file}: it lies outside MCLD_DISTILLER_DIR`);
  }
  return realFile;
}
