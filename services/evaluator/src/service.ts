import {
  type EvaluatorServiceImplementation,
  type GetReportRequest,
  ReportFormat,
} from '@mcld/contracts/mcld/v1/evaluator.js';
import { filePieces } from '@mcld/feeds/files.js';
import { NotFoundError, RequestError } from '@mcld/platform/grpc/errors.js';
import { asRunId } from '@mcld/platform/ids.js';
import { wireMetrics } from '@mcld/platform/runs/metrics.js';
import type { Report } from '@mcld/platform/runs/report.js';
import type { ObjectStore } from '@mcld/platform/storage/object-store.js';
import { WaitWatch } from '@mcld/platform/waits/wait-watch.js';
import { keptReport } from './report/kept-reports.js';
import { reportHtml } from './report/report-html.js';
import type { RunEvaluator } from './run-evaluator.js';

/** Runs that one page compares. */
const MAX_COMPARED = 64;

/** The evaluator's gRPC handlers. */
export function evaluatorService(evaluator: RunEvaluator): EvaluatorServiceImplementation {
  const { objects } = evaluator.parts.adapters;
  return {
    async evaluate({ runId, step, dataset }) {
      const { waitAfterMs: afterMs, logger } = evaluator.parts;
      const waits = new WaitWatch({ afterMs, logger: logger.child({ run: runId, step }) });
      const result = await evaluator.evaluate(asRunId(runId), step, waits, dataset);
      return { step: result.step, metrics: wireMetrics(result.metrics) };
    },
    async *getReport(request) {
      const document = Buffer.from(await reportDocument(objects, request));
      for (const content of filePieces(document)) yield { content };
    },
  };
}

async function reportDocument(objects: ObjectStore, { runIds, format }: GetReportRequest): Promise<string> {
  if (runIds.length === 0 || runIds.length > MAX_COMPARED) {
    throw new RequestError(`run_ids: ${runIds.length} given, expected 1 to ${MAX_COMPARED}`);
  }
  const reports: Report[] = [];
  for (const id of runIds) {
    const report = await keptReport(objects, asRunId(id));
    if (!report) throw new NotFoundError(`run ${id} has no report: it has none before its last evaluation`);
    reports.push(report);
  }
  if (format === ReportFormat.HTML) return reportHtml(reports);
  return JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2);
}
