import { createReadStream } from 'node:fs';
import type { Recipe, SingleTeacher } from '@mcld/recipe/schema.js';
import { ClientError, Status } from 'nice-grpc-common';
import { CliError, Exit } from './exit.js';
import type { PipelineClient } from './session.js';

/**
 * Sends a recipe's teacher files to the pipeline and puts their digests in their places.
 * @param say is told what the pipeline chose on the way, a sentence at a time
 */
export async function importTeacherOf(
  client: PipelineClient,
  recipe: Recipe,
  say: (note: string) => void,
): Promise<Recipe> {
  const { teacher } = recipe;
  if (!teacher) return recipe;
  if (!('ensemble' in teacher)) return { ...recipe, teacher: await imported(client, teacher, say) };
  const ensemble: SingleTeacher[] = [];
  for (const member of teacher.ensemble) ensemble.push(await imported(client, member, say));
  return { ...recipe, teacher: { ...teacher, ensemble } };
}

async function imported(
  client: PipelineClient,
  teacher: SingleTeacher,
  say: (note: string) => void,
): Promise<SingleTeacher> {
  if (!('file' in teacher)) return teacher;
  const { file, model = '', weights = '' } = teacher;
  async function* pieces() {
    yield { model, weights, chunk: Buffer.alloc(0) };
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }))
        yield { model, weights, chunk: chunk as Buffer };
    } catch (error) {
      throw new CliError(`teacher.file: cannot read ${file}: ${(error as Error).message}`, Exit.usage);
    }
  }
  try {
    const { teacherDigest, notes } = await client.importTeacher(pieces());
    for (const note of notes) say(`${file}: ${note}`);
    return { digest: teacherDigest };
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== Status.INVALID_ARGUMENT) throw error;
    throw new ClientError(error.path, error.code, `teacher.file ${file}: ${error.details}`);
  }
}
