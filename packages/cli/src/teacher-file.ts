import { createReadStream } from 'node:fs';
import type { Recipe, SingleTeacher } from '@mcld/recipe/schema.js';
import { CliError, Exit } from './exit.js';
import type { PipelineClient } from './session.js';

/** Sends a recipe's teacher files to the pipeline and puts their digests in their places. */
export async function importTeacherOf(client: PipelineClient, recipe: Recipe): Promise<Recipe> {
  const { teacher } = recipe;
  if (!teacher) return recipe;
  if (!('ensemble' in teacher)) return { ...recipe, teacher: await imported(client, teacher) };
  const ensemble: SingleTeacher[] = [];
  for (const member of teacher.ensemble) ensemble.push(await imported(client, member));
  return { ...recipe, teacher: { ...teacher, ensemble } };
}

async function imported(client: PipelineClient, teacher: SingleTeacher): Promise<SingleTeacher> {
  if (!('file' in teacher)) return teacher;
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
  return { digest: teacherDigest };
}
