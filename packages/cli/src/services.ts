import { startDataLoader } from '@mcld/data-loader/main.js';
import { startEvaluator } from '@mcld/evaluator/main.js';
import { startPipeline } from '@mcld/pipeline/main.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { startStudentTrainer } from '@mcld/student-trainer/main.js';
import { startTeacherInference } from '@mcld/teacher-inference/main.js';

/** The services in the order in which they start; they stop in the reverse. */
export const services = {
  'data-loader': startDataLoader,
  'teacher-inference': startTeacherInference,
  evaluator: startEvaluator,
  pipeline: startPipeline,
  'student-trainer': startStudentTrainer,
} as const satisfies Record<string, (host: ServiceHost) => Promise<RunningService>>;

export type ServiceName = keyof typeof services;

export const serviceNames = Object.keys(services) as ServiceName[];

/** The setting that tells the other services where one is. */
export const addressSetting: Partial<Record<ServiceName, string>> = {
  'data-loader': 'MCLD_DATA_LOADER',
  'teacher-inference': 'MCLD_TEACHER_INFERENCE',
  evaluator: 'MCLD_EVALUATOR',
};
