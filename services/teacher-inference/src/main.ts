import { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { openSegmentFolder } from '@mcld/logit-store/segment-folder.js';
import type { RunningService, ServiceHost } from '@mcld/platform/service-host.js';
import { grpcService, startService } from '@mcld/platform/service-main.js';
import { ComputeThread } from '@mcld/tensor/compute-thread.js';
import { inferenceDefinition } from './open-inference/definition.js';
import { openInferenceService } from './open-inference/service.js';
import { teacherInferenceDefinition, teacherInferenceService } from './service.js';
import { TeacherPool } from './teacher-pool.js';
import { teacherWaits } from './teacher-waits.js';
import type { handlers, TeacherWorkerData } from './worker.js';

export const startTeacherInference = (host: ServiceHost): Promise<RunningService> =>
  startService(host, (scope) => {
    const { config, logger, adapters } = scope;
    const batch = config.MCLD_TEACHER_BATCH;
    const data: TeacherWorkerData = { device: config.MCLD_DEVICE, batch };
    const thread = scope.own(new ComputeThread<typeof handlers>(new URL('./worker.js', import.meta.url), data));
    const loader = scope.client(DataLoaderServiceDefinition, config.MCLD_DATA_LOADER);
    const addresses = config.MCLD_TEACHER_PEERS.split(',').filter((address) => address !== '');
    const peers = addresses.map((address) =>
      address === config.MCLD_TEACHER_SELF ? undefined : scope.client(TeacherInferenceServiceDefinition, address),
    );
    const { objects } = adapters;
    const segments = openSegmentFolder(config, adapters, logger);
    const endpoints = config.MCLD_TEACHER_ENDPOINTS;
    const waits = teacherWaits(config, logger);
    const teachers = scope.own(
      new TeacherPool({ thread, objects, logger, waits, batch, segments, endpoints, loader, peers }),
    );
    return {
      serves: [
        grpcService(teacherInferenceDefinition, teacherInferenceService(teachers)),
        grpcService(inferenceDefinition, openInferenceService(teachers, '0.1.0')),
      ],
    };
  });
