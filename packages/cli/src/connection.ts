import { PipelineServiceDefinition, type Run } from '@mcld/contracts/mcld/v1/pipeline.js';
import { readConfig } from '@mcld/platform/config.js';
import { type OpenClient, openClient, type Security } from '@mcld/platform/grpc/client.js';
import { RemoteError } from '@mcld/platform/grpc/remote-error.js';
import { type EmbeddedPipeline, homeFolder } from './embedded.js';
import { CliError, Exit, StreamEndedError } from './exit.js';
import { explain } from './failures.js';
import { hasLeft, hostHome, hostOrFind, lasts, type ServingOwner } from './home.js';
import { isUnderWay } from './run-state.js';
import { say } from './say.js';

export type PipelineClient = OpenClient<typeof PipelineServiceDefinition>['client'];

export interface ConnectionOptions {
  readonly endpoint?: string;
  readonly home?: string;
  /**
   * How a command without an endpoint uses its home. `alone` hosts the pipeline there, and is refused where another
   * process does; `lasting` asks that process instead; so does `brief`, and where it hosts the pipeline itself, others
   * do not join it, but wait for its end.
   */
  readonly use?: 'alone' | 'lasting' | 'brief';
}

export interface Connection {
  readonly client: PipelineClient;
  /** Address of the teacher. */
  readonly teacher: string;
  /** The home whose pipeline this is; undefined with an endpoint. */
  readonly home: string | undefined;
  /** The process that hosts the home's pipeline, where it is another one. */
  readonly owner: ServingOwner | undefined;
  /** Options with which other commands find the same pipeline, to be put behind theirs. */
  readonly place: string;
  close(): Promise<void>;
}

/** Connects to `--endpoint` or MCLD_ENDPOINT; without either, hosts the pipeline of a home or finds who does. */
async function openConnection(
  { use = 'alone', ...options }: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection> {
  // A home that is named goes before an endpoint of the environment.
  const endpoint = options.endpoint ?? (options.home === undefined ? process.env.MCLD_ENDPOINT : undefined);
  if (endpoint) {
    const place = options.endpoint ? ` --endpoint ${options.endpoint}` : '';
    const config = readConfig();
    return connected(endpoint, config.MCLD_TEACHER_INFERENCE, { home: undefined, owner: undefined, place }, config);
  }
  const home = homeFolder(options.home);
  const about = { home, place: placeOf(home) };
  const host = await (use === 'alone' ? hostHome : hostOrFind)({ home, brief: use === 'brief' }, signal);
  if (!('serving' in host)) return hosted(host, about);
  const { pipeline, teacher } = host.serving;
  return connected(pipeline, teacher, { ...about, owner: host });
}

/** Quoted so that a shell takes it as one word. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** `--home`, where it is not the usual one. */
export function placeOf(home: string): string {
  if (home === homeFolder(undefined)) return '';
  return ` --home ${/^[\w./~-]+$/.test(home) ? home : shellQuoted(home)}`;
}

function connected(
  address: string,
  teacher: string,
  about: Pick<Connection, 'home' | 'owner' | 'place'>,
  security: Security = {},
): Connection {
  const { client, close } = openClient(PipelineServiceDefinition, address, security);
  return { client, teacher, ...about, close: async () => close() };
}

function hosted(pipeline: EmbeddedPipeline, about: Pick<Connection, 'home' | 'place'>): Connection {
  const { addresses } = pipeline;
  const connection = connected(addresses.pipeline, addresses['teacher-inference'], { ...about, owner: undefined });
  const own = new Set<string>();
  const close = async () => {
    // A list that fails must not keep this process from ending.
    const stopping = await runsUnderWay(connection.client).catch(() => []);
    for (const id of stopping.filter((other) => !own.has(other))) {
      say(
        `run ${id} stops too: the command that asked for it goes on with it, or else 'mcld resume ${id}${about.place}'`,
      );
    }
    await connection.close();
    await pipeline.close();
  };
  return { ...connection, client: noting(connection.client, own), close };
}

/** A client that notes which runs were made or resumed by it. */
function noting(client: PipelineClient, own: Set<string>): PipelineClient {
  const noted = <R extends { run?: Run | undefined }>(answer: R): R => {
    if (answer.run) own.add(answer.run.id);
    return answer;
  };
  return {
    ...client,
    createRun: async (request, options) => noted(await client.createRun(request, options)),
    resumeRun: async (request, options) => noted(await client.resumeRun(request, options)),
  };
}

/** The newest runs that wait for the pipeline's process, or that it works on. */
export async function runsUnderWay(client: PipelineClient): Promise<string[]> {
  const { runs } = await client.listRuns({ pageSize: 500 });
  return runs.filter(isUnderWay).map(({ id }) => id);
}

/**
 * Runs `action` in a connection that is closed after it, also on Ctrl-C: then a pipeline in this process drains, which
 * leaves a checkpoint to resume from. Where another process hosts the pipeline and ends meanwhile, the action runs
 * again without it: it must be safe to repeat.
 */
export async function withConnection<T>(
  options: ConnectionOptions,
  action: (connection: Connection, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interruption = new AbortController();
  const { signal } = interruption;
  const interrupt = () => interruption.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  let left: unknown;
  try {
    for (;;) {
      const connection = await openConnection(options, signal).catch((error) => {
        throw left instanceof StreamEndedError ? stillLeft(left.runId, error) : error;
      });
      try {
        return await action(connection, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        await assertOwnerLeft(connection, error);
        left = error;
      } finally {
        await connection.close();
      }
    }
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** Throws `error` again unless its cause is that the other process has ended, and this one can go on without it. */
async function assertOwnerLeft({ owner, home, place }: Connection, error: unknown): Promise<void> {
  const mayBe = error instanceof RemoteError || error instanceof StreamEndedError;
  if (!mayBe || !owner || !home || !(await hasLeft(home, owner))) throw error;
  const { pid, serving } = owner;
  if (!lasts(owner)) return say(`process ${pid} has ended; going on without it`);
  // A server is restarted by whatever started it, and could not be if this process took its home.
  const next = error instanceof StreamEndedError ? `; 'mcld resume ${error.runId}${place}' goes on with the run` : '';
  throw new CliError(`process ${pid}, mcld up at ${serving.endpoint}, has ended${next}`, Exit.unavailable);
}

/** A run was followed whose process ended, and `error` keeps this one from going on with it. */
function stillLeft(runId: string, error: unknown): CliError {
  const { message, code } = explain(error);
  return new CliError(`run ${runId} is interrupted, 'mcld resume' goes on with it; ${message}`, code);
}
