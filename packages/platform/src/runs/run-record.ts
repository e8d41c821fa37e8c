import type { RunId } from '../ids.js';
import type { Carrier } from '../telemetry.js';
import type { MetricsRecord } from './metrics.js';

export type RunState = 'queued' | 'training' | 'evaluating' | 'succeeded' | 'failed' | 'cancelled' | 'interrupted';

/** A run as the control plane keeps it. */
export interface RunRecord {
  readonly id: RunId;
  readonly name: string;
  readonly requestId: string;
  readonly state: RunState;
  /** With every default filled in. */
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly attempt: number;
  /** How often it was queued; makes each queueing's message its own. */
  readonly submissions: number;
  readonly error: string;
  readonly metrics?: MetricsRecord;
  readonly teacherDigest: string;
  /** Trace context that all work on the run belongs to. */
  readonly trace: Carrier;
}

export const hasEnded = (state: RunState): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled';
