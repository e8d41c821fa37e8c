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
import { isMixed } from '@mcld/datasets/views/mix.js';
import { START } from '@mcld/feeds/cursors.js';
import { MAX_PEER_VIEWS } from '@mcld/feeds/limits.js';
import { piecesOf } from '@mcld/feeds/pieces.js';
import { addressesOf, type ViewAddress } from '@mcld/feeds/views.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { largeBytes } from '@mcld/platform/grpc/large-bytes.js';
import { Rows } from '@mcld/platform/rows.js';
import { pinEndpoint } from './computers/endpoint-model.js';
import { mixedRows } from './rows/mixed-rows.js';
import { plannedRows } from './rows/planned-rows.js';
import type { RowSource } from './rows/row-source.js';
import { checkTeacher } from './teacher-check.js';
import type { TeacherPool } from './teacher-pool.js';

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
export function teacherInferenceService(teachers: TeacherPool): TeacherInferenceServiceImplementation {
  const { objects, endpoints } = teachers.parts;
  return {
    async describeTeacher({ teacherDigest }) {
      using lease = await teachers.lease(teacherDigest);
      const { computer, counters } = lease.value;
      const { model, classes, parameters } = computer;
      return { model, classes, parameters, counters };
    },
    async checkTeacher({ teacherDigest, spec: wanted, precision, accept }) {
      const spec = specOf(wanted);
      using lease = await teachers.lease(teacherDigest);
      const teacher = lease.value;
      await checkTeacher(await teacher.source(spec, precision), spec, accept);
      return { classes: teacher.classes };
    },
    pinEndpoint: async (address) => ({ teacherDigest: await pinEndpoint(objects, address, endpoints) }),
    streamLogits: (request, { signal }) => streamLogits(request, teachers, signal),
    computeLogits: (request) => computeLogits(request, teachers),
    warmLogits: (request, { signal }) => warmLogits(request, teachers, signal),

    async describeLogits({ teacherDigest, spec: wanted, precision }) {
      const spec = specOf(wanted);
      using lease = await teachers.lease(teacherDigest);
      const teacher = lease.value;
      const source = await teacher.source(spec, precision);
      if (isMixed(spec.mix)) {
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

/** Between two reports of a warming store. */
const REPORT_MS = 500;

function specOf(spec: BatchSpec | undefined): BatchSpec {
  if (!spec) throw new RequestError('spec is missing');
  return spec;
}

async function* streamLogits(
  { teacherDigest, spec: wanted, from, epochs, precision }: StreamLogitsRequest,
  teachers: TeacherPool,
  signal: AbortSignal,
): AsyncGenerator<StreamLogitsResponse> {
  const spec = specOf(wanted);
  using lease = await teachers.lease(teacherDigest);
  const teacher = lease.value;
  const source = await teacher.source(spec, precision);
  await source.store.refresh();
  const request = source.steps(spec, from ?? START, epochs);
  const steps = isMixed(spec.mix)
    ? mixedRows(source, request, signal)
    : plannedRows(source.plans(request, signal), source);
  try {
    for await (const { cursor, rows } of steps) {
      const { count, width: classes } = rows;
      for (const { bytes: logits, totalBytes, offset } of piecesOf(rows.bytes)) {
        yield { cursor, rows: count, classes, logits, totalBytes, offset };
      }
    }
  } finally {
    await source.store.save();
  }
}

async function* computeLogits(
  { teacherDigest, spec, precision, views }: ComputeLogitsRequest,
  teachers: TeacherPool,
): AsyncGenerator<ComputeLogitsResponse> {
  const { index, code } = views ?? { index: [], code: [] };
  using lease = await teachers.lease(teacherDigest);
  const teacher = lease.value;
  const source = await teacher.source(specOf(spec), precision);
  const { count } = source.described;
  if (
    index.length === 0 ||
    index.length !== code.length ||
    index.length > MAX_PEER_VIEWS ||
    index.some((i) => i >= count)
  ) {
    throw new RequestError(`views: expected 1 to ${MAX_PEER_VIEWS} of images 0 to ${count - 1}, with a code each`);
  }
  const rows = Rows.zeros(index.length, teacher.classes);
  const stored = source.store.read(Uint32Array.from(index), Uint32Array.from(code), rows.values);
  const missing = addressesOf({ index, code }).map(async (view, i) => {
    if (stored[i] === 1) return;
    const { row } = source.queue.request(view);
    source.queue.hurry(view);
    rows.set(i, await row);
  });
  await Promise.all(missing);
  for (const { bytes: logits, totalBytes, offset } of piecesOf(rows.bytes)) yield { logits, totalBytes, offset };
}

async function* warmLogits(
  { teacherDigest, spec: wanted, epochs, precision }: WarmLogitsRequest,
  teachers: TeacherPool,
  signal: AbortSignal,
): AsyncGenerator<Partial<WarmLogitsResponse>> {
  const spec = specOf(wanted);
  if (isMixed(spec.mix))
    throw new RequestError('spec.mix: logits of mixed images are not stored, so there is nothing to warm');
  using lease = await teachers.lease(teacherDigest);
  const teacher = lease.value;
  const source = await teacher.source(spec, precision);
  await source.store.refresh();
  const request = source.steps(spec, START, epochs);
  const totalSteps = request.stepsPerEpoch * epochs;
  const before = teacher.counters.computedViews;
  const progress = (steps: number) => ({ steps, totalSteps, computedViews: teacher.counters.computedViews - before });
  let [steps, told] = [0, 0];
  try {
    for await (const _ of plannedRows(source.plans(request, signal), source)) {
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
async function firstViews(source: RowSource): Promise<ViewAddress[]> {
  for await (const { views } of source.plans(source.steps(source.spec, START, 1))) return addressesOf(views);
  return [];
}
