import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { StudentTrainerServiceDefinition } from '@mcld/contracts/mcld/v1/student_trainer.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { ProgressHub, studentTrainerService } from './service.js';
import { WorkLoop } from './work-loop.js';
import type { handlers, TrainerWorkerData } from './worker.js';

export async function startStudentTrainer(host: ServiceHost): Promise<RunningService> {
  const { config, logger, adapters, listen } = host;
  const data: TrainerWorkerData = { device: config.MCLD_DEVICE, distillerFolder: config.MCLD_DISTILLER_DIR };
  const thread = new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), data);
  const loader = openClient(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER, config);
  const teacher = openClient(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE, config);
  const hub = new ProgressHub();
  const onProgress = hub.publish.bind(hub);
  const loop = new WorkLoop({ adapters, logger, thread, loader: loader.client, teacher: teacher.client, onProgress });
  const closing = new AbortController();
  const server = await startServer({
    config,
    logger,
    ...(listen && { listen }),
    serviceNames: [StudentTrainerServiceDefinition.fullName],
    add: (grpc) => grpc.add(StudentTrainerServiceDefinition, studentTrainerService(loop, hub, closing.signal)),
  });
  loop.start();
  return {
    address: server.address,
    drain: async () => {
      await loop.stop();
      closing.abort();
      await server.close();
      loader.close();
      teacher.close();
      await thread.close();
    },
  };
}
