import type { DataLoaderServiceDefinition, DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { BatchSpec, DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { sizeMisfit } from '@mcld/models/zoo/image-size.js';
import type { ModelName } from '@mcld/models/zoo/registry.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { testSplit, transferSplit } from '@mcld/recipe/splits.js';
import { teacherChecks, trainingPlan } from '@mcld/recipe/training-plan.js';
import { allPass } from './all-pass.js';
import { misfit, refusalOf } from './refusal.js';
import { assertSplitsFit } from './splits.js';

/** Where a run's data and teacher come from. */
export interface Sources {
  readonly loader: OpenClient<typeof DataLoaderServiceDefinition>['client'];
  readonly teacher: OpenClient<typeof TeacherInferenceServiceDefinition>['client'];
}

type Opened = Promise<DescribeDatasetResponse>;

/**
 * Opens everything that a run will need and checks it against the recipe: the data to train on, the test split, each
 * transfer set, the plan of the batches, the teacher.
 * @param teacherDigest empty: without one
 * @returns the data to train on
 * @throws RefusedError naming each field that cannot be used, RemoteError where a service does not answer
 */
export async function preflight(
  recipe: Recipe,
  teacherDigest: string,
  { loader, teacher }: Sources,
  stop: AbortSignal,
): Opened {
  const over = new AbortController();
  const call = { signal: AbortSignal.any([stop, over.signal]) };
  const plan = trainingPlan(recipe);
  const spec = BatchSpec.fromPartial(plan);
  const open = (at: string, dataset: DatasetRef): Opened =>
    answerOf(`${at}.root`, () => loader.describeDataset({ dataset }, call));
  const train = open('dataset', DatasetRef.fromPartial(plan.dataset));
  const firstPlan = async () => {
    for await (const _ of loader.streamPlans({ spec, from: { epoch: 0, step: 0 }, epochs: recipe.epochs }, call))
      return;
  };
  const test = open('dataset', DatasetRef.fromPartial(testSplit(recipe)));
  const teaches = async (split: 'train' | 'test') => {
    if (teacherDigest) await teacher.checkTeacher({ teacherDigest, ...teacherChecks(recipe)[split] }, call);
  };
  const checks = [
    ...checksOf(recipe.model, 'dataset', train, test),
    train.then(() => answerOf('batchSize', firstPlan)),
    train.then(() => answerOf('teacher', () => teaches('train'))),
    test.then(() => answerOf('teacher', () => teaches('test'))),
    ...recipe.evaluation.transfer.flatMap((dataset, i) => {
      const at = `evaluation.transfer[${i}]`;
      const part = (split: 'train' | 'test') => open(at, DatasetRef.fromPartial(transferSplit(dataset, split)));
      return checksOf(recipe.model, at, part('train'), part('test'));
    }),
  ];
  try {
    await allPass(checks);
    return await train;
  } finally {
    over.abort();
  }
}

/** Of the two splits of a data set, in the order in which their faults are reported. */
function checksOf(model: ModelName, at: string, train: Opened, test: Opened): Promise<unknown>[] {
  const fits = train.then((images) => {
    const fault = sizeMisfit(model, images);
    if (fault) throw misfit(`${at}.size`, fault);
  });
  return [fits, test, Promise.all([train, test]).then(([a, b]) => assertSplitsFit(at, a, b))];
}

/** @throws RefusedError of the field where the service refuses what it is asked */
async function answerOf<T>(field: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw refusalOf(error, field);
  }
}
