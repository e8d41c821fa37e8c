import type { Cursor } from '@mcld/contracts/mcld/v1/views.js';
import { cursorOf, stepsPerEpochOf } from '@mcld/feeds/cursors.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import type { StepRates } from '@mcld/tensor/optimizer.js';
import { ratesAt, type ScheduleBase } from '@mcld/tensor/schedule.js';

/** The steps of a run: how many, and what each of them is. */
export class RunPlan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly #base: ScheduleBase;

  /** @param images of the training split */
  constructor(
    readonly recipe: Pick<Recipe, 'batchSize' | 'epochs' | 'optimizer' | 'schedule'>,
    images: number,
  ) {
    const { batchSize, epochs, optimizer } = recipe;
    this.stepsPerEpoch = stepsPerEpochOf(images, batchSize);
    this.totalSteps = this.stepsPerEpoch * epochs;
    const momentum = optimizer.name === 'sgd' ? optimizer.momentum : 0;
    this.#base = { lr: optimizer.lr, momentum, stepsPerEpoch: this.stepsPerEpoch, epochs };
  }

  /** @param step steps done before it */
  ratesAt(step: number): StepRates {
    return ratesAt(this.recipe.schedule, this.#base, step);
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
