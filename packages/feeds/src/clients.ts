import type { DataLoaderServiceDefinition } from '@mcld/contracts/mcld/v1/data_loader.js';
import type { TeacherInferenceServiceDefinition } from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';

export type LoaderClient = OpenClient<typeof DataLoaderServiceDefinition>['client'];
export type TeacherClient = OpenClient<typeof TeacherInferenceServiceDefinition>['client'];
