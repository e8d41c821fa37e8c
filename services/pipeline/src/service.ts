import type { EvaluatorServiceDefinition } from '@mcld/contracts/mcld/v1/evaluator.js';
import type {
  ImportTeacherRequest,
  PipelineServiceImplementation,
  WatchRunResponse,
} from '@mcld/contracts/mcld/v1/pipeline.js';
import { filePieces, wholeFile } from '@mcld/feeds/files.js';
import type { RunEvent } from '@mcld/platform/bus/events.js';
import type { OpenClient } from '@mcld/platform/grpc/client.js';
import { RequestError } from '@mcld/platform/grpc/errors.js';
import { asRunId, type RunId } from '@mcld/platform/ids.js';
import { hasEnded } from '@mcld/platform/runs/run-record.js';
import { changeRun } from '@mcld/platform/runs/run-store.js';
import { carryContext, inSpan } from '@mcld/platform/telemetry.js';
import { parseRecipe } from '@mcld/recipe/parse.js';
import { exportStudent } from './export.js';
import { applyEvent } from './run-reducer.js';
import type { Runs } from './runs.js';
import { importTeacher, resolveTeacher, type TeacherFile } from './teachers.js';
import { toWire } from './wire.js';

/** The control plane's gRPC handlers. @param closing aborted when the service stops */
export function pipelineService(
  runs: Runs,
  evaluator: OpenClient<typeof EvaluatorServiceDefinition>['client'],
  closing: AbortSignal,
): PipelineServiceImplementation {
  return {
    // The root of the run's trace: its context goes with the record and the messages.
    createRun: ({ requestId, recipe }) =>
      inSpan('run', { request: requestId }, async () => ({ run: toWire(await runs.create(requestId, recipe)) })),

    getRun: async ({ runId }) => ({ run: toWire(await runs.get(asRunId(runId))) }),

    async listRuns({ pageSize, pageToken }) {
      if (pageSize > 500) throw new RequestError(`page_size ${pageSize}: expected at most 500`);
      const size = pageSize || 50;
      const { records: all, unreadable } = await runs.adapters.runs.list();
      const after = pageToken === '' ? -1 : all.findIndex(({ id }) => id === pageToken);
      if (pageToken !== '' && after < 0) throw new RequestError(`page_token '${pageToken}' is not known`);
      const page = all.slice(after + 1, after + 1 + size);
      const more = after + 1 + size < all.length;
      return {
        runs: page.map(toWire),
        nextPageToken: more ? (page.at(-1)?.id ?? '') : '',
        unreadable: unreadable.map(({ message }) => message),
      };
    },

    watchRun: ({ runId }, { signal }) => watch(runs, asRunId(runId), AbortSignal.any([signal, closing])),

    cancelRun: async ({ runId }) => ({ run: toWire(await runs.cancel(asRunId(runId))) }),

    resumeRun: ({ runId }) =>
      inSpan('resume', { run: runId }, async () => {
        const resumed = await runs.resume(asRunId(runId));
        const trace = carryContext();
        await changeRun(runs.adapters.runs, resumed.id, (current) => ({ ...current, trace }));
        return { run: toWire(resumed) };
      }),

    async deleteRun({ runId }) {
      await runs.delete(asRunId(runId));
      return {};
    },

    async *exportStudent(request) {
      const file = await exportStudent(runs, runs.adapters, request);
      for (const chunk of filePieces(file)) yield { chunk };
    },

    getRunReport: (request, { signal }) => evaluator.getReport(request, { signal }),

    async importTeacher(requests) {
      const { digest, notes } = await importTeacher(runs.adapters.objects, await collect(requests));
      return { teacherDigest: digest, notes: [...notes] };
    },

    async resolveTeacher({ recipe }) {
      return { teacherDigest: await resolveTeacher(runs, parseRecipe(recipe)) };
    },
  };
}

async function* watch(runs: Runs, id: RunId, signal: AbortSignal): AsyncGenerator<Partial<WatchRunResponse>> {
  const ended = hasEnded((await runs.get(id)).state);
  for await (const event of runs.adapters.events.watch(id, signal, { live: !ended })) {
    // The event loop may not have handled this event yet; applying it here too changes nothing else.
    const record =
      (await changeRun(runs.adapters.runs, id, (current) => applyEvent(current, event))) ?? (await runs.get(id));
    // A resumed run has older endings in its history: only the record says that it has ended now.
    const last = hasEnded(record.state) && event.kind === record.state;
    if (last && !ended) {
      yield { ...fieldsOf(event), run: toWire(record) };
      return;
    }
    yield fieldsOf(event);
  }
  // The history may have been lost with its process, or be past its limits: the record is not.
  if (ended) yield { kind: 'ended', run: toWire(await runs.get(id)) };
}

const fieldsOf = (event: RunEvent): Partial<WatchRunResponse> => ({
  eventId: event.id,
  kind: event.kind,
  time: new Date(event.time),
  data: { ...event.data },
});

async function collect(requests: AsyncIterable<ImportTeacherRequest>): Promise<TeacherFile> {
  const { head, bytes } = await wholeFile(requests, ({ chunk }) => chunk, 'a teacher');
  return { model: head?.model ?? '', weights: head?.weights ?? '', file: bytes };
}
