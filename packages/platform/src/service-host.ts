import type { Adapters } from './adapters.js';
import type { Config } from './config.js';
import type { Logger } from './logging.js';

/** What a service is started with, in a process of its own or beside the others in one. `R` is a run's recipe. */
export interface ServiceHost<R = unknown> {
  readonly config: Config;
  readonly logger: Logger;
  readonly adapters: Adapters<R>;
  /** `unix:///path` instead of MCLD_HOST and MCLD_PORT, in a folder that only its user may enter. */
  readonly listen?: string;
  /** With `listen`: also on MCLD_HOST and MCLD_PORT. */
  readonly alsoTcp?: boolean;
}

export interface RunningService {
  readonly address: string;
  /** With `alsoTcp`: `host:port`. */
  readonly endpoint?: string;
  /** Stops taking work, finishes or checkpoints the current step, closes streams and threads. */
  drain(): Promise<void>;
}
