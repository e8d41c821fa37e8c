import type {
  ModelMetadataResponse,
  ModelMetadataResponse_TensorMetadata,
} from '@mcld/contracts/inference/grpc_predict_v2.js';
import { McldError } from '@mcld/errors/mcld-error.js';
import { clipped } from '@mcld/errors/text.js';
import { checkDocument, getDocument } from '@mcld/platform/documents.js';
import { type OpenClient, openClient } from '@mcld/platform/grpc/client.js';
import { isOutOfReach, RemoteError } from '@mcld/platform/grpc/remote-error.js';
import type { TeacherDigest } from '@mcld/platform/ids.js';
import { endpointTeacherKey } from '@mcld/platform/object-keys.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { type EndpointTeacher, endpointTeacherSchema, storeEndpointTeacher } from '@mcld/platform/storage/teachers.js';
import { z } from 'zod';
import { inferenceDefinition } from '../open-inference/definition.js';
import { classesOfOutput, ForeignModelError, inputKind, onlyLogits } from './image-input.js';

/** Which model of which server. @param version '' is the newest */
export type EndpointAddress = Pick<EndpointTeacher, 'endpoint' | 'name' | 'version'>;

export type EndpointClient = OpenClient<typeof inferenceDefinition>['client'];

/** Thrown when a model's server does not answer: it may be back in a while. */
export class EndpointAwayError extends McldError {
  static override readonly meaning = { status: 'UNAVAILABLE', reason: 'TEACHER_ENDPOINT' } as const;
}

const DESCRIBE_MS = 10_000;

/** Largest description, as JSON: it is kept, and parts of it stand in messages. */
const MAX_DESCRIPTION = 1 << 14;

/**
 * A channel to a server that recipes may name, over gRPC without TLS.
 * @param allowed endpoints with commas between; '*': any @throws ForeignModelError
 */
export function openEndpoint(endpoint: string, allowed: string): OpenClient<typeof inferenceDefinition> {
  if (allowed !== '*' && !allowed.split(',').includes(endpoint)) {
    throw new ForeignModelError(`teacher.endpoint ${endpoint} is not among MCLD_TEACHER_ENDPOINTS`);
  }
  // This deployment's own token is none of that server's business.
  return openClient(inferenceDefinition, endpoint, {});
}

/** Makes a teacher of a model as its server describes it now. @throws ForeignModelError, EndpointAwayError */
export async function pinEndpoint(
  objects: ObjectStore,
  address: EndpointAddress,
  allowed: string,
): Promise<TeacherDigest> {
  const { client, close } = openEndpoint(address.endpoint, allowed);
  try {
    const model = await describeEndpoint(client, address);
    classifierOf(model);
    return await storeEndpointTeacher(objects, model);
  } finally {
    close();
  }
}

/**
 * A model as it became a teacher; undefined where the teacher is something else.
 * @throws ForeignModelError for what an earlier build stored, DocumentError
 */
export async function storedEndpoint(
  objects: ObjectStore,
  digest: TeacherDigest,
): Promise<EndpointTeacher | undefined> {
  const key = endpointTeacherKey(digest);
  const content = await getDocument(objects, key, z.looseObject({}));
  if (!content || 'version' in content) return content && checkDocument(key, content, endpointTeacherSchema);
  throw new ForeignModelError(
    'this teacher was stored by an earlier build, which did not note the version of the model on its server; make a new run of its recipe',
  );
}

/** What a server says of a model now. @throws ForeignModelError, EndpointAwayError */
export async function describeEndpoint(client: EndpointClient, address: EndpointAddress): Promise<EndpointTeacher> {
  const { endpoint, name } = address;
  const described = await metadataOf(client, address);
  const version = servedVersion(described.versions, address);
  const { platform, inputs, outputs } =
    version === address.version ? described : await metadataOf(client, { ...address, version });
  const model = { endpoint, name, version, platform, inputs: sorted(inputs), outputs: sorted(outputs) };
  const { length } = JSON.stringify(model);
  if (length <= MAX_DESCRIPTION) return model;
  throw new ForeignModelError(`${endpoint} describes ${name} with ${length} characters, at most ${MAX_DESCRIPTION}`);
}

async function metadataOf(client: EndpointClient, address: EndpointAddress): Promise<ModelMetadataResponse> {
  const { name, version } = address;
  try {
    return await client.modelMetadata({ name, version }, { deadline: DESCRIBE_MS });
  } catch (error) {
    throw endpointError(error, `${address.endpoint} does not describe the model ${labelOf(address)}`);
  }
}

/**
 * @param away the message where an endpoint does not answer
 * @param refused the message where it answers with a refusal
 */
export function endpointError(error: unknown, away: string, refused = away): Error {
  const why = clipped(error instanceof RemoteError ? `${error.status}: ${error.message}` : String(error));
  return isAway(error) ? new EndpointAwayError(`${away}: ${why}`) : new ForeignModelError(`${refused}: ${why}`);
}

const isAway = (error: unknown): boolean =>
  isOutOfReach(error) || (error instanceof RemoteError && error.status === 'DEADLINE_EXCEEDED');

/** Most rows of a request, where the server says so, as Triton does; 0: no limit. @throws EndpointAwayError */
export async function batchLimit(client: EndpointClient, address: EndpointAddress): Promise<number> {
  const { name, version } = address;
  try {
    const { config } = await client.modelConfig({ name, version }, { deadline: DESCRIBE_MS });
    return Math.max(0, config?.maxBatchSize ?? 0);
  } catch (error) {
    if (isAway(error)) throw endpointError(error, `${address.endpoint} does not answer`);
    return 0;
  }
}

/** Name and version, for people. */
export const labelOf = ({ name, version }: EndpointAddress): string => (version ? `${name} version ${version}` : name);

/** The order in which a server lists them means nothing. */
const sorted = (tensors: readonly ModelMetadataResponse_TensorMetadata[]) =>
  tensors
    .map(({ name, datatype, shape }) => ({ name, datatype, shape }))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));

/** The version to use: the requested one, or the newest of those named. */
function servedVersion(versions: readonly string[], { endpoint, name, version }: EndpointAddress): string {
  const served = clipped(versions.join(', '));
  if (version !== '') {
    if (versions.length === 0 || versions.includes(version)) return version;
    throw new ForeignModelError(`${endpoint} serves version ${served} of ${name}, not ${version} (teacher.version)`);
  }
  if (versions.length < 2) return versions[0] ?? '';
  if (versions.every((one) => /^\d{1,15}$/.test(one))) return String(Math.max(...versions.map(Number)));
  throw new ForeignModelError(`${endpoint} serves versions ${served} of ${name}: say which with teacher.version`);
}

const datatypes: Readonly<Record<string, string>> = { FP32: 'float32', UINT8: 'uint8' };

/** A model's input of images and its output of logits. @throws ForeignModelError when it has others */
export function classifierOf({ name, inputs, outputs }: EndpointTeacher) {
  const [input] = inputs;
  if (inputs.length !== 1 || !input) {
    throw new ForeignModelError(`${name} has ${inputs.length} inputs, expected one of images`);
  }
  const output = onlyLogits(outputs);
  const typed = (datatype: string) => datatypes[datatype] ?? datatype;
  const kind = inputKind(input.name, typed(input.datatype), input.shape);
  const classes = classesOfOutput(output.name, typed(output.datatype), output.shape);
  return { input, output, kind, classes };
}
