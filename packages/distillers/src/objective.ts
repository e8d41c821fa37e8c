import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Distiller, TOTAL, totalOf } from './distiller.js';
import type { TeacherOutput } from './facts.js';

/**
 * What a teacher gives for a batch, by output: float32 [B, width], and the width of the logits is C. Outputs besides
 * the logits are there where the loss reads them: each has a name of its own in `DistillerInput`.
 */
export type TeacherOutputs = { readonly [K in TeacherOutput]?: Tensor2D } & { readonly logits: Tensor2D };

/** What a step is given besides its images. */
export type StepTensors = {
  /** Targets, int32 [B]. */
  readonly y: Tensor1D;
  readonly teacher: TeacherOutputs;
  /** Fractional epochs, and steps, since the run began: float32 scalars. */
  readonly progress: { readonly epoch: Scalar; readonly step: Scalar };
  /** Of mixed images: the partners' targets, int32 [B], and the share of a row's own, a float32 scalar. */
  readonly mixture?: { readonly partners: Tensor1D; readonly share: Scalar } | undefined;
};

/** What a step tells. */
export type StepReport = {
  /** Unweighted value of each term by its name, and their weighted sum under TOTAL. */
  readonly losses: Readonly<Record<string, Scalar>>;
  /** The student's, float32 [B, C]. */
  readonly logits: Tensor2D;
};

/**
 * What a loss minimises, as a pure function of the student's outputs and of what the step is given.
 * @param smoothing of the targets in the cross-entropy, 0…1
 */
export function objectiveOf(distil: Distiller, smoothing: number) {
  return (
    { logits: zs }: { readonly logits: Tensor2D },
    { y, teacher, progress, mixture }: StepTensors,
  ): { readonly loss: Scalar; readonly report: StepReport } => {
    const terms = distil({
      zs,
      zt: teacher.logits,
      y,
      ...progress,
      crossEntropy: () => mixedCrossEntropy(zs, y, mixture, smoothing),
    });
    const loss = totalOf(terms);
    const values = Object.entries(terms).map(([name, { value }]): [string, Scalar] => [name, value]);
    return { loss, report: { losses: { ...Object.fromEntries(values), [TOTAL]: loss }, logits: zs } };
  };
}

/**
 * With mixed images the cross-entropy is split by the shares (Mixup's equation 2); other losses see a row's own target.
 */
function mixedCrossEntropy(zs: Tensor2D, y: Tensor1D, mixture: StepTensors['mixture'], smoothing: number): Scalar {
  const own = crossEntropy(zs, y, smoothing);
  if (!mixture) return own;
  const other = crossEntropy(zs, mixture.partners, smoothing);
  return tf.add<Scalar>(tf.mul(mixture.share, own), tf.mul(tf.sub(1, mixture.share), other));
}
