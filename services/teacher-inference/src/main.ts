import { GRPCInferenceServiceDefinition } from '@mcld/contracts/inference/grpc_predict_v2.js';
import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { openSegmentShelf } from '@mcld/logit-store/segment-shelf.js';
import { openClient } from '@mcld/platform/grpc/client.js';
import { startServer } from '@mcld/platform/grpc/server.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { inferenceDefinition } from './inference-definition.js';
import { openInferenceService } from './open-inference.js';
import { teacherInferenceDefinition, teacherInferenceService } from './service.js';
import { TeacherShelf } from './teacher-shelf.js';
import type { handlers, TeacherWorkerData } from './worker.js';

export async function startTeacherInference(host: ServiceHost): Promise<RunningService> {
  const { config, logger, adapters, listen } = host;
  const batch = config.MCLD_TEACHER_BATCH;
  const data: TeacherWorkerData = { device: config.MCLD_DEVICE, batch };
  const thread = new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), data);
  const loader = openClient(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER, config);
  const { objects } = adapters;
  const endpoints = config.MCLD_TEACHER_ENDPOINTS;
  const segments = openSegmentShelf(config, adapters, logger);
  const peers = config.MCLD_TEACHER_PEERS.split(',')
    .filter((address) => address !== '')
    .map((address) =>
      address === config.MCLD_TEACHER_SELF ? undefined : openClient(TeacherInferenceServiceDefinition, address, config),
    );
  const shelf = new TeacherShelf({
    ...{ thread, objects, logger, batch, segments, endpoints },
    loader: loader.client,
    peers: peers.map((peer) => peer?.client),
  });
  const server = await startServer({
    config,
    logger,
    ...(listen && { listen }),
    serviceNames: [TeacherInferenceServiceDefinition.fullName, GRPCInferenceServiceDefinition.fullName],
    add: (grpc) => {
      grpc.add(teacherInferenceDefinition, teacherInferenceService(shelf));
      grpc.add(inferenceDefinition, openInferenceService(shelf, '0.1.0'));
    },
  });
  return {
    address: server.address,
    drain: async () => {
      await server.close();
      await shelf.close();
      loader.close();
      for (const peer of peers) peer?.close();
      await thread.close();
    },
  };
}
