import { createLogger } from '@mcld/platform/logging.js';
import { Rows } from '@mcld/platform/rows.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { describe, expect, it } from 'vitest';
import { TrainingHistory } from './history.js';
import { ProgressMeter } from './progress.js';
import { RunPlan } from './run-plan.js';
import { type TrainingRun, train } from './training-run.js';
import type { StepResult } from './worker.js';

const recipe = parseRecipe({
  name: 'r',
  dataset: { name: 'cifar-100', root: '.' },
  model: 'resnet8',
  distiller: { name: 'ce' },
  batchSize: 8,
  epochs: 3,
});
/** Four steps an epoch, the last of 6 images. */
const plan = new RunPlan(recipe, 30);

const finite: StepResult = { losses: { ce: 2, total: 2 }, correct: 1, nonFinite: 0 };

interface Changes {
  readonly step?: number;
  readonly needsTeacher?: boolean;
  /** Called after each step. */
  readonly stepped?: (step: number) => void;
  readonly results?: Readonly<Record<number, Partial<StepResult>>>;
  readonly everyEpochs?: number;
  /** What a batch waits for. */
  readonly held?: (step: number) => Promise<void>;
}

/** A run of fakes, and what the loop asked of them. */
function fakeRun({ step = 0, needsTeacher = false, stepped, results = {}, everyEpochs = 1, held }: Changes = {}) {
  const log: string[] = [];
  const history = TrainingHistory.empty();
  const run: TrainingRun = {
    ...{ plan, step, history },
    meter: new ProgressMeter('r', plan.stepsPerEpoch, plan.totalSteps),
    waits: new WaitWatch({ afterMs: 10_000, logger }),
    logger,
    feeds: {
      needsTeacher,
      nextBatch: async (cursor) => {
        log.push(`batch ${cursor.epoch}.${cursor.step}`);
        await held?.(plan.stepsPerEpoch * cursor.epoch + cursor.step);
        const rows = cursor.step === 3 ? 6 : 8;
        return { cursor, pixels: new Uint8Array(rows), labels: new Int32Array(rows), ownShare: 0 };
      },
      teacherRows: async (cursor) => {
        log.push(`logits ${cursor.epoch}.${cursor.step}`);
        return new Map([['logits', new Rows(new Float32Array(8), 1)]]);
      },
    },
    student: {
      distill: async (_batch, teacher, step) => {
        log.push(['distill', step, ...[...teacher.keys()].map((output) => `with ${output}`)].join(' '));
        stepped?.(step);
        return { ...finite, ...results[step] };
      },
    },
    checkpoints: {
      newest: 4,
      isDue: (epoch) => epoch % everyEpochs === 0 || epoch === recipe.epochs,
      write: async (done) => void log.push(`checkpoint ${done}`),
    },
    reports: { report: async (done) => void log.push(`report ${done}`) },
  };
  return { run, log, history };
}

const logger = createLogger('test', 'silent');
const endless = new AbortController().signal;

describe('the training loop', () => {
  it('takes every step of the run once, in order, and checkpoints where it is due', async () => {
    const { run, log, history } = fakeRun({ everyEpochs: 2 });
    expect(await train(run, endless)).toBe('done');
    expect(log.slice(0, 6)).toEqual(['batch 0.0', 'distill 0', 'report 1', 'batch 0.1', 'distill 1', 'report 2']);
    expect(log.filter((line) => line.startsWith('distill'))).toHaveLength(12);
    expect(log.filter((line) => line.startsWith('checkpoint'))).toEqual(['checkpoint 8', 'checkpoint 12']);
    // Before the report: a follower who hears of the step finds its checkpoint.
    expect(log.slice(-2)).toEqual(['checkpoint 12', 'report 12']);
    expect(history.epochs.map(({ epoch, step, trainTop1 }) => [epoch, step, trainTop1])).toEqual([
      [1, 4, 4 / 30],
      [2, 8, 4 / 30],
      [3, 12, 4 / 30],
    ]);
  });

  it('goes on in the middle of an epoch', async () => {
    const { run, log } = fakeRun({ step: 6 });
    await train(run, endless);
    expect(log.slice(0, 2)).toEqual(['batch 1.2', 'distill 6']);
    expect(log.filter((line) => line.startsWith('checkpoint'))).toEqual(['checkpoint 8', 'checkpoint 12']);
  });

  it('asks for the logits of the batch’s step where the loss needs them', async () => {
    const { run, log } = fakeRun({ step: 11, needsTeacher: true });
    await train(run, endless);
    expect(log.slice(0, 3)).toEqual(['batch 2.3', 'logits 2.3', 'distill 11 with logits']);
  });

  it('finishes the step in hand when it is stopped, and leaves a checkpoint behind it', async () => {
    const stopping = new AbortController();
    const { run, log } = fakeRun({ stepped: (step) => step === 5 && stopping.abort() });
    expect(await train(run, stopping.signal)).toBe('unfinished');
    expect(log.slice(-3)).toEqual(['distill 5', 'report 6', 'checkpoint 6']);
  });

  it('stops while it waits for a batch that does not come, with all that was done before', async () => {
    const stopping = new AbortController();
    const held = async (step: number) => {
      if (step < 3) return;
      stopping.abort();
      await new Promise(() => {});
    };
    const { run, log } = fakeRun({ held });
    expect(await train(run, stopping.signal)).toBe('unfinished');
    expect(log.slice(-3)).toEqual(['report 3', 'batch 0.3', 'checkpoint 3']);
  });

  it('stops at a loss that is not finite, by step, term and what is left, and keeps nothing of the step', async () => {
    const { run, log, history } = fakeRun({ step: 4, results: { 5: { losses: { ce: Number.NaN, total: 1 } } } });
    await expect(train(run, endless)).rejects.toThrow(
      "the student diverged at step 5: the loss term 'ce' is NaN; the newest checkpoint is of step 4",
    );
    expect(log.at(-1)).toBe('distill 5');
    expect(history.epochs).toEqual([]);
  });

  it('stops at logits that are not finite behind a loss that is', async () => {
    const { run } = fakeRun({ results: { 0: { nonFinite: 2 } } });
    await expect(train(run, endless)).rejects.toThrow('the logits of 2 of 8 images are not finite');
  });
});
