import { z } from 'zod';

/** What a wait is for. */
export interface WaitName {
  /** Who should bring it: 'data loader'. */
  readonly service: string;
  /** What it should bring: 'batches'. */
  readonly what: string;
}

/** A wait that has lasted longer than it should, as logs, events and records have it. */
export const waitSchema = z.object({
  service: z.string(),
  what: z.string(),
  /** ISO 8601. */
  since: z.string(),
  /** Failures in a row of the service that is waited for. */
  retries: z.int().min(0),
  /** Of the newest of these failures. */
  lastError: z.string().exactOptional(),
  /** Where the service is. */
  address: z.string().exactOptional(),
  /** The result of its health check since then; absent where it has none. */
  answer: z.enum(['answers', 'silent', 'absent']).exactOptional(),
  /** What the service says that it waits for itself. */
  because: z.string().exactOptional(),
});

export type Wait = Readonly<z.output<typeof waitSchema>>;

/** The parts of a run that wait apart from one another. */
export const waitStageSchema = z.enum(['training', 'evaluation']);

export type WaitStage = z.output<typeof waitStageSchema>;
