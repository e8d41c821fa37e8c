import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { EvaluatorServiceDefinition } from '@mcld/contracts/mcld/v1/evaluator.js';
import { PipelineServiceDefinition } from '@mcld/contracts/mcld/v1/pipeline.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { grpcService, startService } from '@mcld/platform/service-main.js';
import type { Recipe } from '@mcld/recipe/schema.js';
import { eventWork } from './event-work.js';
import { runCheck } from './run-check.js';
import { Runs } from './runs.js';
import { pipelineService } from './service.js';

export const startPipeline = (host: ServiceHost<Recipe>): Promise<RunningService> =>
  startService(host, async (scope) => {
    const { config, logger, adapters, closing } = scope;
    const loader = scope.client(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER);
    const teacher = scope.client(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE);
    const evaluator = scope.client(EvaluatorServiceDefinition, config.MCLD_EVALUATOR);
    const check = runCheck({ loader, teacher }, logger);
    const runs = new Runs(adapters, teacher, config.MCLD_NATS_URL === undefined, check);
    await runs.markInterrupted();
    // Nobody works on what is unfinished at the end, so its record says that it was interrupted.
    scope.own({ close: () => runs.markInterrupted() });
    return {
      serves: [grpcService(PipelineServiceDefinition, pipelineService(runs, evaluator, closing))],
      works: [eventWork(adapters, logger)],
    };
  });
