import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import type { Recipe } from '@mcld/recipe/schema.js';

/**
 * The services in the order in which they start; they stop in the reverse. A service is loaded when it starts: most
 * commands need none of them, nor TensorFlow and what decodes images.
 */
export const services = {
  'data-loader': async (host) => (await import('@mcld/data-loader/main.js')).startDataLoader(host),
  'teacher-inference': async (host) => (await import('@mcld/teacher-inference/main.js')).startTeacherInference(host),
  evaluator: async (host) => (await import('@mcld/evaluator/main.js')).startEvaluator(host),
  pipeline: async (host) => (await import('@mcld/pipeline/main.js')).startPipeline(host),
  'student-trainer': async (host) => (await import('@mcld/student-trainer/main.js')).startStudentTrainer(host),
} as const satisfies Record<string, (host: ServiceHost<Recipe>) => Promise<RunningService>>;

export type ServiceName = keyof typeof services;

const isServiceName = (name: string): name is ServiceName => Object.hasOwn(services, name);

export const serviceNames = Object.keys(services).filter(isServiceName);

/** The setting that tells the other services where one is. */
export const addressSetting: Partial<Record<ServiceName, string>> = {
  'data-loader': 'MCLD_DATA_LOADER',
  'teacher-inference': 'MCLD_TEACHER_INFERENCE',
  evaluator: 'MCLD_EVALUATOR',
};

/** Something for each service. */
export const byService = <T>(of: (name: ServiceName) => T): Readonly<Record<ServiceName, T>> => ({
  'data-loader': of('data-loader'),
  'teacher-inference': of('teacher-inference'),
  evaluator: of('evaluator'),
  pipeline: of('pipeline'),
  'student-trainer': of('student-trainer'),
});
