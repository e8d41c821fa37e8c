/** A pipeline in this process to try teachers with. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import type { LogitCounters } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { filePieces } from '@mcld/feeds/files.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { teacherChecks } from '@mcld/recipe/training-plan.js';
import { afterEach, beforeEach } from 'vitest';
import { projectRoot } from './data.js';
import { InferenceServer } from './inference-server.js';
import { type Place, usePlace } from './place.js';
import { createRun, ended, type PipelineClient, quickRecipe, reportOf, runToEnd } from './runs.js';
import { type TestPipeline, usePipeline } from './test-pipeline.js';

type Teacher = Record<string, unknown>;

/** An ONNX model of the fixtures. */
export const onnxFixture = (name: string): string => path.join(projectRoot, 'packages/models/fixtures/onnx', name);

/** A teacher to try: with what is at hand, or on a server of other people's. */
export class TeacherTrial {
  #server: InferenceServer | undefined;
  #count = 0;

  constructor(
    /** With 160 images to train on, 64 to test on. */
    readonly place: Place,
    readonly pipeline: TestPipeline,
  ) {}

  /** Starts a new server, with a model of another name. */
  async serve(): Promise<void> {
    this.#server = await InferenceServer.start();
    this.#count++;
  }

  get server(): InferenceServer {
    if (!this.#server) throw new Error('the server is started in beforeEach');
    return this.#server;
  }

  /** Of the model on the server. */
  get name(): string {
    return `model-${this.#count}`;
  }

  /** The model on the server, as a recipe names it. */
  served(changes: Teacher = {}) {
    return { endpoint: this.server.endpoint, name: this.name, ...changes };
  }

  get client(): PipelineClient {
    return this.pipeline.client;
  }

  get teachers() {
    return this.pipeline.teachers;
  }

  student(teacher: Teacher, changes: Teacher = {}) {
    return quickRecipe(this.place.data, { teacher, distiller: { name: 'kd' }, epochs: 1, ...changes });
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
}

/** A trial for the tests of a file, each with a server of its own. */
export function useTeacherTrial(): TeacherTrial {
  const place = usePlace({ train: 160, test: 64 });
  const trial = new TeacherTrial(place, usePipeline(place));
  beforeEach(() => trial.serve());
  afterEach(() => trial.server.stop());
  return trial;
}
