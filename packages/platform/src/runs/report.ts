import { z } from 'zod';
import { runIdSchema } from '../ids.js';
import { epochSummarySchema } from './history.js';
import { evaluationPointSchema, metricsSchema } from './metrics.js';
import { passedOverSchema } from './passed-over.js';
import { transferSchema } from './transfer.js';

/** What a run's teacher logits were read from. */
const logitReportSchema = z.object({
  precision: z.string(),
  /** Stored rows of the teacher for these data. */
  rows: z.number(),
  /** What computed them; with more than one, last bits may differ between rows. */
  identities: z.array(z.string()).readonly(),
  /** KL(computed ‖ stored) in nats over `probedViews` views; 0 of 0 views for fp32, which is exact. */
  probedViews: z.number(),
  meanKl: z.number(),
  maxKl: z.number(),
});

export type LogitReport = Readonly<z.output<typeof logitReportSchema>>;

const namedCountSchema = z.object({ name: z.string(), count: z.int() });

/** How the images of a class are recognised. */
const classConfusionSchema = z.object({
  name: z.string(),
  count: z.int(),
  /** Share guessed right. */
  recall: z.number(),
  /** What it is taken for, most often first. */
  takenFor: z.array(namedCountSchema).readonly(),
});

export type ClassConfusion = Readonly<z.output<typeof classConfusionSchema>>;

/** A test image with what was guessed. */
const exampleSchema = z.object({
  /** data: URL of a PNG. */
  image: z.string(),
  label: z.string(),
  student: z.string(),
  teacher: z.string().exactOptional(),
});

export type Example = Readonly<z.output<typeof exampleSchema>>;

const datasetSchema = z.object({
  name: z.string(),
  standIn: z.string(),
  /** Training images left out since they cannot be decoded. */
  skipped: z.int(),
  /** What of each split's files is not used; absent in reports of earlier builds. */
  passedOver: passedOverSchema.exactOptional(),
  trainImages: z.int(),
  testImages: z.int(),
});

/** `report.json`, its fields in the order in which they are written; docs/report.md explains them. */
export const reportSchema = z.object({
  schema: z.literal('mcld.report/1'),
  run: runIdSchema,
  name: z.string(),
  createdAt: z.string(),
  model: z.string(),
  parameters: z.int(),
  /** Its name and options. */
  distiller: z.record(z.string(), z.unknown()),
  teacherDigest: z.string(),
  seed: z.int(),
  dataset: datasetSchema,
  epochs: z.number(),
  step: z.int(),
  /** sha256 of the checkpoint's model.safetensors. */
  modelSha256: z.string(),
  metrics: metricsSchema,
  /** Why the metrics are not a result: the student's logits are not finite. */
  diverged: z.string().exactOptional(),
  /** Why the student was not compared with its teacher, where that refuses a test image. */
  teacherFault: z.string().exactOptional(),
  history: z.array(epochSummarySchema).readonly(),
  evaluations: z.array(evaluationPointSchema).readonly(),
  transfer: z.array(transferSchema).readonly(),
  worstClasses: z.array(classConfusionSchema).readonly(),
  /** With a teacher. */
  logits: logitReportSchema.exactOptional(),
  examples: z.array(exampleSchema).readonly(),
});

export type Report = Readonly<z.output<typeof reportSchema>>;
