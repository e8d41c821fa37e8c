import { createReadStream } from 'node:fs';
import type { Recipe } from '@mcld/recipe/schema.js';
import { CliError, Exit } from './exit.js';
import type { PipelineClient } from './session.js';

/** Sends a recipe's teacher file to the pipeline and puts its digest in its place. */
export async function importTeacherOf(client: PipelineClient, recipe: Recipe): Promise<Recipe> {
  const { teacher } = recipe;
  if (!teacher || !('file' in teacher)) return recipe;
  const { file, model = '' } = teacher;
  async function* pieces() {
    yield { model, chunk: Buffer.alloc(0) };
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }))
        yield { model, chunk: chunk as Buffer };
    } catch (error) {
      throw new CliError(`teacher.file: cannot read ${file}: ${(error as Error).message}`, Exit.usage);
    }
  }
  const { teacherDigest } = await client.importTeacher(pieces());
  return { ...recipe, teacher: { digest: teacherDigest } };
}
