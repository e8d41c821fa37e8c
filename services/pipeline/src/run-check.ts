import { RefusedError } from '@mcld/platform/grpc/errors.js';
import type { Logger } from '@mcld/platform/logging.js';
import { preflight, type Sources } from '@mcld/preflight/preflight.js';
import type { Recipe } from '@mcld/recipe/schema.js';

/**
 * How long a new run's data and teacher are tried: longer than the teacher service waits for an answer of another
 * server, about 7 s; a large set takes minutes to open the first time.
 */
const PATIENCE_MS = 15_000;

/** @throws RefusedError for a recipe that names something found to be unusable */
export type RunCheck = (recipe: Recipe, teacherDigest: string) => Promise<void>;

/**
 * Tries what a new run will need. A service that is out of reach, or what takes long, does not keep a run from being
 * accepted: its trainer tries it again before the first step. A teacher's own server that does not answer does.
 */
export function runCheck(sources: Sources, logger: Logger): RunCheck {
  return async (recipe, teacherDigest) => {
    try {
      await preflight(recipe, teacherDigest, sources, AbortSignal.timeout(PATIENCE_MS));
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      logger.warn({ name: recipe.name, err: error }, 'accepted unchecked: its trainer will try its data and teacher');
    }
  };
}
