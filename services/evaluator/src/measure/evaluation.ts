import type { DatasetRef } from '@mcld/contracts/mcld/v1/views.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { isDiverged, type MetricsRecord, recordOf } from '@mcld/platform/runs/metrics.js';
import type { ClassConfusion, Example } from '@mcld/platform/runs/report.js';
import { argmax } from '@mcld/tensor/argmax.js';
import { allFinite } from '@mcld/tensor/finite.js';
import { classNameOf, worstClasses } from './confusion.js';
import { encodeExample } from './examples.js';
import { describeSplit, type InferenceParts, inferSplit, teacherRows } from './inference.js';
import { MetricsAccumulator } from './metrics.js';

/** Images shown in a report, spread evenly over the split. */
const EXAMPLES = 32;

const WORST = 10;

/** In place of a class, where a row's logits are not finite. */
const NO_GUESS = 'no class: its logits are no finite numbers';

export interface Evaluation {
  readonly metrics: MetricsRecord;
  /** Why the metrics are not a result; undefined where they are. */
  readonly diverged: string | undefined;
  /** Why it was not compared with its teacher, which refuses some image; undefined: it was, or there is none. */
  readonly teacherFault: string | undefined;
  /** None of a student that diverged. */
  readonly worst: readonly ClassConfusion[];
  readonly examples: readonly Example[];
}

/**
 * Measures the loaded student on a split.
 * @param teacherDigest compares with this teacher; empty: with none
 */
export async function evaluateSplit(
  parts: InferenceParts,
  dataset: DatasetRef,
  teacherDigest: string,
  { withExamples = false } = {},
): Promise<Evaluation> {
  const described = await describeSplit(parts, dataset);
  const { classNames, height, width, count } = described;
  const nameOf = (label: number) => classNameOf(classNames, label);
  const metrics = new MetricsAccumulator();
  const labels: number[] = [];
  const guesses: number[] = [];
  const examples: Example[] = [];
  const every = Math.max(1, Math.floor(count / EXAMPLES));
  let teacher = teacherDigest ? teacherRows(parts, teacherDigest, dataset, described) : undefined;
  let teacherFault: string | undefined;
  try {
    for await (const batch of inferSplit(parts, dataset, described)) {
      const classes = batch.logits.length / batch.labels.length;
      for (const [i, label] of batch.labels.entries()) {
        const row = batch.logits.subarray(i * classes, (i + 1) * classes);
        const teacherRow = await nextRow(teacher).catch((error) => {
          // What the student is worth does not hang on it; a service that is away is asked again instead.
          if (!(error instanceof RemoteError) || error.status !== 'FAILED_PRECONDITION') throw error;
          teacherFault = error.message;
          teacher = undefined;
          return undefined;
        });
        metrics.add(row, label, teacherRow);
        if (withExamples && labels.length % every === 0 && examples.length < EXAMPLES) {
          const bytes = height * width * 3;
          examples.push({
            image: await encodeExample(batch.pixels.subarray(i * bytes, (i + 1) * bytes), height, width),
            label: nameOf(label),
            student: allFinite(row) ? nameOf(argmax(row)) : NO_GUESS,
            ...(teacherRow && { teacher: nameOf(argmax(teacherRow)) }),
          });
        }
        labels.push(label);
        guesses.push(argmax(row));
      }
    }
  } finally {
    await teacher?.return(undefined);
  }
  if (teacherFault !== undefined) metrics.forgetTeacher();
  const record = recordOf(metrics.result());
  const diverged = isDiverged(record)
    ? `${record.nonFinite} of ${record.count} test images have logits that are not finite (the first: image ${metrics.firstNonFinite})`
    : undefined;
  const worst = diverged ? [] : worstClasses(labels, guesses, classNames, WORST);
  return { metrics: record, diverged, teacherFault, worst, examples };
}

const nextRow = async (rows: AsyncGenerator<Float32Array, undefined> | undefined): Promise<Float32Array | undefined> =>
  (await rows?.next())?.value;
