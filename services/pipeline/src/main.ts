import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { EvaluatorServiceDefinition } from '@mcld/contracts/mcld/v1/evaluator.js';
import { PipelineServiceDefinition } from '@mcld/contracts/mcld/v1/pipeline.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { type ServerParts, startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { EventLoop } from './event-loop.js';
import { runCheck } from './run-check.js';
import { Runs } from './runs.js';
import { pipelineService } from './service.js';

export async function startPipeline(host: ServiceHost): Promise<RunningService> {
  const { config, logger, adapters, listen, alsoTcp } = host;
  const loader = openClient(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER, config);
  const teacher = openClient(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE, config);
  const evaluator = openClient(EvaluatorServiceDefinition, config.MCLD_EVALUATOR, config);
  const check = runCheck({ loader: loader.client, teacher: teacher.client }, logger);
  const runs = new Runs(adapters, teacher.client, config.MCLD_NATS_URL === undefined, check);
  await runs.markInterrupted();
  const loop = new EventLoop(adapters, logger);
  const closing = new AbortController();
  const parts: ServerParts = {
    config,
    logger,
    serviceNames: [PipelineServiceDefinition.fullName],
    add: (grpc) => grpc.add(PipelineServiceDefinition, pipelineService(runs, evaluator.client, closing.signal)),
  };
  // First the port, which may be taken.
  const tcp = alsoTcp ? await startServer(parts) : undefined;
  const server = await startServer({ ...parts, ...(listen && { listen }) });
  loop.start();
  return {
    address: server.address,
    ...(tcp && { endpoint: tcp.address }),
    drain: async () => {
      closing.abort();
      await Promise.all([server.close(), tcp?.close()]);
      await loop.stop();
      for (const client of [loader, teacher, evaluator]) client.close();
      // What was not finished has no worker from here on; those who asked for it find it so.
      await runs.markInterrupted();
    },
  };
}
