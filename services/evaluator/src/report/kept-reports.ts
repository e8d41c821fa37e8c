import { getDocument } from '@mcld/platform/documents.js';
import type { RunId } from '@mcld/platform/ids.js';
import { reportKey } from '@mcld/platform/object-keys.js';
import { type Report, reportSchema } from '@mcld/platform/runs/report.js';
import { type ObjectStore, putJson } from '@mcld/platform/storage/object-store.js';
import { reportHtml } from './report-html.js';

/** Writes a run's report, as JSON and as a page. */
export async function keepReport(objects: ObjectStore, run: RunId, report: Report): Promise<void> {
  await putJson(objects, reportKey(run, 'report.json'), report);
  await objects.put(reportKey(run, 'report.html'), Buffer.from(reportHtml([report])));
}

/** @returns undefined before a run's last evaluation @throws DocumentError */
export const keptReport = (objects: ObjectStore, run: RunId): Promise<Report | undefined> =>
  getDocument(objects, reportKey(run, 'report.json'), reportSchema);
