import { BatchSpec, type Cursor } from '@mcld/contracts/mcld/v1/views.js';
import type { TeacherOutput } from '@mcld/distillers/facts.js';
import { type Batch, openBatches } from '@mcld/feeds/batches.js';
import { isSameCursor, START } from '@mcld/feeds/cursors.js';
import type { Feed, FeedOptions } from '@mcld/feeds/feed.js';
import { openStepRows, type StepRows } from '@mcld/feeds/step-rows.js';
import { StreamError } from '@mcld/feeds/stream-error.js';
import { takeWatched } from '@mcld/feeds/watched.js';
import type { Rows } from '@mcld/platform/rows.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { type Recipe, teacherOutputsOf } from '@mcld/recipe/schema.js';
import { trainingPlan } from '@mcld/recipe/training-plan.js';
import type { RunPlan } from './run-plan.js';
import type { TrainerParts } from './trainer-parts.js';

/** What is asked of the services. */
export interface RunFeedsRequest {
  readonly recipe: Recipe;
  readonly plan: RunPlan;
  readonly teacherDigest: string;
  /** The first step; default: that of the whole sequence. */
  readonly from?: Cursor | undefined;
}

/** The teacher's rows for one step, by output: of each output that the run's loss reads. */
export type TeacherRows = ReadonlyMap<TeacherOutput, Rows>;

/** What comes to a run from other services, step after step. */
export class RunFeeds {
  readonly #batches: Feed<Batch>;
  /** By output. */
  readonly #teacher: ReadonlyMap<TeacherOutput, Feed<StepRows>>;

  /** @param waits are told of items that do not come */
  constructor(
    { loader, teacher }: Pick<TrainerParts, 'loader' | 'teacher'>,
    { recipe, plan, teacherDigest, from = START }: RunFeedsRequest,
    readonly waits: WaitWatch,
    options: FeedOptions = {},
  ) {
    const { epochs, logitPrecision: precision } = recipe;
    const { stepsPerEpoch } = plan;
    const request = { spec: BatchSpec.fromPartial(trainingPlan(recipe)), from, epochs, stepsPerEpoch };
    this.#batches = openBatches(loader, request, options);
    const openRows = (output: TeacherOutput) =>
      openStepRows(teacher, { ...request, teacherDigest, output, precision }, options);
    this.#teacher = new Map(teacherOutputsOf(recipe.distiller).map((output) => [output, openRows(output)]));
  }

  /** Whether the run's loss has a teacher. */
  get needsTeacher(): boolean {
    return this.#teacher.size > 0;
  }

  /** @param cursor of the step that it is for */
  nextBatch(cursor: Cursor): Promise<Batch> {
    return nextOf(this.#batches, cursor, this.waits);
  }

  /** The teacher's rows for the same step; none for a loss without a teacher. */
  async teacherRows(cursor: Cursor): Promise<TeacherRows> {
    const ofStep = async ([output, feed]: [TeacherOutput, Feed<StepRows>]) =>
      [output, (await nextOf(feed, cursor, this.waits)).rows] as const;
    return new Map(await Promise.all([...this.#teacher].map(ofStep)));
  }

  async close(): Promise<void> {
    await Promise.all([this.#batches, ...this.#teacher.values()].map((feed) => feed.close()));
  }
}

/** @throws StreamError where the stream ends, or brings another step than the one that is due */
async function nextOf<T extends { readonly cursor: Cursor }>(feed: Feed<T>, due: Cursor, waits: WaitWatch): Promise<T> {
  const item = await takeWatched(feed, waits);
  if (isSameCursor(item.cursor, due)) return item;
  const at = ({ epoch, step }: Cursor) => `epoch ${epoch}, step ${step}`;
  throw new StreamError(
    `the ${feed.name.service} sent ${feed.name.what} of ${at(item.cursor)}, expected those of ${at(due)}`,
  );
}
