import { randomUUID } from 'node:crypto';
import { ReportFormat } from '@mcld/contracts/mcld/v1/evaluator.js';
import { PipelineServiceDefinition, type Run, RunState } from '@mcld/contracts/mcld/v1/pipeline.js';
import { readConfig } from '@mcld/platform/config.js';
import { openClient } from '@mcld/platform/grpc/client.js';

export const pipelineAt = (endpoint: string) => openClient(PipelineServiceDefinition, endpoint, readConfig({}));

export type PipelineClient = ReturnType<typeof pipelineAt>['client'];

/** A recipe of seconds, on the given data. */
export const quickRecipe = (root: string, changes: Record<string, unknown> = {}) => ({
  name: 'quick',
  dataset: { name: 'cifar-100', root },
  model: 'resnet8',
  distiller: { name: 'ce' },
  optimizer: { lr: 0.1, nesterov: true },
  schedule: { name: 'one-cycle', riseShare: 0.2 },
  epochs: 2,
  ...changes,
});

export async function createRun(
  client: PipelineClient,
  recipe: Record<string, unknown>,
  requestId: string = randomUUID(),
): Promise<Run> {
  const { run } = await client.createRun({ requestId, recipe });
  if (!run) throw new Error('no run in the answer');
  return run;
}

/** Waits for a run's end. */
export async function ended(client: PipelineClient, id: string): Promise<Run> {
  for await (const { run } of client.watchRun({ runId: id })) if (run) return run;
  throw new Error(`the stream of ${id} ended before the run`);
}

/** Creates a run and waits for its success. */
export async function runToEnd(client: PipelineClient, recipe: Record<string, unknown>): Promise<Run> {
  const { id } = await createRun(client, recipe);
  const run = await ended(client, id);
  if (run.state !== RunState.SUCCEEDED) throw new Error(`run ${id} ${RunState[run.state]}: ${run.error}`);
  return run;
}

export interface ReportPart {
  readonly modelSha256: string;
  readonly history: readonly unknown[];
  readonly metrics: { readonly top1: number; readonly agreement?: number };
}

/** A finished run's report. */
export async function reportOf(client: PipelineClient, id: string): Promise<ReportPart> {
  const pieces: Buffer[] = [];
  for await (const { content } of client.getRunReport({ runIds: [id], format: ReportFormat.JSON }))
    pieces.push(Buffer.from(content));
  return JSON.parse(Buffer.concat(pieces).toString()) as ReportPart;
}
