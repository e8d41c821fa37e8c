import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { EvaluatorServiceDefinition } from '@mcld/contracts/mcld/v1/evaluator.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { RunEvaluator } from './run-evaluator.js';
import { evaluatorService } from './service.js';
import { WorkLoop } from './work-loop.js';
import type { EvaluatorWorkerData, handlers } from './worker.js';

export async function startEvaluator(host: ServiceHost): Promise<RunningService> {
  const { config, logger, adapters, listen } = host;
  const data: EvaluatorWorkerData = { device: config.MCLD_DEVICE };
  const thread = new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), data);
  const loader = openClient(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER, config);
  const teacher = openClient(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE, config);
  const evaluator = new RunEvaluator({ adapters, logger, thread, loader: loader.client, teacher: teacher.client });
  const loop = new WorkLoop(evaluator);
  const server = await startServer({
    config,
    logger,
    ...(listen && { listen }),
    serviceNames: [EvaluatorServiceDefinition.fullName],
    add: (grpc) => grpc.add(EvaluatorServiceDefinition, evaluatorService(evaluator)),
  });
  loop.start();
  return {
    address: server.address,
    drain: async () => {
      await loop.stop();
      await server.close();
      loader.close();
      teacher.close();
      await thread.close();
    },
  };
}
