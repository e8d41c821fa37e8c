import { McldError } from '@mcld/errors/mcld-error.js';
import type { Meaning } from '@mcld/errors/meaning.js';

/** Exit codes that scripts can rely on; docs/cli.md lists them. */
export const Exit = {
  ok: 0,
  /** The command ran, and what it was about failed: a run that failed, a download that broke off. */
  failure: 1,
  /** The command line, the recipe or a setting is wrong. */
  usage: 2,
  notFound: 3,
  /** A service, NATS or the object store cannot be reached. */
  unavailable: 4,
  interrupted: 130,
} as const;

/** An error to be shown as its message alone. */
export class CliError extends McldError {
  static override readonly meaning: Meaning = { status: 'FAILED_PRECONDITION', reason: 'COMMAND' };

  constructor(
    message: string,
    readonly code: number = Exit.failure,
  ) {
    super(message);
  }
}

/** Thrown when a pipeline stops telling of a run before the run's end: its process has ended, or is ending. */
export class StreamEndedError extends CliError {
  static override readonly meaning: Meaning = { status: 'UNAVAILABLE', reason: 'STREAM_ENDED' };

  constructor(readonly runId: string) {
    super(
      `the pipeline stopped telling of run ${runId} before its end; 'mcld watch ${runId}' follows it again`,
      Exit.unavailable,
    );
  }
}
