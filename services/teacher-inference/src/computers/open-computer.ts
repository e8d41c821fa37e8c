import { getDocument } from '@mcld/platform/documents.js';
import { NotFoundError } from '@mcld/platform/grpc/errors.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import type { Logger } from '@mcld/platform/logging.js';
import { ensembleTeacherKey, onnxTeacherKey, teacherKey } from '@mcld/platform/object-keys.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { ensembleTeacherSchema } from '@mcld/platform/storage/teachers.js';
import type { ComputeThread } from '@mcld/tensor/compute-thread.js';
import type { handlers } from '../worker.js';
import type { Computer } from './computer.js';
import { endpointComputer } from './endpoint-computer.js';
import { storedEndpoint } from './endpoint-model.js';
import { ensembleComputer } from './ensemble-computer.js';
import { onnxComputer } from './onnx-computer.js';
import { weightsComputer } from './weights-computer.js';

/** What computers of all kinds are opened with. */
export interface ComputerParts {
  readonly objects: ObjectStore;
  readonly thread: ComputeThread<typeof handlers>;
  /** Rows of the compute batch. */
  readonly batch: number;
  /** Endpoints of the Open Inference Protocol that may teach; see MCLD_TEACHER_ENDPOINTS. */
  readonly endpoints: string;
  readonly logger: Logger;
}

/**
 * Opens what a teacher's digest names in the object store, whatever kind it is.
 * @throws NotFoundError when it is not there, ForeignModelError when it cannot teach
 */
export async function openComputer(digest: TeacherDigest, parts: ComputerParts): Promise<Computer> {
  const { objects, thread, batch, endpoints, logger } = parts;
  const weights = await objects.get(teacherKey(digest));
  if (weights) return weightsComputer(thread, digest, weights);
  const onnx = await objects.get(onnxTeacherKey(digest));
  if (onnx) return onnxComputer(onnx, batch);
  const endpoint = await storedEndpoint(objects, digest);
  if (endpoint) return endpointComputer(endpoint, endpoints, batch, logger);
  const ensemble = await getDocument(objects, ensembleTeacherKey(digest), ensembleTeacherSchema);
  if (!ensemble) throw new NotFoundError(`no teacher ${digest} in the object store`);
  return ensembleComputer(ensemble, (member) => openComputer(member, parts));
}
