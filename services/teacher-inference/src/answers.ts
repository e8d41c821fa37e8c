/** What can be told of a model from its answers alone. */
import type { LogitComputer } from './computer.js';
import { ForeignModelError } from './image-input.js';

/** @param logits float32 [n, classes] @param nameOf what a row is @throws ForeignModelError for NaN and infinities */
export function assertNumbers(
  logits: Float32Array,
  { model, classes }: Pick<LogitComputer, 'model' | 'classes'>,
  nameOf: (row: number) => string,
): void {
  const at = logits.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new ForeignModelError(
    `the teacher (${model}) answers to ${nameOf(Math.floor(at / classes))} with ${logits[at]} for class ${at % classes}; a student cannot be held against that`,
  );
}
