/** A pipeline in this process to try teachers with. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type EmbeddedPipeline, startEmbedded } from '@mcld/cli/embedded.js';
import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { type LogitCounters, TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { filePieces } from '@mcld/feeds/files.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { teacherChecks } from '@mcld/recipe/training-plan.js';
import { projectRoot, scratch, smallCifar } from './data.js';
import { createRun, ended, type PipelineClient, pipelineAt, quickRecipe, reportOf, runToEnd } from './runs.js';

type Teacher = Record<string, unknown>;

const openTeachers = (address: string) => openClient(TeacherInferenceServiceDefinition, address, readConfig({}));

/** An ONNX model of the fixtures. */
export const onnxFixture = (name: string): string => path.join(projectRoot, 'packages/models/fixtures/onnx', name);

export class TeacherTrial {
  private constructor(
    readonly place: Awaited<ReturnType<typeof scratch>>,
    /** 160 images to train on, 64 to test on. */
    readonly data: string,
    readonly pipeline: EmbeddedPipeline,
    readonly open: ReturnType<typeof pipelineAt>,
    readonly openTeachers: ReturnType<typeof openClient<typeof TeacherInferenceServiceDefinition>>,
  ) {}

  static async start(): Promise<TeacherTrial> {
    const place = await scratch();
    const data = await smallCifar(place.folder, 160, 64);
    const pipeline = await startEmbedded({ home: path.join(place.folder, 'home') });
    const teachers = openTeachers(pipeline.addresses['teacher-inference'] as string);
    return new TeacherTrial(place, data, pipeline, pipelineAt(pipeline.endpoint), teachers);
  }

  get client(): PipelineClient {
    return this.open.client;
  }

  get teachers() {
    return this.openTeachers.client;
  }

  student(teacher: Teacher, changes: Teacher = {}) {
    return quickRecipe(this.data, { teacher, distiller: { name: 'kd' }, epochs: 1, ...changes });
  }

  run(teacher: Teacher, changes?: Teacher): Promise<Run> {
    return runToEnd(this.client, this.student(teacher, changes));
  }

  async digestsOfStudents(...runs: readonly Run[]): Promise<string[]> {
    const digests: string[] = [];
    for (const { id } of runs) digests.push((await reportOf(this.client, id)).modelSha256);
    return digests;
  }

  /** Why a run is not made, or fails, in the words of the service. */
  async refusal(teacher: Teacher, changes?: Teacher): Promise<string> {
    const created = await createRun(this.client, this.student(teacher, changes)).catch((error: RemoteError) => error);
    if (created instanceof RemoteError) return created.message;
    const { state, error } = await ended(this.client, created.id);
    return state === RunState.FAILED ? error : RunState[state];
  }

  /** What the teacher service says of a teacher before a run, '' when it can teach. */
  async checked(teacher: Teacher, changes: Teacher = {}): Promise<string> {
    const recipe = this.student(teacher, changes);
    const { teacherDigest } = await this.client.resolveTeacher({ recipe });
    const { train: check } = teacherChecks(parseRecipe(recipe));
    return this.teachers.checkTeacher({ teacherDigest, ...check }).then(
      () => '',
      (error: RemoteError) => error.message,
    );
  }

  async imported(file: Uint8Array, model = ''): Promise<{ digest: string }> {
    async function* pieces() {
      for (const chunk of filePieces(file)) yield { model, chunk };
    }
    return { digest: (await this.client.importTeacher(pieces())).teacherDigest };
  }

  async fixture(name: string): Promise<{ digest: string }> {
    return this.imported(await readFile(onnxFixture(name)));
  }

  async counters(teacherDigest: string): Promise<LogitCounters> {
    const { counters } = await this.teachers.describeTeacher({ teacherDigest });
    if (!counters) throw new Error('no counters in the answer');
    return counters;
  }

  async close(): Promise<void> {
    this.open.close();
    this.openTeachers.close();
    await this.pipeline.close();
    await this.place.remove();
  }
}
