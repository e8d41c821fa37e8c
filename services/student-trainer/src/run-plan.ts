import type { Cursor } from '@mcld/contracts/mcld/v1/views.js';
import { cursorOf, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import { scheduleOf } from '@mcld/optimizers/schedules/registry.js';
import type { Schedule } from '@mcld/optimizers/schedules/schedule.js';
import type { Recipe } from '@mcld/recipe/schema.js';

/** The steps of a run: how many, and what each of them is. */
export class RunPlan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** The rates of a step. */
  readonly ratesAt: Schedule;

  /** @param images of the training split */
  constructor(
    readonly recipe: Pick<Recipe, 'batchSize' | 'epochs' | 'optimizer' | 'schedule'>,
    images: number,
  ) {
    const { batchSize, epochs, optimizer, schedule } = recipe;
    this.stepsPerEpoch = stepsPerEpochOf(images, batchSize);
    this.totalSteps = this.stepsPerEpoch * epochs;
    this.ratesAt = scheduleOf(schedule, { lr: optimizer.lr, stepsPerEpoch: this.stepsPerEpoch, epochs });
  }

  /** Fractional epochs done before a step. */
  epochAt(step: number): number {
    return step / this.stepsPerEpoch;
  }

  /** Where in the epochs a step is, as the data's services count. */
  cursorAt(step: number): Cursor {
    return cursorOf(step, this.stepsPerEpoch);
  }
}
