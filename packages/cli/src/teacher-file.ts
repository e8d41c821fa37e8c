import { readFile, stat } from 'node:fs/promises';
import { filePieces } from '@mcld/feeds/files.js';
import { MAX_FILE_BYTES } from '@mcld/feeds/limits.js';
import { mayBeOnnx } from '@mcld/models/formats/onnx-external-data.js';
import { OnnxError } from '@mcld/models/formats/onnx-wire.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import type { Recipe, SingleTeacher } from '@mcld/recipe/schema.js';
import type { PipelineClient } from './connection.js';
import { CliError, Exit } from './exit.js';
import { wholeOnnx } from './onnx-file.js';

/**
 * Sends a recipe's teacher files to the pipeline and puts their digests in their places.
 * @param say receives what the pipeline chose, one sentence at a time
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
  const { file, model = '', weights = '', accept } = teacher;
  const content = await contentOf(file);
  async function* pieces() {
    for (const chunk of filePieces(content)) yield { model, weights, chunk };
  }
  try {
    const { teacherDigest, notes } = await client.importTeacher(pieces());
    for (const note of notes) say(`${file}: ${note}`);
    return { digest: teacherDigest, ...(accept && { accept }) };
  } catch (error) {
    if (!(error instanceof RemoteError) || error.status !== 'INVALID_ARGUMENT') throw error;
    throw new RemoteError(error.method, `teacher.file ${file}: ${error.message}`, error);
  }
}

/** All of a teacher: an ONNX model with the weights that lie beside it. @throws CliError naming the file */
async function contentOf(file: string): Promise<Uint8Array> {
  const refused = (why: string) => new CliError(`teacher.file: ${why}`, Exit.usage);
  const unreadable = (error: Error) => refused(`cannot read ${file}: ${error.message}`);
  const { size } = await stat(file).catch((error: Error) => Promise.reject(unreadable(error)));
  if (size > MAX_FILE_BYTES) throw refused(`${file} has ${size} bytes; at most ${MAX_FILE_BYTES} are taken`);
  const content = await readFile(file).catch((error: Error) => Promise.reject(unreadable(error)));
  if (!mayBeOnnx(content)) return content;
  try {
    return await wholeOnnx(file, content, MAX_FILE_BYTES);
  } catch (error) {
    if (error instanceof OnnxError) throw refused(`${file}: ${error.message}`);
    throw error;
  }
}
