import { EvaluatorServiceDefinition } from '@mcld/contracts/mcld/v1/evaluator.js';
import { PipelineServiceDefinition } from '@mcld/contracts/mcld/v1/pipeline.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { EventLoop } from './event-loop.js';
import { Runs } from './runs.js';
import { pipelineService } from './service.js';

export async function startPipeline(host: ServiceHost): Promise<RunningService> {
  const { config, logger, adapters, listen } = host;
  const teacher = openClient(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE, config);
  const runs = new Runs(adapters, teacher.client, config.MCLD_NATS_URL === undefined);
  await runs.markInterrupted();
  const loop = new EventLoop(adapters, logger);
  const evaluator = openClient(EvaluatorServiceDefinition, config.MCLD_EVALUATOR, config);
  const closing = new AbortController();
  const server = await startServer({
    config,
    logger,
    ...(listen && { listen }),
    serviceNames: [PipelineServiceDefinition.fullName],
    add: (grpc) => grpc.add(PipelineServiceDefinition, pipelineService(runs, evaluator.client, closing.signal)),
  });
  loop.start();
  return {
    address: server.address,
    drain: async () => {
      closing.abort();
      await server.close();
      await loop.stop();
      evaluator.close();
      teacher.close();
    },
  };
}
