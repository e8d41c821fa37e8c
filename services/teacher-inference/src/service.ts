import {
  type ComputeLogitsRequest,
  type ComputeLogitsResponse,
  type StreamLogitsRequest,
  StreamLogitsResponse,
  TeacherInferenceServiceDefinition,
  type TeacherInferenceServiceImplementation,
  type WarmLogitsRequest,
  type WarmLogitsResponse,
} from '@mcld/contracts/mcld/v1/teacher_inference.js';
import type { BatchSpec } from '@mcld/contracts/mcld/v1/views.js';
import { chunks } from '@mcld/platform/grpc/chunks.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { largeBytes } from '@mcld/platform/grpc/large-bytes.js';
import type { ViewAddress } from './compute-queue.js';
import { pinEndpoint } from './endpoint-model.js';
import type { LogitSource } from './logit-source.js';
import { streamStepLogits } from './logit-stream.js';
import { mixes, streamMixedLogits } from './mixed-stream.js';
import { checkTeacher } from './teacher-check.js';
import type { TeacherShelf } from './teacher-shelf.js';

const { methods } = TeacherInferenceServiceDefinition;

/** The service with its logits written without needless copies. */
export const teacherInferenceDefinition = {
  ...TeacherInferenceServiceDefinition,
  methods: {
    ...methods,
    streamLogits: { ...methods.streamLogits, responseType: largeBytes(StreamLogitsResponse, 'logits', 4) },
  },
} as unknown as typeof TeacherInferenceServiceDefinition;

/** The teacher's gRPC handlers. */
export function teacherInferenceService(shelf: TeacherShelf): TeacherInferenceServiceImplementation {
  const { objects, endpoints } = shelf.parts;
  return {
    async describeTeacher({ teacherDigest }) {
      using lease = await shelf.lease(teacherDigest);
      const { computer, counters } = lease.value;
      const { model, classes, parameters } = computer;
      return { model, classes, parameters, counters };
    },
    async checkTeacher({ teacherDigest, spec: wanted, precision, accept }) {
      const spec = specOf(wanted);
      using lease = await shelf.lease(teacherDigest);
      const teacher = lease.value;
      await checkTeacher(await teacher.source(spec, precision), spec, accept);
      return { classes: teacher.classes };
    },
    pinEndpoint: async (address) => ({ teacherDigest: await pinEndpoint(objects, address, endpoints) }),
    streamLogits: (request) => streamLogits(request, shelf),
    computeLogits: (request) => computeLogits(request, shelf),
    warmLogits: (request) => warmLogits(request, shelf),

    async describeLogits({ teacherDigest, spec: wanted, precision }) {
      const spec = specOf(wanted);
      using lease = await shelf.lease(teacherDigest);
      const teacher = lease.value;
      const source = await teacher.source(spec, precision);
      if (mixes(spec)) {
        const { identity } = teacher.computer;
        return { rows: 0, precision: UNSTORED, identities: [identity], probedViews: 0, meanKl: 0, maxKl: 0 };
      }
      await source.store.refresh();
      const { size, identities, codec } = source.store;
      const exact = codec.precision === 'fp32';
      const { views, mean, max } = exact ? NO_PROBE : await source.probe(await firstViews(source));
      const about = { rows: size, precision: codec.precision, identities: [...identities] };
      return { ...about, probedViews: views, meanKl: mean, maxKl: max };
    },
  };
}

/** In place of a precision: mixed images are other ones in each step. */
const UNSTORED = 'unstored';

const NO_PROBE = { views: 0, mean: 0, max: 0 };

/** Views that one replica asks of another at once, at most. */
const MAX_VIEWS = 4096;

/** Between two reports of a warming store. */
const REPORT_MS = 500;

const start = { epoch: 0, step: 0 };

function specOf(spec: BatchSpec | undefined): BatchSpec {
  if (!spec) throw new RequestError('spec is missing');
  return spec;
}

async function* streamLogits(
  { teacherDigest, spec: wanted, from, epochs, precision }: StreamLogitsRequest,
  shelf: TeacherShelf,
): AsyncGenerator<StreamLogitsResponse> {
  const spec = specOf(wanted);
  using lease = await shelf.lease(teacherDigest);
  const teacher = lease.value;
  const source = await teacher.source(spec, precision);
  await source.store.refresh();
  const begin = from ?? start;
  const steps = mixes(spec)
    ? streamMixedLogits(source, spec, begin, epochs)
    : streamStepLogits(source.plans(spec, begin, epochs), source);
  try {
    for await (const { cursor, rows, logits } of steps) {
      const bytes = new Uint8Array(logits.buffer);
      for (const piece of chunks(bytes)) {
        const { totalBytes, offset } = piece;
        yield { cursor, rows, classes: teacher.classes, logits: piece.bytes, totalBytes, offset };
      }
    }
  } finally {
    await source.store.save();
  }
}

async function* computeLogits(
  { teacherDigest, spec, precision, views }: ComputeLogitsRequest,
  shelf: TeacherShelf,
): AsyncGenerator<ComputeLogitsResponse> {
  const { index = [], code = [] } = views ?? {};
  using lease = await shelf.lease(teacherDigest);
  const teacher = lease.value;
  const source = await teacher.source(specOf(spec), precision);
  const { count } = source.described;
  if (index.length === 0 || index.length !== code.length || index.length > MAX_VIEWS || index.some((i) => i >= count)) {
    throw new RequestError(`views: expected 1 to ${MAX_VIEWS} of images 0 to ${count - 1}, with a code each`);
  }
  const logits = new Float32Array(index.length * teacher.classes);
  const there = source.store.read(Uint32Array.from(index), Uint32Array.from(code), logits);
  const missing = index.map(async (image, i) => {
    if (there[i] === 1) return;
    const view = { index: image, code: code[i] as number };
    const { row } = source.queue.request(view);
    source.queue.hurry(view);
    logits.set(await row, i * teacher.classes);
  });
  await Promise.all(missing);
  for (const { bytes, totalBytes, offset } of chunks(new Uint8Array(logits.buffer))) {
    yield { logits: bytes, totalBytes, offset };
  }
}

async function* warmLogits(
  { teacherDigest, spec: wanted, epochs, precision }: WarmLogitsRequest,
  shelf: TeacherShelf,
): AsyncGenerator<Partial<WarmLogitsResponse>> {
  const spec = specOf(wanted);
  if (mixes(spec))
    throw new RequestError('spec.mix: logits of mixed images are not stored, so there is nothing to warm');
  using lease = await shelf.lease(teacherDigest);
  const teacher = lease.value;
  const source = await teacher.source(spec, precision);
  await source.store.refresh();
  const totalSteps = Math.ceil(source.described.count / spec.batchSize) * epochs;
  const before = teacher.counters.computedViews;
  const progress = (steps: number) => ({ steps, totalSteps, computedViews: teacher.counters.computedViews - before });
  let [steps, told] = [0, 0];
  try {
    for await (const _ of streamStepLogits(source.plans(spec, start, epochs), source)) {
      steps++;
      if (performance.now() - told < REPORT_MS) continue;
      told = performance.now();
      yield progress(steps);
    }
  } finally {
    await source.store.save();
  }
  yield progress(steps);
}

/** The views of the first step. */
async function firstViews(source: LogitSource): Promise<ViewAddress[]> {
  for await (const { views } of source.plans(source.spec, start, 1)) {
    return (views?.index ?? []).map((index, i) => ({ index, code: views?.code[i] as number }));
  }
  return [];
}
