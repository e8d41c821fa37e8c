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
  const loader = openClient(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER, config);
  const teacher = openClient(TeacherInferenceServiceDefinition, config.MCLD_TEACHER_INFERENCE, config);
  const hub = new ProgressHub();
  const onProgress = hub.publish.bind(hub);
  const workers = Array.from({ length: config.MCLD_TRAINERS }, () => {
    const thread = new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), data);
    const parts = { adapters, logger, thread, loader: loader.client, teacher: teacher.client, onProgress };
    return { thread, loop: new WorkLoop(parts) };
  });
  const loops = workers.map(({ loop }) => loop);
  const closing = new AbortController();
  const server = await startServer({
    config,
    logger,
    ...(listen && { listen }),
    serviceNames: [StudentTrainerServiceDefinition.fullName],
    add: (grpc) => grpc.add(StudentTrainerServiceDefinition, studentTrainerService(loops, hub, closing.signal)),
  });
  for (const loop of loops) loop.start();
  return {
    address: server.address,
    drain: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
      closing.abort();
      await server.close();
      loader.close();
      teacher.close();
      await Promise.all(workers.map(({ thread }) => thread.close()));
    },
  };
}
