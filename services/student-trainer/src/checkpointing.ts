import { isOf } from '@mcld/errors/mcld-error.js';
import { messageOf } from '@mcld/errors/text.js';
import { WeightMismatchError } from '@mcld/models/layers/state-dict.js';
import { DocumentError } from '@mcld/platform/documents.js';
import { writeCheckpoint } from '@mcld/platform/runs/checkpoints.js';
import { pruneCheckpoints, type RetentionPolicy } from '@mcld/platform/runs/retention.js';
import type { RunRecord } from '@mcld/platform/runs/run-record.js';
import { inSpan } from '@mcld/platform/telemetry.js';
import type { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { dataSeedOf } from '@mcld/recipe/schema.js';
import { diverged } from './diverged.js';
import type { OpenRun } from './open-run.js';
import { assertClaimed } from './run-claim.js';
import type { RunEvents } from './run-events.js';
import type { TrainerParts } from './trainer-parts.js';

/** Writes the checkpoints of a run in training, and deletes those that have expired. */
export class Checkpointing {
  /** Step of the newest whole checkpoint. */
  #newest: number | undefined;

  constructor(
    readonly parts: Pick<TrainerParts, 'adapters' | 'metrics' | 'logger'>,
    readonly record: RunRecord,
    readonly run: Pick<OpenRun, 'recipe' | 'plan' | 'history' | 'student' | 'checkpoint'>,
    readonly events: RunEvents,
    readonly waits: WaitWatch,
  ) {
    this.#newest = run.checkpoint;
  }

  get newest(): number | undefined {
    return this.#newest;
  }

  /** Whether the recipe asks for one at the end of an epoch. @param epoch counts from 1 */
  isDue(epoch: number): boolean {
    const { epochs, checkpoint } = this.run.recipe;
    return epoch % checkpoint.everyEpochs === 0 || epoch === epochs;
  }

  /**
   * Writes the state after `step` steps.
   * @throws FencedError, CancelledError where another attempt has the run, or nobody; DivergedError for a state that is
   * not finite: it must not be kept
   */
  write(step: number): Promise<void> {
    return inSpan('checkpoint', { run: this.record.id, step }, () => this.#write(step));
  }

  async #write(step: number): Promise<void> {
    const { record, run, parts } = this;
    const { recipe, plan, history, student } = run;
    const { objects, runs } = parts.adapters;
    const start = performance.now();
    await assertClaimed(runs, record);
    const state = await student.snapshot().catch((error: unknown) => {
      throw isOf(error, WeightMismatchError) ? diverged(step, messageOf(error), this.#newest) : error;
    });
    const epochSummary = history.epochs.at(-1) ?? null;
    const manifest = {
      step,
      totalSteps: plan.totalSteps,
      cursor: plan.cursorAt(step),
      rng: { generator: 'philox4x32-10', seed: recipe.seed, dataSeed: dataSeedOf(recipe) } as const,
      attempt: record.attempt,
      metrics: epochSummary ? { loss: epochSummary.losses.total ?? 0, trainTop1: epochSummary.trainTop1 } : {},
    };
    const name = { service: 'object store', what: 'a checkpoint' };
    await this.waits.during(name, () =>
      writeCheckpoint(objects, record.id, manifest, {
        'model.safetensors': state.model,
        'optimizer.safetensors': state.optimizer,
        'history.json': history.encode(),
      }),
    );
    this.#newest = step;
    const bytes = state.model.length + state.optimizer.length;
    parts.logger.debug({ step, bytes, ms: Math.round(performance.now() - start) }, 'checkpoint written');
    await this.#prune();
    const { totalSteps } = plan;
    const data = { step, totalSteps, epoch: plan.epochAt(step), epochSummary };
    await this.events.publish('checkpoint', String(step), data);
  }

  /** Where the result of a checkpoint cannot be read, it is unknown which one is the best: all of them stay. */
  async #prune(): Promise<void> {
    const { parts, record, run } = this;
    const retention: RetentionPolicy = { keepLast: run.recipe.checkpoint.keepLast };
    try {
      const pruned = await pruneCheckpoints(parts.adapters.objects, parts.metrics, record.id, retention);
      if (pruned.length > 0) parts.logger.debug({ pruned }, 'checkpoints pruned');
    } catch (error) {
      if (!isOf(error, DocumentError)) throw error;
      parts.logger.warn({ run: record.id, err: error }, 'no checkpoint is pruned');
    }
  }
}
