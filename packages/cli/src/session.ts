import { PipelineServiceDefinition } from '@mcld/contracts/mcld/v1/pipeline.js';
import { readConfig } from '@mcld/platform/config.js';
import { type OpenClient, openClient } from '@mcld/platform/grpc/client.js';
import { startEmbedded } from './embedded.js';

export type PipelineClient = OpenClient<typeof PipelineServiceDefinition>['client'];

export interface SessionOptions {
  readonly endpoint?: string;
  readonly home?: string;
}

export interface Session {
  readonly client: PipelineClient;
  /** Address of the teacher. */
  readonly teacher: string;
  /** Set when this process hosts the pipeline itself. */
  readonly home: string | undefined;
  close(): Promise<void>;
}

/** Connects to `--endpoint` or MCLD_ENDPOINT; without either, hosts the pipeline in this process. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const endpoint = options.endpoint ?? process.env.MCLD_ENDPOINT;
  const embedded = endpoint ? undefined : await startEmbedded(options.home ? { home: options.home } : {});
  const config = readConfig();
  const { client, close } = openClient(PipelineServiceDefinition, endpoint ?? (embedded?.endpoint as string), config);
  return {
    client,
    teacher: embedded?.addresses['teacher-inference'] ?? config.MCLD_TEACHER_INFERENCE,
    home: embedded?.home,
    close: async () => {
      close();
      await embedded?.close();
    },
  };
}

/**
 * Runs `action` in a session that is closed after it, also on Ctrl-C: then the pipeline drains, which
 * leaves a checkpoint to resume from.
 */
export async function withSession<T>(
  options: SessionOptions,
  action: (session: Session, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const session = await openSession(options);
  try {
    return await action(session, interruption.signal);
  } finally {
    await session.close();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
