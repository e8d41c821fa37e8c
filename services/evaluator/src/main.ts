import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { EvaluatorServiceDefinition } from '@mcld/contracts/mcld/v1/evaluator.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { FeedDiagnosis } from '@mcld/feeds/diagnosis.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { grpcService, startService } from '@mcld/platform/service-main.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { evaluationWork } from './evaluation-job.js';
import { RunEvaluator } from './run-evaluator.js';
import { evaluatorService } from './service.js';
import type { EvaluatorWorkerData, handlers } from './worker.js';

export const startEvaluator = (host: ServiceHost<Recipe>): Promise<RunningService> =>
  startService(host, (scope) => {
    const { config, logger, adapters } = scope;
    const data: EvaluatorWorkerData = { device: config.MCLD_DEVICE };
    const thread = scope.own(new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), data));
    const loader = scope.client(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER);
    const teacher = scope.client(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE);
    const evaluator = new RunEvaluator({
      ...{ adapters, logger, thread, loader, teacher },
      waitAfterMs: config.MCLD_WAIT_SECONDS * 1000,
      diagnosis: new FeedDiagnosis(config, teacher),
    });
    return {
      serves: [grpcService(EvaluatorServiceDefinition, evaluatorService(evaluator))],
      works: [evaluationWork(evaluator)],
    };
  });
