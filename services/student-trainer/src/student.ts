import type { DescribeDatasetResponse } from '@mcld/contracts/mcld/v1/data_loader.js';
import { isMixed } from '@mcld/datasets/views/mix.js';
import type { Batch } from '@mcld/feeds/batches.js';
import type { Checkpoint } from '@mcld/platform/runs/checkpoints.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { TeacherRows } from './run-feeds.js';
import type { RunPlan } from './run-plan.js';
import type { Snapshot } from './session.js';
import type { handlers, StepResult } from './worker.js';

/** The student of a run and its optimiser, which live in the compute thread. */
export class Student {
  private constructor(
    readonly thread: ComputeThread<typeof handlers>,
    readonly plan: RunPlan,
  ) {}

  /**
   * Puts the run's student in the thread, in place of another.
   * @param described the training split
   * @param resume absent: the student begins with the initial weights of its seed
   */
  static async begin(
    thread: ComputeThread<typeof handlers>,
    recipe: Recipe,
    plan: RunPlan,
    described: DescribeDatasetResponse,
    resume: Checkpoint | undefined,
  ): Promise<Student> {
    await thread.call('begin', {
      model: recipe.model,
      classes: described.classes,
      seed: recipe.seed,
      distiller: recipe.distiller,
      optimizer: recipe.optimizer,
      labelSmoothing: recipe.labelSmoothing,
      stochasticDepth: recipe.stochasticDepth,
      mixed: isMixed(recipe.mix),
      statistics: { mean: described.mean, std: described.std },
      height: described.height,
      width: described.width,
      ...(resume && {
        resume: { model: resume.parts['model.safetensors'], optimizer: resume.parts['optimizer.safetensors'] },
      }),
    });
    return new Student(thread, plan);
  }

  /** One step: forward, loss, gradients, update. The buffers of the batch and of the teacher's rows are handed over. */
  distill({ pixels, labels, ownShare }: Batch, teacher: TeacherRows, step: number): Promise<StepResult> {
    return this.thread.call(
      'step',
      {
        pixels,
        labels,
        ownShare,
        teacher,
        epoch: this.plan.epochAt(step),
        step,
        rates: this.plan.ratesAt(step),
      },
      [pixels.buffer, ...[...teacher.values()].map(({ values }) => values.buffer)],
    );
  }

  /** @throws WeightMismatchError, as it crossed the thread, for a value that is not finite */
  snapshot(): Promise<Snapshot> {
    return this.thread.call('snapshot', undefined);
  }

  /** Takes the student out of the thread. */
  async close(): Promise<void> {
    await this.thread.call('end', undefined);
  }
}
