import type { PassedOverOfSplits } from '@mcld/datasets/readers/passed-over.js';
import type { RunId } from '@mcld/platform/ids.js';
import type { EvaluationPoint } from '@mcld/platform/runs/evaluations.js';
import type { MetricsRecord } from '@mcld/platform/runs/metrics.js';
import type { TransferResult } from '@mcld/platform/runs/transfer.js';
import type { ClassConfusion } from '../measure/confusion.js';
import type { Example } from '../measure/examples.js';

/** A point of the learning curve. */
export interface EpochPoint {
  readonly epoch: number;
  readonly step: number;
  readonly lr: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly trainTop1: number;
}

/** What a run's teacher logits were read from. */
export interface LogitReport {
  readonly precision: string;
  /** Stored rows of the teacher for these data. */
  readonly rows: number;
  /** What computed them; with more than one, last bits may differ between rows. */
  readonly identities: readonly string[];
  /** KL(computed ‖ stored) in nats over so many views; 0 of 0 views for fp32, which is exact. */
  readonly probedViews: number;
  readonly meanKl: number;
  readonly maxKl: number;
}

/** `report.json`; docs/report.md explains every field. */
export interface Report {
  readonly schema: 'mcld.report/1';
  readonly run: RunId;
  readonly name: string;
  readonly createdAt: string;
  readonly model: string;
  readonly parameters: number;
  readonly distiller: Readonly<Record<string, unknown>>;
  readonly teacherDigest: string;
  readonly seed: number;
  readonly dataset: {
    readonly name: string;
    readonly standIn: string;
    /** Training images left out since they cannot be decoded. */
    readonly skipped: number;
    /** What of each split's files is not used; absent in reports of earlier builds. */
    readonly passedOver?: PassedOverOfSplits;
    readonly trainImages: number;
    readonly testImages: number;
  };
  readonly epochs: number;
  readonly step: number;
  /** sha256 of the checkpoint's model.safetensors. */
  readonly modelSha256: string;
  readonly metrics: MetricsRecord;
  /** Why the metrics are no result: the student's logits are no finite numbers. */
  readonly diverged?: string;
  /** Why the student was not compared with its teacher, where that refuses a test image. */
  readonly teacherFault?: string;
  readonly history: readonly EpochPoint[];
  readonly evaluations: readonly EvaluationPoint[];
  readonly transfer: readonly TransferResult[];
  /** With a teacher. */
  readonly logits?: LogitReport;
  readonly worstClasses: readonly ClassConfusion[];
  readonly examples: readonly Example[];
}
