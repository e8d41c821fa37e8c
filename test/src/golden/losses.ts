import { contrastLoss } from '@mcld/distillers/ckd.js';
import { classAgreement, classCorrelation, instanceAgreement } from '@mcld/distillers/clkd.js';
import { totalOf } from '@mcld/distillers/distiller.js';
import { otherClassesLoss, targetClassLoss } from '@mcld/distillers/dkd.js';
import { distillerNames } from '@mcld/distillers/facts.js';
import { standardise } from '@mcld/distillers/logit-standardization.js';
import { categoryLoss, instanceLoss, sampleLoss } from '@mcld/distillers/mcld.js';
import { batchSimilarity, classSimilarity } from '@mcld/distillers/mlld.js';
import { distillers } from '@mcld/distillers/registry.js';
import { maskedCorrelationLoss, sampleConfidenceLoss } from '@mcld/distillers/rld.js';
import { softenedKl } from '@mcld/distillers/softened.js';
import { crossEntropy } from '@mcld/tensor/cross-entropy.js';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { type Comparison, type FileResult, maxDeviation } from './comparison.js';

const schema = z.object({
  /** Of warm-ups. */
  epoch: z.number().default(0),
  batch: z.number(),
  classes: z.number(),
  student: z.array(z.number()),
  teacher: z.array(z.number()),
  targets: z.array(z.number()),
  losses: z.record(
    z.string(),
    z.object({
      value: z.number(),
      gradient: z.array(z.number()),
      valueTolerance: z.number(),
      gradientTolerance: z.number(),
      /** Of a whole distiller; absent: its defaults. */
      options: z.record(z.string(), z.unknown()).default({}),
    }),
  ),
});

interface Input {
  readonly zs: tf.Tensor2D;
  readonly zt: tf.Tensor2D;
  readonly y: tf.Tensor1D;
  readonly epoch: tf.Scalar;
}

type Loss = (input: Input) => tf.Scalar;

/** A distiller as recipes name it: all its terms, with their weights. */
function wholeDistiller(name: string, options: object): Loss | undefined {
  const known = distillerNames.find((distiller) => name === `distiller.${distiller}`);
  if (!known) return undefined;
  const distil = distillers[known].withOptions(options);
  return (input) =>
    totalOf(distil({ ...input, step: tf.scalar(0), crossEntropy: () => crossEntropy(input.zs, input.y) }));
}

/** The term that a reference name stands for, or undefined where there is none. */
function termNamed(name: string): Loss | undefined {
  const tau = Number(/tau(\d+(\.\d+)?)/.exec(name)?.[1]);
  const cosine = { tau, similarity: 'cosine' } as const;
  const number = (letter: string) => Number(new RegExp(`\\.${letter}(\\d+(\\.\\d+)?)`).exec(name)?.[1]);
  const temperature = number('T');
  if (name === 'ce') return ({ zs, y }) => crossEntropy(zs, y);
  if (/^kd\.T/.test(name)) return ({ zs, zt }) => softenedKl(zs, zt, temperature);
  if (/^kd\.standardised\.T/.test(name)) {
    return ({ zs, zt }) => softenedKl(standardise(zs), standardise(zt), temperature);
  }
  if (/^dkd\./.test(name)) {
    return ({ zs, zt, y }) =>
      tf.add(
        tf.mul(targetClassLoss(zs, zt, y, temperature), number('a')),
        tf.mul(otherClassesLoss(zs, zt, y, temperature), number('b')),
      );
  }
  if (/^rld\./.test(name)) {
    const scaled = name.includes('standardised') ? standardise : (z: tf.Tensor2D) => z;
    return ({ zs, zt, y }) =>
      tf.add(
        tf.mul(sampleConfidenceLoss(scaled(zs), scaled(zt), y, number('Ta')), number('a')),
        tf.mul(maskedCorrelationLoss(scaled(zs), scaled(zt), y, temperature), number('b')),
      );
  }
  if (/^mcld\.instance/.test(name)) {
    return (input) => instanceLoss(input, { ...cosine, mask: !name.endsWith('nomask') });
  }
  if (/^mcld\.sample/.test(name)) return (input) => sampleLoss(input, cosine);
  if (/^mcld\.category/.test(name)) return (input) => categoryLoss(input, cosine);
  if (name === 'clkd.instance') return ({ zs, zt }) => instanceAgreement(zs, zt);
  if (name === 'clkd.class') return ({ zs, zt }) => classAgreement(zs, zt);
  if (name === 'clkd.correlation') return ({ zs, zt }) => classCorrelation(zs, zt);
  if (/^mlld\.batch/.test(name)) return ({ zs, zt }) => batchSimilarity(zs, zt, temperature);
  if (/^mlld\.class/.test(name)) return ({ zs, zt }) => classSimilarity(zs, zt, temperature);
  if (/^ckd\.contrast/.test(name)) return ({ zs, zt }) => contrastLoss(zs, zt, tau);
  return undefined;
}

export function checkLosses(file: string, content: unknown): FileResult {
  const { epoch, batch, classes, student, teacher, targets, losses } = schema.parse(content);
  const comparisons: Comparison[] = [];
  const unsupported: string[] = [];
  for (const [name, expected] of Object.entries(losses)) {
    const loss = wholeDistiller(name, expected.options) ?? termNamed(name);
    if (!loss) {
      unsupported.push(name);
      continue;
    }
    tf.tidy(() => {
      const zt = tf.tensor2d(teacher, [batch, classes]);
      const y = tf.tensor1d(targets, 'int32');
      const zs = tf.tensor2d(student, [batch, classes]);
      const { value, grad } = tf.valueAndGrad((s) => loss({ zs: s as tf.Tensor2D, zt, y, epoch: tf.scalar(epoch) }))(
        zs,
      );
      comparisons.push(
        {
          quantity: `${name} value`,
          deviation: maxDeviation(value.dataSync(), [expected.value]),
          tolerance: expected.valueTolerance,
        },
        {
          quantity: `${name} gradient`,
          deviation: maxDeviation(grad.dataSync(), expected.gradient),
          tolerance: expected.gradientTolerance,
        },
      );
    });
  }
  return { file, comparisons, unsupported };
}
