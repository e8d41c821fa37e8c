import {
  type ComputeRowsRequest,
  ComputeRowsResponse,
  type StreamRowsRequest,
  StreamRowsResponse,
  TeacherInferenceServiceDefinition,
  type WarmRowsRequest,
  type WarmRowsResponse,
} from '@mcld/contracts/mcld/v1/teacher_inference.js';
import { isMixed } from '@mcld/datasets/views/mix.js';
import { MAX_PEER_VIEWS } from '@mcld/feeds/limits.js';
import { rowsMessages } from '@mcld/feeds/rows-pieces.js';
import { addressesOf, type ViewAddress } from '@mcld/feeds/views.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { largeBytes } from '@mcld/platform/grpc/large-bytes.js';
import { Rows } from '@mcld/platform/rows.js';
import type { GrpcHandlers } from '@mcld/platform/service-main.js';
import { wireWait } from '@mcld/platform/waits/wait-wire.js';
import { LOGITS } from './computers/computer.js';
import { pinEndpoint } from './computers/endpoint-model.js';
import { mixedRows } from './rows/mixed-rows.js';
import { plannedRows } from './rows/planned-rows.js';
import type { RowSource } from './rows/row-source.js';
import { checkTeacher } from './teacher-check.js';
import type { TeacherPool } from './teacher-pool.js';

const { methods } = TeacherInferenceServiceDefinition;

/** The service with its rows written without needless copies. */
export const teacherInferenceDefinition = {
  ...TeacherInferenceServiceDefinition,
  methods: {
    ...methods,
    streamRows: { ...methods.streamRows, responseType: largeBytes(StreamRowsResponse, 'values', 3) },
    computeRows: { ...methods.computeRows, responseType: largeBytes(ComputeRowsResponse, 'values', 2) },
  },
};

/** The teacher's gRPC handlers. */
export function teacherInferenceService(teachers: TeacherPool): GrpcHandlers<typeof teacherInferenceDefinition> {
  const { objects, endpoints, waits } = teachers.parts;
  return {
    async describeTeacher({ teacherDigest }) {
      using lease = await teachers.lease(teacherDigest);
      const { computer, counters } = lease.value;
      const { model, widths, parameters } = computer;
      const waiting = waits.current.map((wait) => wireWait(wait, ''));
      return { model, classes: widths[LOGITS], parameters, counters, waiting };
    },
    async checkTeacher({ teacherDigest, spec, precision, accept }) {
      using lease = await teachers.lease(teacherDigest);
      const source = await lease.value.source({ spec, precision, output: LOGITS });
      await checkTeacher(source, isMixed(spec?.mix), accept);
      return { classes: source.width };
    },
    pinEndpoint: async (address) => ({ teacherDigest: await pinEndpoint(objects, address, endpoints) }),
    streamRows: (request, { signal }) => streamRows(request, teachers, signal),
    computeRows: (request) => computeRows(request, teachers),
    warmRows: (request, { signal }) => warmRows(request, teachers, signal),

    async describeRows(request) {
      using lease = await teachers.lease(request.teacherDigest);
      const source = await lease.value.source(request);
      if (isMixed(request.spec?.mix)) {
        const { identity } = lease.value.computer;
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

async function* streamRows(
  request: StreamRowsRequest,
  teachers: TeacherPool,
  signal: AbortSignal,
): AsyncGenerator<StreamRowsResponse> {
  using lease = await teachers.lease(request.teacherDigest);
  const source = await lease.value.source(request);
  await source.store.refresh();
  const steps = source.steps(request);
  const rowsOfSteps = isMixed(steps.spec.mix)
    ? mixedRows(source, steps, signal)
    : plannedRows(source.plans(steps, signal), source);
  try {
    for await (const { cursor, rows } of rowsOfSteps) {
      for (const message of rowsMessages(rows)) yield { cursor, ...message };
    }
  } finally {
    await source.store.save();
  }
}

async function* computeRows(
  { views, ...request }: ComputeRowsRequest,
  teachers: TeacherPool,
): AsyncGenerator<ComputeRowsResponse> {
  const { index, code } = views ?? { index: [], code: [] };
  using lease = await teachers.lease(request.teacherDigest);
  const source = await lease.value.source(request);
  const { count } = source.described;
  const isBounded = index.length > 0 && index.length <= MAX_PEER_VIEWS;
  if (!isBounded || index.length !== code.length || index.some((image) => image >= count)) {
    throw new RequestError(`views: expected 1 to ${MAX_PEER_VIEWS} of images 0 to ${count - 1}, with a code each`);
  }
  const rows = Rows.zeros(index.length, source.width);
  const stored = source.store.read(Uint32Array.from(index), Uint32Array.from(code), rows);
  const missing = addressesOf({ index, code }).map(async (view, i) => {
    if (stored[i] === 1) return;
    const { row } = source.queue.request(view);
    source.queue.hurry(view);
    rows.set(i, await row);
  });
  await Promise.all(missing);
  yield* rowsMessages(rows);
}

async function* warmRows(
  request: WarmRowsRequest,
  teachers: TeacherPool,
  signal: AbortSignal,
): AsyncGenerator<Partial<WarmRowsResponse>> {
  if (isMixed(request.spec?.mix)) {
    throw new RequestError('spec.mix: logits of mixed images are not stored, so there is nothing to warm');
  }
  using lease = await teachers.lease(request.teacherDigest);
  const { counters } = lease.value;
  const source = await lease.value.source(request);
  await source.store.refresh();
  const steps = source.steps(request);
  const totalSteps = steps.stepsPerEpoch * steps.epochs;
  const before = counters.computedViews;
  const progress = (done: number) => ({ steps: done, totalSteps, computedViews: counters.computedViews - before });
  let [done, reported] = [0, 0];
  try {
    for await (const _ of plannedRows(source.plans(steps, signal), source)) {
      done++;
      if (performance.now() - reported < REPORT_MS) continue;
      reported = performance.now();
      yield progress(done);
    }
  } finally {
    await source.store.save();
  }
  yield progress(done);
}

/** The views of the first step. */
async function firstViews(source: RowSource): Promise<ViewAddress[]> {
  const steps = source.steps({ epochs: 1 });
  for await (const { views } of source.plans(steps)) return addressesOf(views);
  return [];
}
