import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { StudentTrainerServiceDefinition } from '@mcld/contracts/mcld/v1/student_trainer.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { FeedDiagnosis } from '@mcld/feeds/diagnosis.js';
import { evaluatedMetrics } from '@mcld/platform/runs/evaluations.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { grpcService, startService } from '@mcld/platform/service-main.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { StatusHub, studentTrainerService } from './service.js';
import { type RunsInHand, trainingWork } from './training-job.js';
import type { handlers, TrainerWorkerData } from './worker.js';

export const startStudentTrainer = (host: ServiceHost<Recipe>): Promise<RunningService> =>
  startService(host, (scope) => {
    const { config, logger, adapters, closing } = scope;
    const data: TrainerWorkerData = { device: config.MCLD_DEVICE, distillerFolder: config.MCLD_DISTILLER_DIR };
    const threads = Array.from({ length: config.MCLD_TRAINERS }, () =>
      scope.own(new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), data)),
    );
    const loader = scope.client(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER);
    const teacher = scope.client(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE);
    const hub = new StatusHub();
    const inHand: RunsInHand = new Set();
    const metrics = evaluatedMetrics(adapters.objects);
    const parts = {
      ...{ adapters, logger, loader, teacher, metrics },
      waitAfterMs: config.MCLD_WAIT_SECONDS * 1000,
      diagnosis: new FeedDiagnosis(config, teacher),
      onStatus: hub.publish.bind(hub),
    };
    return {
      serves: [grpcService(StudentTrainerServiceDefinition, studentTrainerService(inHand, hub, closing))],
      works: threads.map((thread) => trainingWork({ ...parts, thread }, inHand)),
    };
  });
